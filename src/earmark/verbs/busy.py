"""How busy the devices of an attempt are so far, from the receipts of its workers. Knows no screen."""

from __future__ import annotations

from earmark.records import Receipt


class BusyDevices:
    """Adds up, for each device, the seconds that its workers were at work and those inside the recognizer."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, receipt: Receipt) -> None:
        """Take what a worker says of a part."""
        key = (receipt.host, receipt.device)
        compute_s, worker_s = self._seconds.get(key, (0.0, 0.0))
        self._seconds[key] = (compute_s + receipt.compute_s, worker_s + receipt.worker_s)

    def shares(self) -> dict[str, float]:
        """The share of its workers' time that each device computed, in [0, 1]; with its machine if there are more."""
        has_one_host = len({host for host, _ in self._seconds}) == 1
        return {
            device if has_one_host else f"{host} {device}": min(1.0, compute_s / worker_s)
            for (host, device), (compute_s, worker_s) in sorted(self._seconds.items())
            if worker_s > 0
        }
