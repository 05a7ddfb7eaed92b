"""How much audio meets in a batch where nobody says it: declared, measured, remembered, and kept by the run."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from earmark.engines import ENGINES
from earmark.engines.inline import InlineEngine
from earmark.engines.options import EngineOptions
from earmark.recognizers.accelerator import device_kind, usual_batch_s
from earmark.recognizers.doubles import Echo
from earmark.records import Hypothesis, Waveform
from earmark.spec import BatchingSpec
from earmark.store.run import RunStore
from earmark.verbs import learning
from earmark.verbs.audit import audit
from earmark.verbs.budget import declared_batching, remember, remembered_s, settled_batching
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import MeasuringBegan
from earmark.verbs.learning import best_batch_s
from earmark.verbs.prepare import indexed
from earmark.verbs.workforce import Workforce
from tests.toys import ToySource, toy_source

Cost = Callable[[Sequence[Waveform]], float]
USUAL_S = 0.8


def by_call(batch: Sequence[Waveform]) -> float:
    """A second for each call, however much is in it: the more at once the better."""
    return 1.0


def by_company(batch: Sequence[Waveform]) -> float:
    """Each costs as much as there are in its batch: alone is best."""
    return float(len(batch) ** 2)


def by_audio(batch: Sequence[Waveform]) -> float:
    """As much in any company."""
    return sum(waveform.duration_s for waveform in batch)


class Clock:
    """The worker's time, which passes only while the toy works."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


@pytest.fixture
def source(tmp_path: Path) -> ToySource:
    return toy_source(tmp_path / "audio", 24)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every run is worth it, and remembers here."""
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(learning, "_WORTH_TIMES", 0.0)
    return tmp_path / "cache"


class Timed(Echo):
    """Says the text, and takes as long as it is told."""

    name = "timed"
    batching = "masked"
    usual_batch_s = USUAL_S
    device_kind = "cpu"

    def __init__(self, source: ToySource, clock: Clock, cost: Cost, fails: str = "") -> None:
        super().__init__(source.texts)
        self._clock, self._cost, self._fails = clock, cost, fails

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        self._clock.now_s += self._cost(batch)
        if any(waveform.utterance_id == self._fails for waveform in batch):
            raise ValueError("no")
        return super().transcribe(batch)


def measured(recognizer: Timed, source: ToySource) -> tuple[float, dict[float, float]]:
    utterances = indexed(None, source, missing_audio="error")
    rule = BatchingSpec(max_batch_s=USUAL_S)
    return best_batch_s(rule, recognizer, utterances, source.root, Workforce.one("inline"), lambda: False)


@pytest.mark.parametrize(
    ("cost", "times"), [(by_call, 4.0), (by_company, 1 / 16), (by_audio, 1.0)], ids=["call", "company", "audio"]
)
def test_the_fastest_budget_is_found(source, clock, cost, times):
    """Larger, smaller, or the declared one where none is faster; each on the same audio."""
    best_s, rates = measured(Timed(source, clock, cost), source)
    assert best_s == times * USUAL_S
    assert set(rates) == {USUAL_S / 16, USUAL_S, USUAL_S * 4}
    if cost is by_audio:
        assert all(rate == pytest.approx(1.0) for rate in rates.values())


def test_a_gain_that_could_be_chance_changes_nothing(source, clock):
    """Four hundredths are less than a twentieth."""
    slow_for_few = Timed(source, clock, lambda batch: by_audio(batch) * (1.04 if len(batch) < 3 else 1.0))
    best_s, rates = measured(slow_for_few, source)
    assert rates[USUAL_S * 4] > rates[USUAL_S]
    assert best_s == USUAL_S


def test_a_sample_that_fails_measures_nothing(source, clock):
    """What a failure cost says nothing of what an answer costs."""
    utterances = indexed(None, source, missing_audio="error")
    longest_first = sorted(utterances.to_pylist(), key=lambda row: -row["duration_s"])
    failing = Timed(source, clock, by_call, fails=longest_first[len(utterances) // 2]["id"])
    assert measured(failing, source) == (USUAL_S, {})


def run(source: ToySource, recognizer: Timed, out: Path, **arguments: object) -> tuple[float, int]:
    """The budget in the run's spec, and how often was measured."""
    events: list[object] = []
    evaluate(recognizer, source, out=out, engine="inline", observer=events.append, **arguments)
    spec = RunStore.at(str(out)).spec()
    assert spec is not None
    return spec.batching.max_batch_s, sum(isinstance(event, MeasuringBegan) for event in events)


def test_what_was_measured_is_remembered_and_kept_by_the_run(source, clock, cache, tmp_path):
    """Another run does not measure again; a run goes on with its own, whatever is remembered by then."""
    toy = Timed(source, clock, by_call)
    assert run(source, toy, tmp_path / "a") == (USUAL_S * 4, 1)
    assert run(source, toy, tmp_path / "b") == (USUAL_S * 4, 0)
    remember(toy, cache, 0.3, {})
    assert run(source, toy, tmp_path / "b") == (USUAL_S * 4, 0)
    assert run(source, toy, tmp_path / "c") == (0.3, 0)
    assert run(source, toy, tmp_path / "d", max_batch_s=0.5) == (0.5, 0)
    assert run(source, toy, tmp_path / "d") == (0.5, 0)


def test_the_folder_of_a_run_does_not_depend_on_what_was_measured(source, clock, cache, tmp_path, monkeypatch):
    """The same command finds it again."""
    monkeypatch.chdir(tmp_path)
    toy = Timed(source, clock, by_audio)
    outs = {evaluate(toy, source, engine="inline").run}
    remember(toy, cache, 0.3, {})
    outs.add(evaluate(toy, source, engine="inline").run)
    assert len(outs) == 1


def test_a_short_run_is_not_measured(source, clock, monkeypatch, tmp_path):
    """The declared budget is taken as it is."""
    monkeypatch.setattr(learning, "_WORTH_TIMES", 20.0)
    assert run(source, Timed(source, clock, by_call), tmp_path / "a") == (USUAL_S, 0)


def test_a_memory_is_of_one_model_and_one_device(source, clock, cache):
    """And a damaged one is none."""
    toy, other, elsewhere = (Timed(source, clock, by_call) for _ in range(3))
    other.spec = dataclasses.replace(toy.spec, content_hash="0")
    elsewhere.device_kind = "cuda"
    remember(toy, cache, 3.0, {3.0: 10.0})
    assert [remembered_s(one, cache) for one in (toy, other, elsewhere)] == [3.0, None, None]
    [path] = (cache / "budgets").iterdir()
    for damaged in ("", "[]", "{}", '{"max_batch_s": -1}', '{"max_batch_s": "x"}', '{"max_batch_s": NaN}'):
        path.write_text(damaged)
        assert remembered_s(toy, cache) is None, damaged


class Anywhere(Echo):
    """Works on whatever there is, as real models do."""

    batching = "masked"

    @property
    def device_kind(self) -> str:
        return device_kind("auto")

    @property
    def usual_batch_s(self) -> float:
        return usual_batch_s(device_kind("auto"), is_ctc=True)


class FarAway(InlineEngine):
    """Takes what may be asked of workers on other machines."""

    has_gpus: bool | None = None

    def __init__(self, options: EngineOptions) -> None:
        super().__init__(EngineOptions())


@pytest.mark.parametrize(
    ("engine", "gpu", "has_gpus", "driver", "budget_s"),
    [
        ("ray", None, True, "cpu", 480.0),
        ("ray", None, False, "cuda", 16.0),
        ("ray", None, None, "cpu", 16.0),
        ("ray", None, None, "cuda", 480.0),
        ("modal", "H100", None, "cpu", 480.0),
        ("modal", None, None, "cuda", 16.0),
        ("processes", None, None, "cpu", None),
    ],
)
def test_the_batches_of_workers_elsewhere_suit_their_devices(
    cache, monkeypatch, engine, gpu, has_gpus, driver, budget_s
):
    """And not those of the driver, which measures and remembers nothing for them."""
    monkeypatch.setattr("earmark.recognizers.accelerator._torch_finds_a_gpu", lambda: driver == "cuda")
    toy, workforce = Anywhere(), Workforce(FarAway(EngineOptions()), engine, EngineOptions(gpu=gpu))
    workforce.engine.has_gpus = has_gpus
    if engine != "processes":
        remember(toy, cache, 3.0, {3.0: 10.0})
    settled = settled_batching(declared_batching(toy, None, None), toy, None, cache, workforce)
    assert (settled and settled.max_batch_s) == budget_s
    assert toy.device_kind == driver


def test_the_driver_measures_nothing_for_workers_elsewhere(source, clock, cache, tmp_path, monkeypatch):
    """What is fastest on its processor would be in the identity of a run on their GPUs."""
    monkeypatch.setattr(ENGINES, "load", lambda name: FarAway)
    events: list[object] = []
    evaluate(Timed(source, clock, by_call), source, out=tmp_path / "a", engine="ray", observer=events.append)
    spec = RunStore.at(str(tmp_path / "a")).spec()
    assert spec is not None
    assert spec.batching.max_batch_s == USUAL_S
    assert not any(isinstance(event, MeasuringBegan) for event in events)


def test_an_audit_draws_from_the_batches_that_a_run_would_make(source, clock, cache):
    """Of the remembered budget."""
    toy = Timed(source, clock, by_audio)
    remember(toy, cache, 0.05, {})
    assert audit(toy, source, engine="inline", sample=4).facts.largest_batch == 1
    assert json.loads(next((cache / "budgets").iterdir()).read_text())["max_batch_s"] == 0.05
