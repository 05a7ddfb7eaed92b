"""What an attempt's workers do and cost, as their receipts come in, and the stop where a sum is reached.

Time is paid for each worker that was started, as in ``reports.capacity``; calls to a server by their usage. How many
were started is what the engine was asked for, and no more than it took shards; where the engine reaches for workers
elsewhere, those whose receipts came.
"""

from __future__ import annotations

import dataclasses
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from earmark.diagnosis.gpus import nvidia_gpus
from earmark.errors import BudgetReachedError, BudgetSpentError, UsageError, sum_as_said
from earmark.recognizers import Recognizer
from earmark.records import Price, Receipt, Shard, StopCheck, Usage
from earmark.reports.capacity import WorkerTime, device_cost, other_currencies, started_s
from earmark.reports.prices import DevicePrice, own_list, price_of, read_prices
from earmark.reports.speed import Attempt, attempts
from earmark.reports.usage import cost_of, used
from earmark.store.run import RunStore
from earmark.verbs.events import Observer, Warned, nobody
from earmark.verbs.workforce import Workforce

_HOUR_S = 3600.0
_IN_THIS_TREE = ("inline", "processes")
_clock = time.monotonic


def device_name(recognizer: Recognizer, workforce: Workforce) -> str:
    """What the workers run on, as a price list calls it: the GPU that was asked for, this machine's, or ``cpu``.

    Containers of Modal's without a GPU have processors, whatever this machine has; and a cluster's GPUs are what the
    cluster calls them, not those of the driver's machine.
    """
    if workforce.options.gpu is not None:
        return workforce.options.gpu
    if (workforce.device_kind or getattr(recognizer, "device_kind", "cpu")) == "cpu":
        return "cpu"
    if (elsewhere := workforce.gpu_name) is not None:
        return elsewhere
    found = nvidia_gpus()
    return found[0].name if found else "cuda"


def call_price(recognizer: Recognizer) -> Price | None:
    """What the user says that calls to its server cost; of somebody's own recognizer the attribute may be anything."""
    price = getattr(recognizer, "price", None)
    return price if isinstance(price, Price) else None


@dataclass(kw_only=True)
class Meter:
    """Counts one attempt. ``budget`` is for all attempts of the run together, in ``currency``; None: no end to it.

    ``is_here``: workers are this process or its children. ``starts_at_once``: they are started with the engine, so that
    ``num_workers`` is how many; else it is a guess, and each is known by its first receipt.
    """

    device: str
    num_workers: int
    engine: str = "inline"
    device_price: DevicePrice | None
    call_price: Price | None
    budget: float | None = None
    observer: Observer = nobody
    is_here: bool = True
    starts_at_once: bool = True
    has_ended_it: bool = field(default=False, init=False)
    num_failed: int = field(default=0, init=False)
    num_rows: int = field(default=0, init=False)
    usage: Usage | None = field(default=None, init=False)
    cold_start_s: float | None = field(default=None, init=False)
    workers: dict[tuple[str, int], WorkerTime] = field(default_factory=dict, init=False)
    num_shards: int = field(default=0, init=False)
    other_currencies: tuple[str, ...] = field(default=(), init=False)
    _earlier: float = field(default=0.0, init=False)
    _earlier_usage: Usage | None = field(default=None, init=False)
    _began_s: float | None = field(default=None, init=False)
    _ended_s: float | None = field(default=None, init=False)

    @classmethod
    def of(cls, recognizer: Recognizer, workforce: Workforce, budget: float | None, observer: Observer) -> Meter:
        """Of a run that is about to begin. Raises UsageError for a budget where nothing has a price, or two moneys."""
        device, calls = device_name(recognizer, workforce), call_price(recognizer)
        price = price_of(device, read_prices())
        if budget is not None:
            _check(budget, device, price, calls)
        return cls(
            device=device,
            num_workers=workforce.num_workers,
            engine=workforce.name,
            device_price=price,
            call_price=calls,
            budget=budget,
            observer=observer,
            is_here=workforce.name in _IN_THIS_TREE,
            starts_at_once=workforce.is_here,
        )

    @property
    def currency(self) -> str:
        """Of the budget and of what is spent."""
        return self._currency or "(no currency)"

    @property
    def _currency(self) -> str | None:
        known = self.device_price.currency if self.device_price else None
        return known or (self.call_price.currency if self.call_price else None)

    def check(self, store: RunStore) -> None:
        """Raise BudgetSpentError where earlier attempts of a run with a budget have spent it all.

        Raises UsageError where they were paid for in another currency.
        """
        spec = store.spec()
        if self.budget is None or spec is None:
            return
        self.go_on(store.progress(spec).receipts, attempts(store))
        if self.other_currencies:
            cause = f"its earlier attempts are in {', '.join(self.other_currencies)}, and the budget in {self.currency}"
            hint = "--fresh, another --out, or a price in the first currency"
            raise UsageError("--budget is of all attempts of a run, and theirs are not one sum", cause=cause, hint=hint)
        if self.spent() >= self.budget:
            raise BudgetSpentError(store.url, spent=self.spent(), budget=self.budget, currency=self.currency)

    def go_on(self, receipts: Sequence[Receipt], kept: Sequence[Attempt]) -> None:
        """Count what earlier attempts cost. Those in ``other_currencies`` are left out: no sum has two."""
        self.other_currencies = tuple(other_currencies(kept, self._currency)) if self._currency else ()
        foreign = {one.attempt for one in kept if (one.device_price or {}).get("currency") in self.other_currencies}
        receipts_here = [receipt for receipt in receipts if receipt.attempt not in foreign]
        priced = [one if one.device_price else dataclasses.replace(one, device_price=self._price()) for one in kept]
        earlier = device_cost(receipts_here, [one for one in priced if one.attempt not in foreign])
        if earlier is None and self.device_price is not None:  # none of them came to its end
            worked_s = sum(receipt.worker_s for receipt in receipts_here)
            self._earlier = worked_s * self.device_price.per_hour / _HOUR_S
        else:
            self._earlier = earlier.amount if earlier else 0.0
        self._earlier_usage = used(receipts)

    def begin(self) -> None:
        """The engine starts now."""
        self._began_s = _clock()

    def end(self) -> None:
        """The engine has ended."""
        self._ended_s = _clock()

    @property
    def engine_s(self) -> float:
        """How long the engine has run."""
        if self._began_s is None:
            return 0.0
        return (self._ended_s if self._ended_s is not None else _clock()) - self._began_s

    def counted(self, shards: Iterator[Shard]) -> Iterator[Shard]:
        """The same shards, counted as the engine takes them."""
        for shard in shards:
            self.num_shards += 1
            yield shard

    @property
    def num_started(self) -> int:
        """How many workers were started so far, as far as that is known here."""
        asked_for = min(self.num_workers, self.num_shards) if self.starts_at_once else 0
        return max(asked_for, len(self.workers))

    def take(self, receipt: Receipt) -> None:
        """Another part is committed."""
        start_s = max(0.0, self.engine_s - receipt.worker_s)
        begun_s = 0.0 if self.starts_at_once else start_s
        self.cold_start_s = start_s if self.cold_start_s is None else min(self.cold_start_s, start_s)
        key = (receipt.host, receipt.rank)
        done = self.workers.get(key) or WorkerTime(
            rank=receipt.rank, host=receipt.host, device=receipt.device,
            num_parts=0, audio_s=0.0, worker_s=0.0, compute_s=0.0, begun_s=begun_s,
        )  # fmt: skip
        self.workers[key] = dataclasses.replace(
            done,
            num_parts=done.num_parts + 1,
            audio_s=done.audio_s + receipt.audio_s,
            worker_s=done.worker_s + receipt.worker_s,
            compute_s=done.compute_s + receipt.compute_s,
        )
        self.num_failed += receipt.num_failed
        self.num_rows += receipt.num_rows
        if receipt.usage is not None:
            self.usage = receipt.usage + self.usage if self.usage is not None else receipt.usage

    def spent(self) -> float:
        """What all attempts have cost so far, in ``currency``."""
        begun_s = [worker.begun_s for worker in list(self.workers.values())]
        per_hour = self.device_price.per_hour if self.device_price else 0.0
        now = started_s(self.engine_s, self.num_started, begun_s) / _HOUR_S * per_hour
        found = [usage for usage in (self._earlier_usage, self.usage) if usage is not None]
        calls = cost_of(sum(found, Usage()), self.call_price) if found else None
        is_one_sum = calls is not None and calls.currency in (None, self.currency)
        return self._earlier + now + (calls.amount if calls and is_one_sum else 0.0)

    def stopping(self, stop: StopCheck) -> StopCheck:
        """``stop``, which also says yes once the budget is reached; the observer is told of that once."""
        budget = self.budget
        if budget is None:
            return stop

        def check() -> bool:
            if not self.has_ended_it and not stop() and self.spent() >= budget:
                self.has_ended_it = True
                told = f"the budget of {sum_as_said(budget)} {self.currency} is reached"
                said = f"{told}: batches in hand are finished and kept"
                self.observer(Warned(sentence=said))
            return self.has_ended_it or stop()

        return check

    def reached(self, num_done: int, num_segments: int) -> BudgetReachedError:
        """The error that ends a run whose budget is reached."""
        return BudgetReachedError(
            num_done, num_segments, spent=self.spent(), budget=self.budget or 0.0, currency=self.currency
        )

    def facts(self) -> dict[str, Any]:
        """The fields of an Attempt that are known here."""
        return {
            "engine_s": self.engine_s,
            "cold_start_s": self.cold_start_s,
            "workers": [dataclasses.asdict(worker) for worker in self.workers.values()],
            "device_price": self._price(),
            "num_started": self.num_started,
        }

    def peak_bytes(self) -> int | None:
        """The most memory that a worker process of this machine had resident; None where they run elsewhere."""
        if not self.is_here:
            return None
        who = (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)
        return max(resource.getrusage(one).ru_maxrss for one in who) * 1024

    def _price(self) -> dict[str, Any] | None:
        return self.device_price.facts() if self.device_price else None


def _check(budget: float, device: str, price: DevicePrice | None, calls: Price | None) -> None:
    if not 0 < budget < float("inf"):
        raise UsageError(f"--budget {sum_as_said(budget)} is no sum", hint="--budget 5.00")
    if price is None and calls is None:
        hint = f"{own_list()} may give it one: see docs/how-to/cost.md"
        raise UsageError(f"--budget needs a price, and {device!r} has none", hint=hint)
    if price and calls and calls.currency not in (None, price.currency):
        cause = f"an hour of {price.device} is in {price.currency}, and calls are in {calls.currency}"
        raise UsageError("--budget is one sum, and the prices are in two currencies", cause=cause)
