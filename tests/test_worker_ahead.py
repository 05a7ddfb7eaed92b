"""What is done while a recognizer is busy: the next batches are decoded, and made ready for the model."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import RecognizerError
from earmark.recognizers.doubles import Echo
from earmark.records import Hypothesis, Waveform
from tests.test_worker import audio, shard, transcribe  # noqa: F401  # a fixture

WAIT_S = 60


class Prepared(Echo):
    """Takes its two steps apart, and knows which were taken where; ``spoilt`` are batches whose inputs fail."""

    def __init__(self, spoilt: frozenset[str] = frozenset(), unanswered: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.spoilt, self.unanswered = spoilt, unanswered
        self.threads: set[str] = set()
        self.answered_as: list[tuple[str, int]] = []
        self.begun = threading.Event()

    def prepared(self, batch: Sequence[Waveform]) -> list[str]:
        names = [one.utterance_id for one in batch]
        self.threads.add(threading.current_thread().name)
        if self.spoilt & set(names):
            raise RecognizerError("no inputs for these")
        if "u2" in names:
            self.begun.set()
        return names

    def answered(self, prepared: list[str]) -> list[Hypothesis]:
        if "u0" in prepared:
            assert self.begun.wait(WAIT_S), "the next batch was not made ready meanwhile"
        self.answered_as.append(("prepared", len(prepared)))
        if self.unanswered & set(prepared):
            raise RecognizerError("not this one")
        return [Hypothesis(name) for name in prepared]

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        self.answered_as.append(("as it is", len(batch)))
        if self.unanswered & {one.utterance_id for one in batch}:
            raise RecognizerError("not this one")
        return [Hypothesis(one.utterance_id) for one in batch]


def texts_of(rows: Sequence[dict[str, Any]]) -> list[str | None]:
    return [row["hypothesis"] for row in rows]


def test_the_next_batch_is_made_ready_while_the_model_is_busy(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """The model answers the first batch only after the second one's inputs are begun, in another thread."""
    recognizer = Prepared()
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [0, 1], [2], [3]))
    assert texts_of(rows) == ["u0", "u1", "u2", "u3"]
    assert recognizer.answered_as == [("prepared", 2), ("prepared", 1), ("prepared", 1)]
    assert threading.current_thread().name not in recognizer.threads


def test_inputs_that_cannot_be_made_ahead_are_asked_for_in_their_place(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """So that what is wrong is said where a batch is split and a failure becomes a row."""
    recognizer = Prepared(spoilt=frozenset({"u1"}))
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [0, 1], [2]))
    assert texts_of(rows) == ["u0", "u1", "u2"]
    assert recognizer.answered_as == [("as it is", 2), ("prepared", 1)]


def test_the_halves_of_a_batch_are_asked_anew(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """What was made ready is of the whole batch only."""
    recognizer = Prepared(unanswered=frozenset({"u3"}))
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [2, 3]))
    assert texts_of(rows) == ["u2", None]
    assert recognizer.answered_as == [("prepared", 2), ("as it is", 1), ("as it is", 1)]


def test_a_transcribe_of_a_subclass_is_not_passed_by(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """It may say something else than the two steps of the class below it."""

    class Loud(Prepared):
        def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
            return [Hypothesis(one.text.upper()) for one in super().transcribe(batch)]

    recognizer = Loud()
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [0, 1], [2]))
    assert texts_of(rows) == ["U0", "U1", "U2"]
    assert recognizer.threads == set()


def test_inputs_of_a_failed_batch_are_let_go_before_its_halves_are_asked(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """They are what may have been too much."""
    held: list[weakref.ref[Names]] = []
    left: list[bool] = []

    class Names(list[str]):
        pass

    class Held(Prepared):
        def prepared(self, batch: Sequence[Waveform]) -> list[str]:
            names = Names(super().prepared(batch))
            held.append(weakref.ref(names))
            return names

        def answered(self, prepared: list[str]) -> list[Hypothesis]:
            return super().answered(prepared)

        def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
            left.append(held[0]() is not None)
            return super().transcribe(batch)

    transcribe(tmp_path, Held(unanswered=frozenset({"u3"})), shard(audio, [2, 3]))
    assert left == [False, False]


def test_what_was_made_ahead_is_time_of_the_recognizer(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """So that it is compared with recognizers whose models make their inputs themselves."""

    class Slow(Prepared):
        def prepared(self, batch: Sequence[Waveform]) -> list[str]:
            time.sleep(0.2)
            return super().prepared(batch)

        answered = Prepared.answered
        transcribe = Prepared.transcribe

    _, rows = transcribe(tmp_path, Slow(), shard(audio, [2, 3]))
    assert sum(row["compute_s"] for row in rows) >= 0.2


@pytest.mark.parametrize("content", [b"", b"no audio"])
def test_a_batch_in_which_nothing_decodes_is_not_made_ready(tmp_path: Path, audio: Path, content: bytes) -> None:  # noqa: F811
    """Its rows fail, and the recognizer never hears of it."""
    (audio / "3.wav").write_bytes(content)
    recognizer = Prepared()
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [3]))
    assert texts_of(rows) == [None]
    assert recognizer.threads == set()
    assert recognizer.answered_as == []
