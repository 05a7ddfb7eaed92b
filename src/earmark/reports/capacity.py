"""How busy a run's workers were, and what their time cost: from what each attempt kept of itself, and from receipts.

Time is paid from the start of an attempt's engine to its end, for each of its workers, loading and waiting included:
that is what a cloud bills. Of an attempt that was killed nothing is kept but its receipts, so only its work counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from earmark.records import Receipt
from earmark.reports.prices import DevicePrice
from earmark.reports.speed import Attempt
from earmark.reports.usage import Cost

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTime:
    """What one worker did in an attempt. ``worker_s`` is spent on shards, ``compute_s`` of it in the recognizer."""

    rank: int
    host: str
    device: str
    num_parts: int
    audio_s: float
    worker_s: float
    compute_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceShare:
    """The workers on one kind of device, and the shares of their time inside the recognizer: mean and least."""

    device: str
    num_workers: int
    busy_share: float
    least_busy_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How an attempt's workers spent their time, and what all attempts of the run cost.

    The first three are of the latest attempt that did anything: ``cold_start_s`` from the start of its engine to that
    of its first shard; the others over the rest of its time, ``parallel_efficiency`` the share of it in which workers
    had a shard. ``cost`` is of devices and calls together, None where nothing has a price.
    """

    cold_start_s: float | None
    parallel_efficiency: float | None
    devices: tuple[DeviceShare, ...]
    paid_s: float
    cost: Cost | None
    cost_per_audio_hour: float | None

    def facts(self) -> dict[str, Any]:
        """What stands in summary.json."""
        return asdict(self)


def capacity(receipts: Sequence[Receipt], kept: Sequence[Attempt], of_calls: Cost | None) -> Capacity | None:
    """What a run's receipts and attempts say; ``of_calls`` is what calls to a server cost. None: nobody measured."""
    audio_s = sum(receipt.audio_s for receipt in receipts)
    if not any(receipt.worker_s for receipt in receipts):
        return None
    last = next((attempt for attempt in reversed(kept) if attempt.num_rows and attempt.workers), None)
    cost = _together(device_cost(receipts, kept), of_calls)
    return Capacity(
        cold_start_s=last.cold_start_s if last else None,
        parallel_efficiency=_efficiency(last) if last else None,
        devices=_shares(last) if last else (),
        paid_s=paid_s(receipts, kept),
        cost=cost,
        cost_per_audio_hour=cost.amount / audio_s * _HOUR_S if cost and audio_s else None,
    )


def paid_s(receipts: Sequence[Receipt], kept: Sequence[Attempt]) -> float:
    """The seconds of all workers in all attempts."""
    return sum(_paid(kept)) + sum(_of_the_killed(receipts, kept))


def device_cost(receipts: Sequence[Receipt], kept: Sequence[Attempt]) -> Cost | None:
    """What the time of all attempts costs, each at the price that it knew; None where none knew one.

    The work of a killed attempt counts at the price of the latest attempt that knows one.
    """
    prices = [DevicePrice(**attempt.device_price) if attempt.device_price else None for attempt in kept]
    latest = next((price for price in reversed(prices) if price), None)
    if latest is None:
        return None
    seconds = zip(_paid(kept), prices, strict=True)
    amount = sum(time_s * price.per_hour for time_s, price in seconds if price) / _HOUR_S
    amount += sum(_of_the_killed(receipts, kept)) * latest.per_hour / _HOUR_S
    unpriced = sum(price is None for price in prices)
    missing = f"; {unpriced} of {len(prices)} attempts have no price, and are not in it" if unpriced else ""
    price = f"{latest.per_hour:g} {latest.currency} an hour of {latest.device}, {latest.as_of}"
    basis = f"workers' time at {price}{missing}"
    return Cost(amount=amount, currency=latest.currency, basis=basis)


def _paid(kept: Sequence[Attempt]) -> list[float]:
    return [attempt.engine_s * attempt.num_workers for attempt in kept]


def _of_the_killed(receipts: Sequence[Receipt], kept: Sequence[Attempt]) -> list[float]:
    known = {attempt.attempt for attempt in kept}
    return [receipt.worker_s for receipt in receipts if receipt.attempt not in known]


def _together(one: Cost | None, other: Cost | None) -> Cost | None:
    """Both, where both are in one currency, or where a user called the other's nothing; else the first."""
    if one is None or other is None:
        return one or other
    if other.currency not in (None, one.currency):
        return Cost(amount=one.amount, currency=one.currency, basis=f"{one.basis}; without calls, in {other.currency}")
    return Cost(amount=one.amount + other.amount, currency=one.currency, basis=f"{one.basis}; {other.basis}")


def _worked_s(attempt: Attempt) -> float:
    """The time of one worker after the start-up."""
    return attempt.engine_s - (attempt.cold_start_s or 0.0)


def _efficiency(attempt: Attempt) -> float | None:
    could_s = _worked_s(attempt) * max(attempt.num_workers, len(attempt.workers))
    return sum(worker["worker_s"] for worker in attempt.workers) / could_s if could_s > 0 else None


def _shares(attempt: Attempt) -> tuple[DeviceShare, ...]:
    could_s = _worked_s(attempt)
    if could_s <= 0:
        return ()
    found: dict[str, list[float]] = {}
    for worker in attempt.workers:
        found.setdefault(worker["device"], []).append(worker["compute_s"] / could_s)
    return tuple(
        DeviceShare(
            device=device, num_workers=len(shares), busy_share=sum(shares) / len(shares), least_busy_share=min(shares)
        )
        for device, shares in sorted(found.items())
    )
