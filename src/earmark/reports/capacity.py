"""How busy a run's workers were, and what their time cost: from what each attempt kept of itself, and from receipts.

Time is paid to the end of an attempt's engine for each worker that was started: from the start of the engine where
workers start with it, else from that of the worker's first shard, as nobody knows what a cluster or a cloud did before.
Of an attempt that was killed nothing is kept but its receipts, so only its work counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from earmark.records import Receipt
from earmark.reports.prices import DevicePrice
from earmark.reports.speed import Attempt
from earmark.reports.usage import Cost

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTime:
    """What one worker did in an attempt. ``worker_s`` is spent on shards, ``compute_s`` of it in the recognizer.

    ``begun_s`` is from the start of the engine to where the worker's time is paid from.
    """

    rank: int
    host: str
    device: str
    num_parts: int
    audio_s: float
    worker_s: float
    compute_s: float
    begun_s: float = 0.0


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
    had a shard. ``cost`` is of devices and calls together, None where nothing has a price; ``price_as_of`` is the day
    of the price of the device, None where it has none.
    """

    cold_start_s: float | None
    parallel_efficiency: float | None
    devices: tuple[DeviceShare, ...]
    paid_s: float
    cost: Cost | None
    cost_per_audio_hour: float | None
    price_as_of: str | None = None

    def facts(self) -> dict[str, Any]:
        """What stands in summary.json."""
        return asdict(self)


def capacity(receipts: Sequence[Receipt], kept: Sequence[Attempt], of_calls: Cost | None) -> Capacity | None:
    """What a run's receipts and attempts say; ``of_calls`` is what calls to a server cost. None: nobody measured."""
    audio_s = sum(receipt.audio_s for receipt in receipts)
    if not any(receipt.worker_s for receipt in receipts):
        return None
    last = _latest_at_work(kept)
    price = latest_device_price(kept)
    cost = together(device_cost(receipts, kept), of_calls)
    return Capacity(
        cold_start_s=last.cold_start_s if last else None,
        parallel_efficiency=_efficiency(last) if last else None,
        devices=_shares(last) if last else (),
        paid_s=paid_s(receipts, kept),
        cost=cost,
        cost_per_audio_hour=cost.amount / audio_s * _HOUR_S if cost and audio_s else None,
        price_as_of=price.as_of if price else None,
    )


def paid_s(receipts: Sequence[Receipt], kept: Sequence[Attempt]) -> float:
    """The seconds of all workers in all attempts."""
    return sum(_paid(kept)) + sum(_of_the_killed(receipts, kept))


def device_cost(receipts: Sequence[Receipt], kept: Sequence[Attempt]) -> Cost | None:
    """What the time of all attempts costs, each at the price that it knew; None where none knew one.

    It is in the currency of the latest price. Attempts whose price is in another are left out, and the basis says so.
    The work of a killed attempt counts at the price of the latest attempt that knows one.
    """
    latest = latest_device_price(kept)
    if latest is None:
        return None
    prices = [DevicePrice(**attempt.device_price) if attempt.device_price else None for attempt in kept]
    seconds = zip(_paid(kept), prices, strict=True)
    counted = (time_s * price.per_hour for time_s, price in seconds if price and price.currency == latest.currency)
    amount = sum(counted) + sum(_of_the_killed(receipts, kept)) * latest.per_hour
    basis = f"workers' time at {latest.sentence}{_left_out(prices, latest.currency)}"
    return Cost(amount=amount / _HOUR_S, currency=latest.currency, basis=basis)


def latest_device_price(kept: Sequence[Attempt]) -> DevicePrice | None:
    """The price that the latest attempt knew which knew one. ``kept`` are a run's, the earliest first."""
    return next((DevicePrice(**attempt.device_price) for attempt in reversed(kept) if attempt.device_price), None)


def other_currencies(kept: Sequence[Attempt], currency: str) -> list[str]:
    """The currencies of attempts that do not add up with ``currency``."""
    found = {str(attempt.device_price["currency"]) for attempt in kept if attempt.device_price}
    return sorted(found - {currency})


def workers_at_work(kept: Sequence[Attempt]) -> list[dict[str, Any]]:
    """What each worker did in the latest attempt that did anything; ``could_s`` is its time after the start-up."""
    last = _latest_at_work(kept)
    return [{**one, "could_s": _could_s(last, _begun_s(one))} for one in last.workers] if last else []


def started_s(engine_s: float, num_started: int, begun_s: Sequence[float]) -> float:
    """The seconds that are paid for: of workers from ``begun_s`` on, of the others that were started from 0."""
    idle_s = max(0, num_started - len(begun_s)) * engine_s
    return idle_s + sum(max(0.0, engine_s - begun) for begun in begun_s)


def _left_out(prices: Sequence[DevicePrice | None], currency: str) -> str:
    unpriced = sum(price is None for price in prices)
    other = sorted({price.currency for price in prices if price} - {currency})
    said = f"; {unpriced} of {len(prices)} attempts have no price, and are not in it" if unpriced else ""
    return said + (f"; without attempts in {', '.join(other)}" if other else "")


def _paid(kept: Sequence[Attempt]) -> list[float]:
    return [started_s(one.engine_s, _num_started(one), [_begun_s(worker) for worker in one.workers]) for one in kept]


def _num_started(attempt: Attempt) -> int:
    asked_for = attempt.num_workers if attempt.num_started is None else attempt.num_started
    return max(asked_for, len(attempt.workers))


def _begun_s(worker: Mapping[str, Any]) -> float:
    return float(worker.get("begun_s", 0.0))  # attempts of earlier versions lack it


def _of_the_killed(receipts: Sequence[Receipt], kept: Sequence[Attempt]) -> list[float]:
    known = {attempt.attempt for attempt in kept}
    return [receipt.worker_s for receipt in receipts if receipt.attempt not in known]


def together(one: Cost | None, other: Cost | None) -> Cost | None:
    """Both, where both are in one currency, or where a user called the other's nothing; else the first."""
    if one is None or other is None:
        return one or other
    if other.currency not in (None, one.currency):
        return Cost(amount=one.amount, currency=one.currency, basis=f"{one.basis}; without calls, in {other.currency}")
    return Cost(amount=one.amount + other.amount, currency=one.currency, basis=f"{one.basis}; {other.basis}")


def _latest_at_work(kept: Sequence[Attempt]) -> Attempt | None:
    return next((attempt for attempt in reversed(kept) if attempt.num_rows and attempt.workers), None)


def _could_s(attempt: Attempt, begun_s: float = 0.0) -> float:
    """The time of one worker after the start-up; it ``begun_s`` after the start of the engine."""
    return attempt.engine_s - max(attempt.cold_start_s or 0.0, begun_s)


def _efficiency(attempt: Attempt) -> float | None:
    idle_s = _could_s(attempt) * (_num_started(attempt) - len(attempt.workers))
    could_s = idle_s + sum(_could_s(attempt, _begun_s(worker)) for worker in attempt.workers)
    return sum(worker["worker_s"] for worker in attempt.workers) / could_s if could_s > 0 else None


def _shares(attempt: Attempt) -> tuple[DeviceShare, ...]:
    found: dict[str, list[float]] = {}
    for worker in attempt.workers:
        could_s = _could_s(attempt, _begun_s(worker))
        if could_s > 0:
            found.setdefault(worker["device"], []).append(worker["compute_s"] / could_s)
    return tuple(
        DeviceShare(
            device=device, num_workers=len(shares), busy_share=sum(shares) / len(shares), least_busy_share=min(shares)
        )
        for device, shares in sorted(found.items())
    )
