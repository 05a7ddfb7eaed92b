"""What is done while a model is busy: the next batches are made ready for it, and the texts of the last one made."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import OutOfMemoryError, RecognizerError, RecognizerGoneError
from earmark.recognizers.doubles import Echo
from earmark.records import Hypothesis, Waveform
from earmark.store.folder import LocalFolder, open_folder
from earmark.store.parts import read_part, receipts
from earmark.worker import Transcription
from tests.diary import wait_until
from tests.test_worker import Clock, audio, never, shard, transcribe  # noqa: F401  # a fixture
from tests.toys import toy_spec

WAIT_S = 60
A_MOMENT_S = 0.2
Faults = dict[tuple[str, str], Callable[[], Exception]]


class Stepwise(Echo):
    """Takes its steps apart, and knows what was asked of it in turn.

    ``faults`` make errors, by a step and an utterance; "as it is" is ``transcribe``. ``meanwhile`` is called in each
    step with its name and its utterances.
    """

    def __init__(
        self,
        faults: Faults | None = None,
        meanwhile: Callable[[str, list[str]], None] = lambda step, names: None,
    ) -> None:
        super().__init__()
        self.faults, self.meanwhile = faults or {}, meanwhile
        self.asked: list[tuple[str, str]] = []
        self.threads: dict[str, set[str]] = {}

    def _done(self, step: str, names: Sequence[str]) -> None:
        self.asked.append((step, " ".join(names)))
        self.threads.setdefault(step, set()).add(threading.current_thread().name)
        self.meanwhile(step, list(names))
        for name in names:
            if error := self.faults.get((step, name)):
                raise error()

    def inputs(self, batch: Sequence[Waveform]) -> list[str]:
        names = [one.utterance_id for one in batch]
        self._done("inputs", names)
        return names

    def outputs(self, inputs: list[str]) -> list[str]:
        self._done("outputs", inputs)
        return list(inputs)

    def hypotheses(self, outputs: list[str]) -> list[Hypothesis]:
        self._done("texts", outputs)
        return [Hypothesis(name) for name in outputs]

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        names = [one.utterance_id for one in batch]
        self._done("as it is", names)
        return [Hypothesis(name) for name in names]

    def heard(self) -> list[tuple[str, str]]:
        """What the model was given, in turn."""
        return [one for one in self.asked if one[0] in ("outputs", "as it is")]


def fault(**said: str) -> Faults:
    """One of each step that is named, for the utterance that it names; ``as_it_is`` is ``transcribe``."""
    return {(step.replace("_", " "), name): partial(RecognizerError, "not this one") for step, name in said.items()}


def texts_of(rows: Sequence[dict[str, Any]]) -> list[str | None]:
    return [row["hypothesis"] for row in rows]


def test_inputs_and_texts_are_made_while_the_model_is_busy(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """The model goes on with a batch only when the inputs of the next are begun, and the texts of the last."""
    begun: dict[tuple[str, str], threading.Event] = {
        (step, name): threading.Event() for step in ("inputs", "outputs", "texts") for name in ("u0", "u2", "u3")
    }

    def meanwhile(step: str, names: list[str]) -> None:
        begun[step, names[0]].set()
        wanted = {
            ("outputs", "u0"): [("inputs", "u2")],
            ("outputs", "u2"): [("inputs", "u3"), ("texts", "u0")],
            ("outputs", "u3"): [("texts", "u2")],
            ("texts", "u0"): [("outputs", "u2")],
            ("texts", "u2"): [("outputs", "u3")],
        }
        for other in wanted.get((step, names[0]), []):
            assert begun[other].wait(WAIT_S), f"{step} of {names[0]} were not beside {other}"

    recognizer = Stepwise(meanwhile=meanwhile)
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [0, 1], [2], [3]))
    assert texts_of(rows) == ["u0", "u1", "u2", "u3"]
    assert recognizer.heard() == [("outputs", "u0 u1"), ("outputs", "u2"), ("outputs", "u3")]
    assert recognizer.threads["outputs"] == {threading.current_thread().name}
    assert len(set.union(*recognizer.threads.values())) == 3


def test_inputs_that_cannot_be_made_ahead_are_asked_for_in_their_place(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """So that what is wrong is said where a batch is split and a failure becomes a row."""
    recognizer = Stepwise(fault(inputs="u1"))
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [0, 1], [2]))
    assert texts_of(rows) == ["u0", "u1", "u2"]
    assert recognizer.heard() == [("as it is", "u0 u1"), ("outputs", "u2")]


def test_a_batch_without_inputs_waits_for_the_texts_of_the_one_before(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """What it is asked by makes texts too, and they are never made twice at once."""
    recognizer = Stepwise(fault(inputs="u1"))
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [0], [1], [2]))
    assert texts_of(rows) == ["u0", "u1", "u2"]
    assert [one for one in recognizer.asked if one[0] != "inputs"] == [
        ("outputs", "u0"),
        ("texts", "u0"),
        ("as it is", "u1"),
        ("outputs", "u2"),
        ("texts", "u2"),
    ]


@pytest.mark.parametrize(
    "error", [RecognizerError("no text"), OutOfMemoryError("full"), RecognizerGoneError("gone"), ValueError("borrowed")]
)
def test_texts_that_cannot_be_made_are_asked_for_as_they_are(tmp_path: Path, audio: Path, error: Exception) -> None:  # noqa: F811
    """Whatever is wrong with them; the next batch was heard by then, and its texts wait for that."""
    recognizer = Stepwise({("texts", "u1"): lambda: error})
    receipt, rows = transcribe(tmp_path, recognizer, shard(audio, [0, 1], [2]))
    assert texts_of(rows) == ["u0", "u1", "u2"]
    assert (receipt.num_failed, receipt.num_splits) == (0, 0)
    asked = [one for one in recognizer.asked if one not in [("inputs", "u0 u1"), ("inputs", "u2"), ("texts", "u0 u1")]]
    assert asked == [("outputs", "u0 u1"), ("outputs", "u2"), ("as it is", "u0 u1"), ("texts", "u2")]


def test_texts_are_never_made_beside_one_that_makes_them_itself(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """The next batch was heard by then; its texts wait until the one before is asked as it is."""
    begun = threading.Event()
    was_begun: list[bool] = []

    def meanwhile(step: str, names: list[str]) -> None:
        if (step, names) == ("texts", ["u2"]):
            begun.set()
        if step == "as it is":
            was_begun.append(begun.wait(A_MOMENT_S))

    recognizer = Stepwise(fault(texts="u1"), meanwhile)
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [1], [2]))
    assert texts_of(rows) == ["u1", "u2"]
    assert recognizer.heard() == [("outputs", "u1"), ("outputs", "u2"), ("as it is", "u1")]
    assert was_begun == [False]


@pytest.mark.parametrize("broken", [[], ["a text"], None], ids=["too few", "no hypotheses", "nothing"])
def test_texts_that_break_the_contract_are_asked_for_as_they_are(tmp_path: Path, audio: Path, broken: Any) -> None:  # noqa: F811
    """It says what is wrong if that does so as well."""

    class Broken(Stepwise):
        inputs, outputs, transcribe = Stepwise.inputs, Stepwise.outputs, Stepwise.transcribe

        def hypotheses(self, outputs: list[str]) -> Any:
            return broken

    recognizer = Broken(fault(as_it_is="u1"))
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [0], [1]))
    assert texts_of(rows) == ["u0", None]
    assert recognizer.heard() == [("outputs", "u0"), ("outputs", "u1"), ("as it is", "u0"), ("as it is", "u1")]


@pytest.mark.parametrize("kind", ["recognizer", "out_of_memory"])
def test_the_halves_of_a_batch_are_asked_anew(tmp_path: Path, audio: Path, kind: str) -> None:  # noqa: F811
    """What was made ready is of the whole batch only; the texts of the batch before are not lost."""
    error = partial(OutOfMemoryError if kind == "out_of_memory" else RecognizerError, "not this one")
    recognizer = Stepwise({("outputs", "u3"): error, ("as it is", "u3"): error})
    receipt, rows = transcribe(tmp_path, recognizer, shard(audio, [1], [2, 3], [4]))
    assert texts_of(rows) == ["u1", "u2", None, "u4"]
    assert [row["error_kind"] for row in rows] == [None, None, kind, None]
    alone = [("as it is", "u2 u3")] if kind == "out_of_memory" else []
    halves = [("as it is", "u2"), ("as it is", "u3")]
    assert recognizer.heard()[:-1] == [("outputs", "u1"), ("outputs", "u2 u3"), *alone, *halves]
    assert recognizer.heard()[-1][1] == "u4"
    assert receipt.num_splits == 2


class Device:
    """Holds 100 of something, and no more."""

    def __init__(self) -> None:
        self.used, self._lock = 0, threading.Lock()

    def take(self, amount: int) -> None:
        with self._lock:
            if self.used + amount > 100:
                raise OutOfMemoryError("the device is full")
            self.used += amount


class OnDevice(list[str]):
    """Inputs of a batch: they take 10 while somebody holds them."""

    def __init__(self, names: Sequence[str], device: Device) -> None:
        super().__init__(names)
        self._device = device
        device.take(10)

    def __del__(self) -> None:
        self._device.take(-10)


class Tight(Stepwise):
    """Needs 75 while it hears a batch, so no more than two batches' inputs may lie there meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.device, self.has_begun = Device(), False

    def inputs(self, batch: Sequence[Waveform]) -> list[str]:
        return OnDevice(super().inputs(batch), self.device)

    def outputs(self, inputs: list[str]) -> list[str]:
        if not self.has_begun:
            self.has_begun = True
            assert wait_until(lambda: self.device.used >= 30), "the next batches were not made ready meanwhile"
        self.device.take(75)
        self.device.take(-75)
        return list(super().outputs(inputs))

    def hypotheses(self, outputs: list[str]) -> list[Hypothesis]:
        return super().hypotheses(outputs)

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        return self.hypotheses(self.outputs(OnDevice([one.utterance_id for one in batch], self.device)))


class TightForInputs(Tight):
    """The inputs of its second batch cannot be made; those of the third lie there when that one is asked as it is."""

    def inputs(self, batch: Sequence[Waveform]) -> list[str]:
        if batch[0].utterance_id == "u1":
            raise OutOfMemoryError("no room for inputs")
        return super().inputs(batch)

    def outputs(self, inputs: list[str]) -> list[str]:
        if inputs == ["u0"]:
            assert wait_until(lambda: self.device.used >= 20), "the third batch was not made ready meanwhile"
        return list(inputs)

    def hypotheses(self, outputs: list[str]) -> list[Hypothesis]:
        return super().hypotheses(outputs)

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        self.device.take(95)
        self.device.take(-95)
        return [Hypothesis(one.utterance_id) for one in batch]


@pytest.mark.parametrize("kind", [Tight, TightForInputs])
def test_what_fits_alone_is_done_however_much_is_made_ahead(
    tmp_path: Path,
    audio: Path,  # noqa: F811
    kind: type[Tight],
) -> None:
    """A batch that is too much beside the inputs of those behind it is asked once more without them."""
    receipt, rows = transcribe(tmp_path, kind(), shard(audio, [0], [1], [2], [3], [4]))
    assert texts_of(rows) == ["u0", "u1", "u2", "u3", "u4"]
    assert receipt.num_splits == 0


def test_a_batch_whose_texts_fail_twice_is_asked_in_halves(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """Down to the one utterance that has no text, as any batch."""
    recognizer = Stepwise(fault(texts="u3", as_it_is="u3"))
    receipt, rows = transcribe(tmp_path, recognizer, shard(audio, [2, 3]))
    assert texts_of(rows) == ["u2", None]
    assert recognizer.heard() == [("outputs", "u2 u3"), ("as it is", "u2 u3"), ("as it is", "u2"), ("as it is", "u3")]
    assert receipt.num_splits == 2


def test_a_transcribe_of_a_subclass_is_not_passed_by(tmp_path: Path, audio: Path) -> None:  # noqa: F811
    """It may say something else than the steps of the class below it."""

    class Loud(Stepwise):
        def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
            return [Hypothesis(one.text.upper()) for one in super().transcribe(batch)]

    recognizer = Loud()
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [0, 1], [2]))
    assert texts_of(rows) == ["U0", "U1", "U2"]
    assert recognizer.threads.keys() == {"as it is"}


@pytest.mark.parametrize("step", ["outputs", "texts"])
def test_what_a_failed_batch_was_made_into_is_let_go_before_it_is_asked_anew(
    tmp_path: Path,
    audio: Path,  # noqa: F811
    step: str,
) -> None:
    """It is what may have been too much."""
    held: list[weakref.ref[Any]] = []
    left: list[int] = []

    class Inputs(list[str]):
        pass

    class Outputs(list[str]):
        pass

    class Held(Stepwise):
        def inputs(self, batch: Sequence[Waveform]) -> list[str]:
            inputs = Inputs(super().inputs(batch))
            held.append(weakref.ref(inputs))
            return inputs

        def outputs(self, inputs: list[str]) -> list[str]:
            outputs = Outputs(super().outputs(inputs))
            held.append(weakref.ref(outputs))
            return outputs

        def hypotheses(self, outputs: list[str]) -> list[Hypothesis]:
            return super().hypotheses(outputs)

        def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
            left.append(sum(one() is not None for one in held))
            return super().transcribe(batch)

    transcribe(tmp_path, Held(fault(**{step: "u3", "as_it_is": "u3"})), shard(audio, [2, 3]))
    assert left == {"outputs": [0, 0], "texts": [0, 0, 0]}[step]
    assert len(held) == {"outputs": 1, "texts": 2}[step]


def test_time_of_the_recognizer_is_what_the_worker_waits_for(
    tmp_path: Path,
    audio: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The model's, and that of texts as far as they are not there yet; never more than what passed."""
    clock = Clock()
    for module in ("worker", "worker.ahead", "worker.asking"):
        monkeypatch.setattr(f"earmark.{module}.time", clock)
    seconds = {"inputs": 1.0, "outputs": 10.0, "texts": 100.0, "as it is": 1_000.0}

    def meanwhile(step: str, names: list[str]) -> None:
        clock.now_s += seconds[step]

    receipt, _ = transcribe(tmp_path / "well", Stepwise(meanwhile=meanwhile), shard(audio, [2]))
    assert receipt.wait_s <= 1.0
    assert 10.0 <= receipt.compute_s <= 110.0
    assert receipt.compute_s + receipt.wait_s <= receipt.worker_s <= 111.0
    receipt, _ = transcribe(tmp_path / "ill", Stepwise(fault(texts="u2"), meanwhile), shard(audio, [2]))
    assert 1_010.0 <= receipt.compute_s <= 1_110.0
    assert receipt.compute_s + receipt.wait_s <= receipt.worker_s


@pytest.mark.parametrize("content", [b"", b"no audio"])
def test_a_batch_in_which_nothing_decodes_is_not_made_ready(tmp_path: Path, audio: Path, content: bytes) -> None:  # noqa: F811
    """Its rows fail, the recognizer never hears of it, and those beside it are where they were."""
    (audio / "3.wav").write_bytes(content)
    recognizer = Stepwise()
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [2], [3], [4]))
    assert texts_of(rows) == ["u2", None, "u4"]
    assert recognizer.heard() == [("outputs", "u2"), ("outputs", "u4")]


@pytest.mark.parametrize("num_allowed", [1, 2, 3])
def test_a_stop_commits_the_texts_of_all_that_was_heard(tmp_path: Path, audio: Path, num_allowed: int) -> None:  # noqa: F811
    """The last batch's too, which are made when nothing else is heard; and no other batch is."""
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > num_allowed

    recognizer, folder = Stepwise(), LocalFolder(tmp_path / "run")
    with Transcription(recognizer, toy_spec(), open_folder(str(tmp_path / "run")), "a") as work:
        receipt = work(shard(audio, [0], [1], [2]), rank=0, stop=stop)
    assert receipt is not None
    assert texts_of(read_part(folder, receipt.part).to_pylist()) == [f"u{number}" for number in range(num_allowed)]
    assert len(recognizer.heard()) == num_allowed


@pytest.mark.parametrize(
    ("gone", "batches"),
    [([("outputs", "u2")], (0, 1)), ([("texts", "u1"), ("as it is", "u1")], (0,)), ([("outputs", "u0")], None)],
    ids=["when it hears", "when it writes", "at once"],
)
def test_of_one_that_is_gone_is_kept_what_was_heard_before(
    tmp_path: Path,
    audio: Path,  # noqa: F811
    gone: list[tuple[str, str]],
    batches: tuple[int, ...] | None,
) -> None:
    """Also the batch whose texts were being made when it went."""
    recognizer = Stepwise({one: partial(RecognizerGoneError, "unplugged") for one in gone})
    run = tmp_path / "run"
    with (
        Transcription(recognizer, toy_spec(), open_folder(str(run)), "a") as work,
        pytest.raises(RecognizerGoneError, match="unplugged"),
    ):
        work(shard(audio, [0], [1], [2], [3]), rank=0, stop=never)
    found = [one.batches for one in receipts(LocalFolder(run), toy_spec().fingerprint())]
    assert found == ([] if batches is None else [batches])
