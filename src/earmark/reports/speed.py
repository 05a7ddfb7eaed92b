"""How fast a run was: seconds of audio for a second of time, from the receipts of its parts and from its attempts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earmark.records import Receipt
from earmark.store import layout
from earmark.store.run import RunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Seconds of audio for a second of time, in three scopes.

    ``compute``: inside the recognizer. ``worker``: the workers' time, decoding and waiting included. Both over every
    part of the run. ``wall``: from the start of the program to its last result, loading included, over what the latest
    attempt transcribed itself. None where nothing was measured.
    """

    compute: float | None
    worker: float | None
    wall: float | None
    wall_s: float | None
    wall_audio_s: float
    waited_share: float | None
    """Of the workers' time, what the recognizer spent waiting for audio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One start of a run that came to its end or to a stop: what it transcribed itself, and how long it took."""

    attempt: str
    started: str
    wall_s: float
    audio_s: float
    num_rows: int
    engine: str
    num_workers: int
    outcome: str
    price: Mapping[str, Any] | None = None
    """The fields of records.Price, where the user stated one."""
    engine_s: float = 0.0
    """From the start of the engine to its end. Attempts of earlier versions have 0 here, and nothing below."""
    cold_start_s: float | None = None
    """From the start of the engine to that of its first shard."""
    workers: Sequence[Mapping[str, Any]] = ()
    """The fields of reports.capacity.WorkerTime, for each worker that did a shard."""
    num_started: int | None = None
    """How many workers were started, those included that did no shard. None: of an earlier version, as asked for."""
    device_price: Mapping[str, Any] | None = None
    """The fields of reports.prices.DevicePrice, where the workers' device has a price."""

    progress: Sequence[tuple[int, int, Mapping[str, float]]] = ()
    """How it went on: utterances done, milliseconds since 1970, and numbers by name."""

    def save(self, store: RunStore) -> None:
        """Keep it under its own name, so that attempts never collide."""
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        store.folder.write(f"{layout.ATTEMPTS}/{self.started}-{self.attempt}.json", text.encode())


def attempts(store: RunStore) -> list[Attempt]:
    """All that were kept, the earliest first."""
    return [Attempt(**json.loads(store.folder.read(name))) for name in store.folder.names(layout.ATTEMPTS)]


def speed(receipts: Sequence[Receipt], kept: Sequence[Attempt]) -> Speed:
    """Add up a run's receipts, and take the wall time from the latest attempt that did anything."""
    compute_s = sum(receipt.compute_s for receipt in receipts)
    worker_s = sum(receipt.worker_s for receipt in receipts)
    audio_s = sum(receipt.audio_s for receipt in receipts)
    worked = [attempt for attempt in kept if attempt.num_rows]
    last = worked[-1] if worked else None
    return Speed(
        compute=audio_s / compute_s if compute_s else None,
        worker=audio_s / worker_s if worker_s else None,
        wall=last.audio_s / last.wall_s if last and last.wall_s else None,
        wall_s=last.wall_s if last else None,
        wall_audio_s=last.audio_s if last else 0.0,
        waited_share=sum(receipt.wait_s for receipt in receipts) / worker_s if worker_s else None,
    )
