"""A budget ends a run at its sum, with everything kept, and counts every attempt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earmark.errors import BudgetReachedError, BudgetSpentError, UsageError
from earmark.recognizers.doubles import Echo
from earmark.records import Hypothesis, Price, Usage
from earmark.store import layout
from earmark.verbs import metering
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import Warned
from tests.toys import ToySource, toy_source


class Clock:
    """The engine's time, which passes only while the toy works."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def priced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of a processor costs 3,600: a second costs 1."""
    path = tmp_path / "prices.toml"
    path.write_text('currency = "USD"\n[devices.cpu]\nper_hour = 3600\nas_of = 2026-01-01\n')
    monkeypatch.setenv("EARMARK_PRICES", str(path))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(metering, "_clock", clock)
    return clock


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
