"""A budget ends a run at its sum, with everything kept, and counts every attempt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earmark.engines.inline import InlineEngine
from earmark.engines.options import EngineOptions
from earmark.errors import BudgetReachedError, BudgetSpentError, UsageError
from earmark.recognizers.doubles import Echo
from earmark.records import Hypothesis, Price, Receipt, Usage
from earmark.reports.prices import DevicePrice
from earmark.store import layout
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import Warned
from earmark.verbs.metering import Meter, device_name
from earmark.verbs.workforce import Workforce
from tests.toys import ToySource, toy_source
from tests.verbs.conftest import Clock


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def source(tmp_path: Path) -> ToySource:
    return toy_source(tmp_path / "audio", 10)


class Timed(Echo):
    """Takes a second for each utterance, one at a time; with a price, it asks a server as well."""

    name = "timed"
    batching = "single"

    def __init__(self, source: ToySource, clock: Clock, price: Price | None = None) -> None:
        super().__init__(source.texts)
        self._clock = clock
        self.price = price

    def transcribe(self, batch):
        self._clock.now_s += len(batch)
        usage = Usage(num_calls=1, unstated_s=60.0) if self.price else None
        return [Hypothesis(self.text(waveform), usage=usage) for waveform in batch]


PRICE = DevicePrice(device="cpu", per_hour=3600.0, currency="USD", as_of="2026-01-01", source="here")


def receipt(rank: int, worker_s: float) -> Receipt:
    return Receipt(
        part=f"p{rank}", spec_fingerprint="f", batches=(0,), num_piece_rows=0, num_rows=1, num_failed=0, num_splits=0,
        audio_s=1.0, compute_s=worker_s, wait_s=0.0, worker_s=worker_s, rank=rank, device="cpu", host="h",
        attempt="a", versions={},
    )  # fmt: skip


def attempts_of(out: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted((out / layout.ATTEMPTS).iterdir())]


def test_a_run_ends_at_the_sum_and_goes_on_with_a_larger_one(source, clock, priced, tmp_path):
    """Nothing is lost, what was spent counts in the next attempt, and a budget that is spent begins nothing."""
    out, told = tmp_path / "run", []
    with pytest.raises(BudgetReachedError) as reached:
        evaluate(Timed(source, clock), source, out=out, budget=4.0, observer=told.append)
    assert reached.value.exit_code == 5
    assert reached.value.num_done == 4
    assert reached.value.spent == 4.0
    assert "the run has cost 4.0000 USD" in reached.value.cause
    assert "larger --budget than 4" in reached.value.hint
    assert sum("budget of 4 USD is reached" in one.sentence for one in told if isinstance(one, Warned)) == 1
    assert [one["outcome"] for one in attempts_of(out)] == ["interrupted"]

    with pytest.raises(BudgetSpentError) as refused:
        evaluate(Timed(source, clock), source, out=out, budget=4.0)
    assert refused.value.exit_code == 2
    assert len(attempts_of(out)) == 1

    with pytest.raises(BudgetReachedError) as again:
        evaluate(Timed(source, clock), source, out=out, budget=6.0)
    assert (again.value.num_done, again.value.spent) == (6, 6.0)

    summary = evaluate(Timed(source, clock), source, out=out, budget=10.5)
    assert (summary.num_scored, summary.wer) == (10, 0.0)
    assert summary.capacity.cost.amount == 10.0
    assert summary.capacity.paid_s == 10.0


def test_an_attempt_that_was_killed_counts_by_its_work(source, clock, priced, tmp_path):
    """It kept no time of its own, but its receipts say what its workers did."""
    out = tmp_path / "run"
    with pytest.raises(BudgetReachedError):
        evaluate(Timed(source, clock), source, out=out, budget=4.0)
    for path in (out / layout.ATTEMPTS).iterdir():
        path.unlink()
    assert evaluate(Timed(source, clock), source, out=out).capacity.paid_s > 6.0, "the second attempt takes 6 s"


def test_calls_are_counted_with_the_time(source, clock, priced, tmp_path):
    """Each of them is a minute at 1, beside its second at 1: the sum of 6 is reached by three."""
    toy = Timed(source, clock, Price(per_minute=1.0, currency="USD"))
    with pytest.raises(BudgetReachedError) as reached:
        evaluate(toy, source, out=tmp_path / "run", budget=6.0)
    assert reached.value.spent == 6.0


def test_calls_alone_are_a_price(source, clock, tmp_path, monkeypatch):
    """A processor of one's own needs none."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    toy = Timed(source, clock, Price(per_minute=1.0, currency="EUR"))
    with pytest.raises(BudgetReachedError) as reached:
        evaluate(toy, source, out=tmp_path / "run", budget=3.0)
    assert (reached.value.spent, reached.value.currency) == (3.0, "EUR")


@pytest.mark.parametrize(
    ("budget", "price", "says"),
    [
        (0.0, None, "--budget 0 is no sum"),
        (float("nan"), None, "--budget nan is no sum"),
        (5.0, Price(per_minute=1.0, currency="EUR"), "two currencies"),
    ],
)
def test_a_budget_that_means_nothing_is_refused(source, clock, priced, tmp_path, budget, price, says):
    """Before any folder is made."""
    with pytest.raises(UsageError, match=says):
        evaluate(Timed(source, clock, price), source, out=tmp_path / "run", budget=budget)
    assert not (tmp_path / "run").exists()


def test_a_budget_needs_a_price(source, clock, tmp_path, monkeypatch):
    """The message says where one may be written."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(UsageError) as refused:
        evaluate(Timed(source, clock), source, out=tmp_path / "run", budget=5.0)
    assert "'cpu' has none" in refused.value.what
    assert str(tmp_path / "earmark" / "prices.toml") in refused.value.hint


def test_a_run_without_prices_has_shares_and_no_cost(source, clock, tmp_path, monkeypatch):
    """The summary's numbers of answers do not know of it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    summary = evaluate(Timed(source, clock), source, out=tmp_path / "run")
    assert summary.capacity.cost is None
    assert [one.device for one in summary.capacity.devices] == ["cpu"]
    assert json.loads((tmp_path / "run" / layout.SUMMARY).read_text())["capacity"]["paid_s"] == 10.0


def test_workers_that_were_never_started_cost_nothing(source, priced, tmp_path):
    """Eight are asked for, and one shard starts one of them."""
    few = toy_source(tmp_path / "few", 1)
    evaluate(Echo(few.texts), few, out=tmp_path / "run", engine="processes", workers=8)
    (kept,) = attempts_of(tmp_path / "run")
    assert (kept["num_workers"], kept["num_started"]) == (8, 1)
    paid_s = json.loads((tmp_path / "run" / layout.SUMMARY).read_text())["capacity"]["paid_s"]
    assert paid_s == pytest.approx(kept["engine_s"])


def test_workers_elsewhere_are_paid_from_their_first_shard(clock):
    """How many a cluster or a cloud has is a guess; receipts say who worked, and who joined."""
    meter = Meter(device="cpu", num_workers=1, device_price=PRICE, call_price=None, starts_at_once=False)
    meter.begin()
    clock.now_s = 10.0
    assert meter.spent() == 0.0, "an image is built, say"
    meter.take(receipt(rank=0, worker_s=4.0))
    clock.now_s = 20.0
    meter.take(receipt(rank=5, worker_s=1.0))
    assert meter.num_started == 2, "one more than there were"
    assert meter.spent() == pytest.approx(14.0 + 1.0)


def test_attempts_in_another_currency_end_a_budget_before_it_begins(source, clock, priced, tmp_path, monkeypatch):
    """Two currencies are no sum; without a budget the run goes on."""
    out = tmp_path / "run"
    with pytest.raises(BudgetReachedError):
        evaluate(Timed(source, clock), source, out=out, budget=4.0)
    other = tmp_path / "other.toml"
    other.write_text((tmp_path / "prices.toml").read_text().replace("USD", "JPY"))
    monkeypatch.setenv("EARMARK_PRICES", str(other))
    with pytest.raises(UsageError, match="not one sum") as refused:
        evaluate(Timed(source, clock), source, out=out, budget=4.0)
    assert "are in USD, and the budget in JPY" in refused.value.cause
    cost = evaluate(Timed(source, clock), source, out=out).capacity.cost
    assert (cost.amount, cost.currency) == (6.0, "JPY")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (EngineOptions(), "cpu"),
        (EngineOptions(gpu="H100:8"), "H100:8"),
    ],
)
def test_containers_have_the_device_that_was_asked_for(source, clock, options, named):
    """Never that of this machine, which may have a GPU where they have none."""
    toy = Timed(source, clock)
    toy.device_kind = "cuda"
    assert device_name(toy, Workforce(engine=InlineEngine(EngineOptions()), name="modal", options=options)) == named
