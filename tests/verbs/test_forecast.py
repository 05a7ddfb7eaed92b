"""A forecast starts nothing, is made of what was measured here, and says what it does not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import BudgetReachedError, BudgetSpentError, RunMismatchError, UnknownNameError, UsageError
from earmark.recognizers.doubles import Echo
from earmark.records import Hypothesis, Price, Usage
from earmark.spec import BatchingSpec
from earmark.verbs.arguments import Arguments
from earmark.verbs.evaluate import evaluate
from earmark.verbs.forecast import Forecast, forecast
from earmark.verbs.throughput import rule_of
from tests.toys import ToySource, toy_source, toy_spec
from tests.verbs.conftest import Clock


class Slow(Echo):
    """Takes as long for each batch as its audio lasts, on a clock of its own."""

    name = "slow-toy"
    batching = "masked"

    def __init__(self, source: ToySource, clock: Clock, **options: object) -> None:
        super().__init__(source.texts, **options)
        self._clock = clock

    def transcribe(self, batch):
        self._clock.now_s += sum(waveform.duration_s for waveform in batch)
        return super().transcribe(batch)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "cache"


@pytest.fixture
def clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The worker's, too."""
    monkeypatch.setattr("time.perf_counter", clock)
    return clock


@pytest.fixture
def source(tmp_path: Path) -> ToySource:
    """Forty utterances, 40 s in all."""
    return toy_source(tmp_path / "audio", durations_s=[1.0] * 40)


def look_ahead(model: Echo, data: ToySource, **asked: Any) -> Forecast:
    return forecast(Arguments(model=model, data=data, **asked))


def test_what_nobody_measured_is_not_known(source, clock, tmp_path):
    """The plan is known all the same, and nothing is written."""
    found = look_ahead(Slow(source, clock), source, out=tmp_path / "run", max_batch_s=4.0)
    assert (found.num_batches_left, found.largest_batch, found.largest_batch_s) == (10, 4, 4.0)
    assert (found.throughput, found.wall_s, found.cost) == (None, None, None)
    assert "'cpu' has no price" in found.why_no_cost
    assert clock.now_s == 0.0
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache").exists()


def test_a_pilot_is_enough_for_minutes_and_money(source, clock, priced, tmp_path):
    """A second of audio a second: 40 s of audio take 40 s on one worker at 1 a second."""
    assert look_ahead(Slow(source, clock), source, max_batch_s=4.0).why_no_cost == "the time is not known"
    pilot = evaluate(Slow(source, clock), toy_source(tmp_path / "few", durations_s=[1.0] * 8), out=tmp_path / "pilot",
                     max_batch_s=4.0)  # fmt: skip
    assert pilot.num_utterances == 8
    found = look_ahead(Slow(source, clock), source, out=tmp_path / "run", max_batch_s=4.0)
    assert found.throughput.rtfx == pytest.approx(1.0)
    assert (found.throughput.rule, found.throughput.audio_s) == ("4 s", 8.0)
    assert found.wall_s == pytest.approx(40.0)
    assert found.cost.amount == pytest.approx(40.0)
    half = look_ahead(Slow(source, clock), source, max_batch_s=4.0, engine="processes", workers=2)
    assert half.wall_s == pytest.approx(20.0)
    assert half.cost.amount == pytest.approx(40.0), "twice the workers for half the time"
    json.dumps(found.as_json())


def test_loading_is_kept_for_each_engine(source, clock, tmp_path, cache):
    """A process of its own, or a cluster, takes longer to load than this process: what one took says nothing of it."""
    evaluate(Slow(source, clock), source, out=tmp_path / "run", max_batch_s=4.0)
    [path] = (cache / "budgets").iterdir()
    facts = json.loads(path.read_text())
    assert list(facts["cold_start_s"]) == ["inline"]
    path.write_text(json.dumps({**facts, "cold_start_s": {"inline": 5.0, "processes": 9.0, "ray": "long"}}))
    ahead = {"out": tmp_path / "other", "max_batch_s": 4.0}
    found = [look_ahead(Slow(source, clock), source, **ahead, engine=engine) for engine in ("inline", "processes")]
    assert [one.cold_start_s for one in found] == [5.0, 9.0]
    assert [one.wall_s for one in found] == [pytest.approx(45.0), pytest.approx(49.0)]
    path.write_text(json.dumps({**facts, "cold_start_s": {"ray": 5.0}}))
    found = look_ahead(Slow(source, clock), source, **ahead)
    assert (found.cold_start_s, found.wall_s) == (None, pytest.approx(40.0))


def test_other_batches_are_a_hint_and_another_model_is_none(source, clock, tmp_path):
    """What was measured with other batches is named as such."""
    evaluate(Slow(source, clock), source, out=tmp_path / "run", max_batch_s=4.0)
    assert look_ahead(Slow(source, clock), source, max_batch_s=8.0).throughput.rule == "4 s"
    other = toy_source(tmp_path / "other", 3)
    assert look_ahead(Slow(other, clock), other).throughput is None, "another content hash is another model"


def test_what_is_done_is_not_counted_again(source, clock, priced, tmp_path):
    """A run that was begun is forecast from its own plan, with what it has cost."""
    with pytest.raises(BudgetReachedError):
        evaluate(Slow(source, clock), source, out=tmp_path / "run", max_batch_s=4.0, budget=12.0)
    found = look_ahead(Slow(source, clock), source, out=tmp_path / "run", max_batch_s=4.0)
    assert (found.num_segments, found.num_segments_left, found.num_batches_left) == (40, 28, 7)
    assert found.spent == 12.0
    assert found.throughput.audio_s == 12.0, "what was stopped was as fast as it was"
    with pytest.raises(BudgetSpentError):
        look_ahead(Slow(source, clock), source, out=tmp_path / "run", max_batch_s=4.0, budget=12.0)


def test_a_folder_of_another_run_is_refused_as_the_run_refuses_it(source, clock, tmp_path):
    """Else the dry run would promise what the run does not begin."""
    evaluate(Slow(source, clock), source, out=tmp_path / "run", max_batch_s=4.0)
    other = toy_source(tmp_path / "other", 3)
    with pytest.raises(RunMismatchError) as raised:
        look_ahead(Slow(other, clock), other, out=tmp_path / "run", max_batch_s=4.0)
    with pytest.raises(RunMismatchError) as of_the_run:
        evaluate(Slow(other, clock), other, out=tmp_path / "run", max_batch_s=4.0)
    assert raised.value.fields.keys() <= of_the_run.value.fields.keys()
    assert look_ahead(Slow(other, clock), other, out=tmp_path / "run", max_batch_s=4.0, fresh=True).num_segments == 3


def test_long_audio_is_estimated(tmp_path, clock):
    """Nothing is decoded for it; the run itself may cut elsewhere."""
    source = toy_source(tmp_path / "audio", durations_s=[5.0, 1.0])
    found = look_ahead(Slow(source, clock, max_audio_s=2.0), source, max_batch_s=4.0)
    assert found.pieces_are_estimated
    assert found.num_segments == 4


def test_a_memory_that_is_damaged_is_none(source, clock, cache, tmp_path):
    """As a run's own numbers do not depend on it, neither does a forecast fail."""
    evaluate(Slow(source, clock), source, out=tmp_path / "run", max_batch_s=4.0)
    (path,) = (cache / "budgets").iterdir()
    for text in ("", "[]", '{"throughput": []}', '{"throughput": {"4 s": {"rule": 3}}}', '{"throughput": {"4 s": 1}}'):
        path.write_text(text)
        assert look_ahead(Slow(source, clock), source, max_batch_s=4.0).throughput is None


def test_batches_are_named_by_what_cuts_them():
    """A recognizer that takes one at a time has one rule only."""
    assert rule_of(toy_spec(batching=BatchingSpec(max_batch_s=240.0, max_batch_size=8))) == "240 s, at most 8"


def test_fresh_is_forecast_as_it_will_run(source, clock, priced, tmp_path):
    """What is thrown away is neither done nor spent."""
    run = {"out": tmp_path / "run", "max_batch_s": 4.0}
    evaluate(Slow(source, clock), source, **run)
    assert look_ahead(Slow(source, clock), source, **run).num_segments_left == 0
    found = look_ahead(Slow(source, clock), source, **run, fresh=True, budget=1.0)
    assert (found.num_segments_left, found.spent) == (40, 0.0)
    assert found.wall_s == pytest.approx(40.0)
    assert (tmp_path / "run" / "summary.json").exists(), "it only looks ahead"


class Failing(Slow):
    """Fails at every utterance."""

    def transcribe(self, batch):
        super().transcribe(batch)
        return [Hypothesis("", error="broken") for _ in batch]


def test_failed_utterances_that_are_done_again_are_forecast(source, clock, tmp_path):
    """Only where it is asked for, as in a run."""
    run = {"out": tmp_path / "run", "max_batch_s": 4.0}
    evaluate(Failing(source, clock), source, **run)
    assert look_ahead(Failing(source, clock), source, **run).num_segments_left == 0
    assert look_ahead(Failing(source, clock), source, **run, retry_failed=True).num_segments_left == 40


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"job_id": "../x"}, "--job-id"),
        ({"cleanup": True}, "--cleanup"),
        ({"shard": "3/2"}, "shard"),
        ({"gpus": "auto"}, "would work on processors"),
        ({"segmenter": "none"}, "every utterance is longer"),
    ],
)
def test_what_a_run_refuses_is_refused(source, clock, tmp_path, monkeypatch, wrong, says):
    """By the same words, in the forecast and in the run."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    for verb in (look_ahead, evaluate):
        toy = Slow(source, clock, max_audio_s=0.5)
        toy.device_kind = "cpu"
        with pytest.raises(UsageError, match=says):
            verb(toy, source, out=tmp_path / "run", **wrong)
    with pytest.raises(UnknownNameError):
        look_ahead(Slow(source, clock), source, track=("nobody",))
    assert not (tmp_path / "run").exists()


class Called(Slow):
    """Asks a server, which states tokens where it is told how many."""

    def __init__(self, source: ToySource, clock: Clock, price: Price, tokens: int = 0) -> None:
        super().__init__(source, clock)
        self.price, self._tokens = price, tokens

    def transcribe(self, batch):
        usage = Usage(num_calls=1, num_calls_with_tokens=1, output_tokens=self._tokens)
        return [Hypothesis(one.text, usage=usage) for one in super().transcribe(batch)]


def test_tokens_that_nobody_measured_are_not_free(source, clock, tmp_path):
    """A sum of 0 would be a lie; after a run it is known."""
    price = Price(per_million_output_tokens=1e6, currency="USD")
    found = look_ahead(Called(source, clock, price), source, max_batch_s=4.0)
    assert found.cost is None
    assert "priced by the token" in found.why_no_cost
    evaluate(Called(source, clock, price, 3), source, out=tmp_path / "run", max_batch_s=4.0)
    assert look_ahead(Called(source, clock, price), source, max_batch_s=4.0).cost.amount == pytest.approx(120.0)


def test_two_currencies_are_not_added(source, clock, priced, tmp_path):
    """The device's is said, and that calls are not in it."""
    price = Price(per_minute=60.0, currency="EUR")
    evaluate(Called(source, clock, price), source, out=tmp_path / "run", max_batch_s=4.0)
    found = look_ahead(Called(source, clock, price), source, max_batch_s=4.0)
    assert (found.cost.amount, found.cost.currency) == (pytest.approx(40.0), "USD")
    assert "without calls, in EUR" in found.cost.basis
    assert "of 2026-01-01 by " in found.cost.basis, "the day of the price"
    assert look_ahead(Called(source, clock, price), source, out=tmp_path / "run", max_batch_s=4.0).spent == 40.0


def test_no_more_workers_are_paid_than_there_are_shards(source, clock, priced, tmp_path):
    """Of eight that are asked for, one is started for a single batch."""
    evaluate(Slow(source, clock), source, out=tmp_path / "run", max_batch_s=40.0)
    found = look_ahead(Slow(source, clock), source, max_batch_s=40.0, engine="processes", workers=8)
    assert (found.num_shards_left, found.num_workers) == (1, 8)
    assert found.cost.amount == pytest.approx(40.0)
