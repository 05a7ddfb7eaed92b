"""One small run, over recognizers, engines, workers and interruptions: one and the same scores, to the byte."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import InterruptedRunError
from earmark.recognizers import Recognizer, load_recognizer
from earmark.recognizers.doubles import Echo, Failing, Hungry, Noisy
from earmark.sources import open_source
from earmark.sources.base import Source
from earmark.store import layout
from earmark.verbs.evaluate import evaluate
from tests.toys import ToySource, toy_source
from tests.verbs.test_evaluate import StopAfter

DEMO = Path(str(files("earmark"))) / "demo"

# A recognizer for each way in which batches and failures could leak into the answers.
RECOGNIZERS: dict[str, Callable[[dict[str, str]], Recognizer]] = {
    "any batches": Echo,
    "always the same errors": lambda texts: Noisy(texts, error_rate=0.3),
    "failed rows": lambda texts: Failing(texts, ids="utt-002,utt-009"),
    "split batches": lambda texts: Hungry(texts, most_at_once=1),
    "long audio in pieces": lambda texts: Echo(texts, max_audio_s=0.4),
}
FRESH, RESUMED = False, True

# A covering selection: each recognizer with both engines, each fresh and resumed, and each number of workers fresh and
# resumed. All combinations, on the other engines too, are in the soak.
CHOSEN = [
    ("any batches", FRESH, "inline", 1),
    ("any batches", RESUMED, "processes", 2),
    ("always the same errors", RESUMED, "inline", 1),
    ("always the same errors", FRESH, "processes", 3),
    ("failed rows", FRESH, "inline", 1),
    ("failed rows", RESUMED, "processes", 1),
    ("split batches", RESUMED, "inline", 1),
    ("split batches", FRESH, "processes", 2),
    ("long audio in pieces", FRESH, "inline", 1),
    ("long audio in pieces", RESUMED, "processes", 3),
    ("long audio in pieces", FRESH, "processes", 1),
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 12)


@pytest.fixture(scope="module")
def truths(source: ToySource, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The scores of each recognizer, uninterrupted and inline."""
    folder = tmp_path_factory.mktemp("truths")
    return {name: scores(make(source.texts), source, folder / name) for name, make in RECOGNIZERS.items()}


def scores(recognizer: Recognizer, source: Source, out: Path, **arguments) -> bytes:
    evaluate(recognizer, source, out=str(out), normalizer="none", max_batch_s=1.0, **arguments)
    return (out / layout.SCORES).read_bytes()


def stop_early(recognizer: Recognizer, source: Source, out: Path, **arguments) -> None:
    with pytest.raises(InterruptedRunError):
        scores(recognizer, source, out, observer=StopAfter(1), **arguments)


def check_same(
    truth: bytes, make: Callable[[], Recognizer], source: Source, out: Path, *, is_resumed: bool, **place: Any
) -> None:
    """Do a run, or the rest of an interrupted one, in a place, and compare its scores."""
    if is_resumed:
        stop_early(make(), source, out)
    assert scores(make(), source, out, **place) == truth


def check_shares(truth: bytes, make: Callable[[], Recognizer], source: Source, out: Path) -> None:
    """Three drivers that share the run by hand, one of them stopped and begun again, with other engines."""
    stop_early(make(), source, out, shard="2/3")
    for shard in ("3/3", "1/3"):
        evaluate(make(), source, out=str(out), normalizer="none", max_batch_s=1.0, shard=shard)
        assert not (out / layout.SCORES).exists()
    assert scores(make(), source, out, shard="2/3", engine="processes") == truth


@pytest.mark.parametrize(("name", "is_resumed", "engine", "workers"), CHOSEN)
def test_the_scores_are_the_same_bytes_everywhere(source, truths, tmp_path, name, is_resumed, engine, workers):
    """Engines, workers and interruptions change who does the work and when, never an answer."""
    make = partial(RECOGNIZERS[name], source.texts)
    check_same(truths[name], make, source, tmp_path / "run", is_resumed=is_resumed, engine=engine, workers=workers)


def test_the_scores_of_shares_are_the_same_bytes(source, truths, tmp_path):
    """Three drivers that share a run with failed rows."""
    check_shares(truths["failed rows"], partial(RECOGNIZERS["failed rows"], source.texts), source, tmp_path / "run")


def sphinx() -> Recognizer:
    return load_recognizer("pocketsphinx", {"grammar": str(DEMO / "commands.gram")})


def clips() -> Source:
    return open_source(str(DEMO / "manifest.jsonl"))


def test_real_recognition_is_the_same_bytes_everywhere(tmp_path):
    """PocketSphinx carries no state from one utterance to the next, so order and workers do not matter."""
    truth = scores(sphinx(), clips(), tmp_path / "truth")
    check_same(truth, sphinx, clips(), tmp_path / "resumed", is_resumed=True, workers=2)
