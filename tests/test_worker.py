"""One shard, from audio to a part: whatever goes wrong with an utterance becomes its row."""

from __future__ import annotations

import dataclasses
import pickle
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from earmark.audio.decode import decode
from earmark.errors import OutOfMemoryError, RecognizerError, RecognizerGoneError, StoreError, UnknownNameError
from earmark.recognizers.base import UnansweredError
from earmark.recognizers.doubles import Echo, Failing, Hungry
from earmark.records import Alternative, AudioRef, Batch, Hypothesis, Receipt, Segment, Shard, Usage, Waveform, Word
from earmark.spec import AudioSpec, RunSpec, SegmentationSpec
from earmark.store.folder import LocalFolder, open_folder
from earmark.store.parts import part_name, read_part, receipts
from earmark.worker import Transcription
from tests.toys import toy_spec, write_wav


class Scripted(Echo):
    """Does what a function of the batch says, and remembers how large the batches were."""

    def __init__(self, script: Callable[[list[str]], Any]) -> None:
        super().__init__()
        self._script = script
        self.sizes: list[int] = []

    def transcribe(self, batch: Sequence[Waveform]) -> Any:
        self.sizes.append(len(batch))
        return self._script([waveform.utterance_id for waveform in batch])


def never() -> bool:
    return False


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """Eight noises, of 0.1 s, 0.2 s, ... 0.8 s."""
    for number in range(8):
        write_wav(tmp_path / "audio" / f"{number}.wav", 0.1 * (number + 1), seed=number)
    return tmp_path / "audio"


def segment(audio: Path, number: int, **changes: Any) -> Segment:
    """A whole file, or what the changes say of its reference."""
    reference = dataclasses.replace(AudioRef(str(audio / f"{number}.wav"), duration_s=0.1 * (number + 1)), **changes)
    return Segment(number, 0, 1, f"u{number}", reference)


def shard(audio: Path, *batches: Sequence[int]) -> Shard:
    return Shard(
        tuple(Batch(place, tuple(segment(audio, number) for number in batch)) for place, batch in enumerate(batches))
    )


def transcribe(
    tmp_path: Path, recognizer: Any, work: Shard, *, spec: RunSpec | None = None, rank: int = 0, **fields: Any
) -> tuple[Receipt, list[dict[str, Any]]]:
    """The receipt and the rows of the part that it names."""
    run = tmp_path / "run"
    with Transcription(recognizer, spec or toy_spec(), open_folder(str(run)), "attempt", **fields) as transcription:
        receipt = transcription(work, rank=rank, stop=never)
    assert receipt is not None
    [stored] = receipts(LocalFolder(run), receipt.spec_fingerprint)
    assert stored == receipt
    return receipt, read_part(LocalFolder(run), receipt.part).to_pylist()


def test_rows_stand_in_the_order_of_the_shard(tmp_path, audio):
    """Batch after batch, with the ids, texts and batch numbers of their segments."""
    _, rows = transcribe(tmp_path, Echo(), shard(audio, [3, 1], [0], [7, 2, 4]))
    assert [row["index"] for row in rows] == [3, 1, 0, 7, 2, 4]
    assert [row["batch"] for row in rows] == [0, 0, 1, 2, 2, 2]
    assert [row["hypothesis"] for row in rows] == [row["id"] for row in rows]
    assert all(row["error"] is None and row["error_kind"] is None for row in rows)


def test_the_receipt_agrees_with_its_rows(tmp_path, audio):
    """Numbers and sums, rank, device, host, attempt and versions, and the name that the work has."""
    (audio / "1.wav").write_bytes(b"no audio")
    work = shard(audio, [0, 1, 2], [3], [4, 5])
    receipt, rows = transcribe(tmp_path, Failing(ids="u4"), work, rank=3, device="toy")
    assert (receipt.num_rows, receipt.num_failed, receipt.batches) == (6, 2, (0, 1, 2))
    assert receipt.num_splits == sum(row["is_split"] for row in rows) == 2
    assert receipt.num_piece_rows == 0
    assert receipt.audio_s == pytest.approx(sum(row["audio_s"] for row in rows)) == pytest.approx(0.1 + 0.3 + 1.5)
    assert receipt.compute_s == pytest.approx(sum(row["compute_s"] for row in rows))
    assert 0 < receipt.compute_s + receipt.wait_s <= receipt.worker_s
    assert {(row["rank"], row["device"]) for row in rows} == {(3, "toy")} == {(receipt.rank, receipt.device)}
    assert receipt.attempt == "attempt"
    assert {"python", "earmark", "numpy"} <= set(receipt.versions)
    assert receipt.part == part_name(toy_spec().fingerprint(), work)


def test_a_package_that_is_not_there_has_no_version(tmp_path, audio, monkeypatch):
    """Not every package has a wheel for every Python."""
    monkeypatch.setattr("earmark.worker._VERSIONED", ("earmark", "package-that-nobody-has"))
    receipt, _ = transcribe(tmp_path, Echo(), shard(audio, [0]))
    assert set(receipt.versions) >= {"python", "earmark"}
    assert "package-that-nobody-has" not in receipt.versions


def test_what_is_loaded_has_its_version_and_nothing_else(tmp_path, audio, monkeypatch):
    """A package that only lies there had no part in the texts; one may be named otherwise than its module."""
    monkeypatch.setattr("earmark.worker._VERSIONED", ("earmark",))
    loaded = {"yaml": "PyYAML", "a_module_that_nobody_loads": "pytest"}
    monkeypatch.setattr("earmark.worker._VERSIONED_IF_LOADED", loaded)
    __import__("yaml")
    receipt, _ = transcribe(tmp_path, Echo(), shard(audio, [0]))
    assert set(receipt.versions) == {"python", "earmark", "PyYAML"}


def test_compute_is_shared_out_by_audio(tmp_path, audio):
    """Twice the audio, twice the share of its batch's seconds."""
    _, rows = transcribe(tmp_path, Echo(), shard(audio, [0, 1, 3]))
    first = rows[0]["compute_s"]
    assert [row["compute_s"] / first for row in rows] == pytest.approx([1, 2, 4])


def test_a_retry_lies_beside_the_first_attempt(tmp_path, audio):
    """A retry gives the same work another name."""
    names = set()
    for retry in ("", "again"):
        with Transcription(Echo(), toy_spec(), open_folder(str(tmp_path / "run")), "a", retry=retry) as work:
            names.add(work(shard(audio, [0]), rank=0, stop=never).part)
    assert len(names) == 2


@pytest.mark.parametrize(
    ("content", "kind", "word"),
    [(None, "missing", "not there"), (b"", "empty", "0 bytes"), (b"no audio" * 100, "unreadable", "read")],
)
def test_audio_that_does_not_decode_is_a_failed_row(tmp_path, audio, content, kind, word):
    """With kind and reason; its neighbours in the batch are not troubled by it, and the batch is not split."""
    (audio / "1.wav").unlink() if content is None else (audio / "1.wav").write_bytes(content)
    recognizer = Scripted(lambda ids: [Hypothesis("x") for _ in ids])
    receipt, rows = transcribe(tmp_path, recognizer, shard(audio, [0, 1, 2]))
    assert recognizer.sizes == [2]
    assert rows[1]["error_kind"] == kind
    assert word in rows[1]["error"]
    assert rows[1]["hypothesis"] is None
    assert (rows[1]["audio_s"], rows[1]["compute_s"]) == (0.0, 0.0)
    assert (receipt.num_failed, receipt.num_splits) == (1, 0)


def test_a_batch_in_which_nothing_decodes_never_reaches_the_recognizer(tmp_path, audio):
    """An empty batch is no question."""
    (audio / "1.wav").unlink()
    recognizer = Scripted(lambda ids: pytest.fail("asked about nothing"))
    receipt, _ = transcribe(tmp_path, recognizer, shard(audio, [1]))
    assert (receipt.num_failed, recognizer.sizes) == (1, [])


def test_whatever_a_decoder_raises_is_the_files_failure(tmp_path, audio, monkeypatch):
    """Only the first line of what it says."""

    def hostile(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("header\nof doom")

    monkeypatch.setattr("earmark.worker.hearing.decode", hostile)
    _, [row] = transcribe(tmp_path, Echo(), shard(audio, [0]))
    assert (row["error_kind"], row["error"]) == ("unreadable", "ZeroDivisionError: header")


def test_a_piece_is_read_from_its_start_for_its_length(tmp_path, audio):
    """And a whole file to its end, whatever somebody claims of its length."""
    work = Shard(
        (
            Batch(
                0,
                (
                    segment(audio, 7, start_s=0.25, duration_s=0.5),
                    segment(audio, 6, duration_s=0.1),
                    segment(audio, 5, duration_s=None),
                    segment(audio, 4, start_s=0.1, duration_s=None),
                ),
            ),
        )
    )
    _, rows = transcribe(tmp_path, Echo(), work)
    assert [row["audio_s"] for row in rows] == pytest.approx([0.5, 0.7, 0.6, 0.4])


class Declared(Echo):
    """Takes 2 s, and breaks off where it is given more than rounding adds."""

    def __init__(self) -> None:
        super().__init__(max_audio_s=2.0)

    def text(self, waveform: Waveform) -> str:
        assert waveform.duration_s <= 2.01
        return "heard"


@pytest.mark.parametrize(
    ("segmenter", "kind", "reason"),
    [
        ("energy", "longer_than_claimed", "3.1 s, the data claim 0.1 s"),
        ("vad", "longer_than_claimed", "echo takes at most 2 s in one piece"),
        ("none", "not_cut", "2 s is the longest that echo takes in one piece, and it is longer; --segmenter energy"),
    ],
)
def test_a_recognizer_is_never_given_more_than_it_declares(tmp_path, audio, segmenter, kind, reason):
    """What the data claimed to be shorter, and what was not to be cut, fails; nothing is cut off in silence."""
    write_wav(audio / "0.wav", 3.1)
    write_wav(audio / "1.wav", 2.05)
    write_wav(audio / "2.wav", 2.005)
    recognizer = Declared()
    spec = toy_spec(recognizer=recognizer.spec, segmentation=SegmentationSpec(name=segmenter))
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [0, 1, 2]), spec=spec)
    assert [row["error_kind"] for row in rows] == [kind, kind, None]
    assert reason in rows[0]["error"]
    assert rows[2]["hypothesis"] == "heard"


def test_what_is_too_long_for_anybody_is_not_called_uncut(tmp_path, audio):
    """The cap on decoding is below what the recognizer takes."""
    write_wav(audio / "0.wav", 3.1)
    recognizer = Echo(max_audio_s=60.0)
    limits = {"segmentation": SegmentationSpec(name="none"), "audio": AudioSpec(max_decoded_s=3.0)}
    _, rows = transcribe(tmp_path, recognizer, shard(audio, [0]), spec=toy_spec(recognizer=recognizer.spec, **limits))
    assert rows[0]["error_kind"] == "too_long"


def out_of_memory(ids: list[str]) -> None:
    raise OutOfMemoryError(f"{len(ids)} do not fit")


def python_out_of_memory(ids: list[str]) -> None:
    raise MemoryError


@pytest.mark.parametrize("script", [out_of_memory, python_out_of_memory])
def test_out_of_memory_halves_the_batch_down_to_one(tmp_path, audio, script):
    """What does not fit even alone has failed, each on its own."""
    recognizer = Scripted(script)
    receipt, rows = transcribe(tmp_path, recognizer, shard(audio, [0, 1, 2, 3, 4]))
    assert recognizer.sizes == [5, 2, 1, 1, 3, 1, 2, 1, 1]
    assert {row["error_kind"] for row in rows} == {"out_of_memory"}
    assert receipt.num_failed == receipt.num_splits == 5


def test_a_batch_that_fits_in_halves_costs_nothing(tmp_path, audio):
    """The rows say that they were split, in their order, and stand under their whole batch."""
    receipt, rows = transcribe(tmp_path, Hungry(most_at_once=2), shard(audio, [4, 3, 2, 1, 0], [7]))
    assert [row["hypothesis"] for row in rows] == ["u4", "u3", "u2", "u1", "u0", "u7"]
    assert [row["is_split"] for row in rows] == [True] * 5 + [False]
    assert receipt.batches == (0, 1)


@dataclass
class Clock:
    """Time that passes only when somebody says so."""

    now_s: float = 0.0

    def perf_counter(self) -> float:
        return self.now_s


def test_the_seconds_of_a_try_that_failed_count_as_compute(tmp_path, audio, monkeypatch):
    """Once: they were spent inside the recognizer, and splitting must not make it look faster or slower."""
    clock = Clock()
    monkeypatch.setattr("earmark.worker.time", clock)
    monkeypatch.setattr("earmark.worker.asking.time", clock)

    def slow_to_fail(ids: list[str]) -> list[Hypothesis]:
        clock.now_s += 10.0 if len(ids) > 1 else 1.0
        if len(ids) > 1:
            raise OutOfMemoryError("too many")
        return [Hypothesis("x")]

    receipt, rows = transcribe(tmp_path, Scripted(slow_to_fail), shard(audio, [0, 1]))
    assert [row["compute_s"] for row in rows] == [11.0, 1.0]
    assert receipt.compute_s == receipt.worker_s == 12.0


def test_what_a_failed_try_held_is_free_before_the_next(tmp_path, audio):
    """Its traceback and the knots in it hold the memory that the halves need."""

    class Tensor:
        """Holds itself, so that only the collector can free it."""

        def __init__(self) -> None:
            self.itself = self

    held: list[weakref.ref[Tensor]] = []
    found: list[bool] = []

    def out_of_memory_with_a_tensor(ids: list[str]) -> list[Hypothesis]:
        if len(ids) > 1:
            tensor = Tensor()
            held.append(weakref.ref(tensor))
            raise OutOfMemoryError("too many")
        found.append(any(reference() is not None for reference in held))
        return [Hypothesis("x")]

    transcribe(tmp_path, Scripted(out_of_memory_with_a_tensor), shard(audio, [0, 1]))
    assert (len(held), found) == (1, [False, False])


def test_two_batches_are_decoded_while_one_is_transcribed_and_no_more(tmp_path, audio, monkeypatch):
    """So that a device does not wait for audio, and a shard's audio never fills the memory."""
    begun: list[str] = []
    begun_meanwhile: list[list[str]] = []

    def noted(uri: str, **options: Any) -> np.ndarray:
        begun.append(Path(uri).stem)
        return decode(uri, **options)

    def patient(ids: list[str]) -> list[Hypothesis]:
        if ids == ["u0"]:
            end = time.monotonic() + 20
            while len(begun) < 3 and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(0.2)  # in which a fourth batch would begin
            begun_meanwhile.append(sorted(begun))
        return [Hypothesis("x")]

    monkeypatch.setattr("earmark.worker.hearing.decode", noted)
    transcribe(tmp_path, Scripted(patient), shard(audio, *([number] for number in range(6))))
    assert begun_meanwhile == [["0", "1", "2"]]


def test_the_seconds_of_decoding_and_of_waiting_for_it_are_measured(tmp_path, audio):
    """Of each row its own decoding, of the receipt what the recognizer waited."""
    receipt, rows = transcribe(tmp_path, Echo(), shard(audio, [0, 1], [2]))
    assert all(row["decode_s"] > 0 for row in rows)
    assert 0 < receipt.wait_s < receipt.worker_s


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RecognizerError("no beam left"), "no beam left"),
        (UnknownNameError("word", "x", []), "no word 'x'"),
        (ValueError("first line\nsecond line"), "ValueError: first line"),
        (KeyError(), "KeyError"),
        (StopIteration(), "StopIteration"),
    ],
)
def test_whatever_a_recognizer_raises_is_a_failed_row(tmp_path, audio, error, reason):
    """The guilty utterance is found by halving, and the others are done."""

    def moody(ids: list[str]) -> list[Hypothesis]:
        if "u2" in ids:
            raise error
        return [Hypothesis(name) for name in ids]

    _, rows = transcribe(tmp_path, Scripted(moody), shard(audio, [0, 1, 2, 3]))
    assert [row["hypothesis"] for row in rows] == ["u0", "u1", None, "u3"]
    assert (rows[2]["error_kind"], rows[2]["error"]) == ("recognizer", reason)


@pytest.mark.parametrize(
    "answer",
    [
        lambda ids: [],
        lambda ids: [Hypothesis("x")] * (len(ids) + 1),
        lambda ids: None,
        lambda ids: (Hypothesis("x") for _ in ids),
        lambda ids: ["x" for _ in ids],
        lambda ids: [None for _ in ids],
        lambda ids: [Hypothesis(None) for _ in ids],  # type: ignore[arg-type]  # the mistake under test
        lambda ids: [Hypothesis(b"x") for _ in ids],  # type: ignore[arg-type]  # the mistake under test
    ],
    ids=["too few", "too many", "nothing", "a generator", "strings", "nones", "no text", "bytes"],
)
def test_an_answer_that_breaks_the_contract_is_a_failed_row(tmp_path, audio, answer):
    """Never a row without hypothesis and without error, and never the end of the run."""
    receipt, rows = transcribe(tmp_path, Scripted(answer), shard(audio, [0, 1]))
    assert receipt.num_failed == 2
    assert all(row["error_kind"] == "recognizer" and row["error"] and row["hypothesis"] is None for row in rows)


WRONG = {
    "confidence is NaN": Hypothesis("a", confidence=float("nan")),
    "confidence above 1": Hypothesis("a", confidence=1.5),
    "confidence below 0": Hypothesis("a", confidence=-0.5),
    "confidence is a text": Hypothesis("a", confidence="0.5"),
    "confidence is true": Hypothesis("a", confidence=True),
    "end is a number": Hypothesis("a", is_unfinished=1),
    "words are a list": Hypothesis("a", words=[Word("a", 0.0, 1.0)]),
    "a word is a text": Hypothesis("a", words=("a",)),
    "a word is two": Hypothesis("a b", words=(Word("a b", 0.0, 1.0),)),
    "a word is empty": Hypothesis("", words=(Word("", 0.0, 1.0),)),
    "a word is bytes": Hypothesis("a", words=(Word(b"a", 0.0, 1.0),)),
    "a word starts at NaN": Hypothesis("a", words=(Word("a", float("nan"), 1.0),)),
    "a word ends at infinity": Hypothesis("a", words=(Word("a", 0.0, float("inf")),)),
    "a word starts before 0": Hypothesis("a", words=(Word("a", -0.1, 1.0),)),
    "a word has no time": Hypothesis("a", words=(Word("a", None, None),)),
    "a word ends before it starts": Hypothesis("a", words=(Word("a", 0.5, 0.4),)),
    "words are not in order": Hypothesis("a b", words=(Word("a", 0.5, 0.6), Word("b", 0.4, 0.7))),
    "a word is surer than sure": Hypothesis("a", words=(Word("a", 0.0, 1.0, 2.0),)),
    "alternatives are a list": Hypothesis("a", alternatives=[Alternative("a", 0.0)]),
    "an alternative is a text": Hypothesis("a", alternatives=("a",)),
    "an alternative is nothing": Hypothesis("a", alternatives=(Alternative("a", 0.0), Alternative(None, 0.0))),
    "a score is infinite": Hypothesis("a", alternatives=(Alternative("a", float("-inf")),)),
    "the first is another text": Hypothesis("a", alternatives=(Alternative("b", 0.0), Alternative("a", -1.0))),
    "a usage is a dict": Hypothesis("a", usage={"num_calls": 1}),
    "a usage is negative": Hypothesis("a", usage=Usage(num_calls=-1)),
    "a usage is NaN": Hypothesis("a", usage=Usage(stated_s=float("nan"))),
    "a usage is no number of JSON": Hypothesis("a", usage=Usage(stated_s=np.float32(1))),
    "a usage is half a token": Hypothesis("a", usage=Usage(input_tokens=0.5)),
    "a usage is larger than an integer of 64 bits": Hypothesis("a", usage=Usage(input_tokens=2**63)),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
def test_numbers_that_are_none_never_reach_the_store(tmp_path, audio, wrong):
    """The utterance fails by its own fault, and says why; the other one of its batch does not."""
    right = Hypothesis("a b", (Word("a", 0.0, 0.1, 1), Word("b", 0.0, np.float32(0.5))), 0.0, (Alternative("a b", -1),))
    answers = {"u0": right, "u1": wrong}
    receipt, rows = transcribe(tmp_path, Scripted(lambda ids: [answers[one] for one in ids]), shard(audio, [0, 1]))
    assert (receipt.num_failed, rows[0]["error"], rows[1]["hypothesis"]) == (1, None, None)
    assert rows[0]["words"][1] == {"text": "b", "start_s": 0.0, "end_s": 0.5, "confidence": None}
    assert rows[0]["alternatives"] == [{"text": "a b", "score": -1.0}]
    assert rows[1]["error"].startswith("it gave a Hypothesis with") or "is not its text" in rows[1]["error"]
    assert (rows[1]["words"], rows[1]["confidence"], rows[1]["alternatives"]) == (None, None, None)


def test_a_text_that_no_file_can_hold_is_mended(tmp_path, audio):
    """Half a surrogate pair becomes a question mark, in a hypothesis and in a reason."""

    def broken(ids: list[str]) -> list[Hypothesis]:
        if ids == ["u1"]:
            raise ValueError("\udcff")
        text = "a\ud800b \U0001f600"
        return [Hypothesis(text, (Word("a\ud800b", 0, 1),), None, (Alternative(text, 0),)) for _ in ids]

    _, rows = transcribe(tmp_path, Scripted(broken), shard(audio, [0], [1]))
    assert rows[0]["hypothesis"] == rows[0]["alternatives"][0]["text"] == "a?b \U0001f600"
    assert rows[0]["words"][0]["text"] == "a?b"
    assert rows[1]["error"] == "ValueError: ?"


def test_an_empty_text_is_an_answer(tmp_path, audio):
    """Silence is no failure."""
    receipt, [row] = transcribe(tmp_path, Scripted(lambda ids: [Hypothesis("")]), shard(audio, [0]))
    assert (receipt.num_failed, row["hypothesis"], row["error"]) == (0, "", None)


@pytest.mark.parametrize("num_allowed", [0, 1, 2, 4])
def test_a_stop_commits_whole_batches_and_nothing_else(tmp_path, audio, num_allowed):
    """What was begun is finished; before the first batch there is no part."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > num_allowed

    work = shard(audio, [0, 1], [2], [3, 4], [5, 6])
    run = tmp_path / "run"
    with Transcription(Echo(), toy_spec(), open_folder(str(run)), "a") as transcription:
        receipt = transcription(work, rank=0, stop=stop)
    if num_allowed == 0:
        assert receipt is None
        assert LocalFolder(run).names("parts") == []
        return
    assert receipt.batches == tuple(range(num_allowed))
    assert receipt.part == part_name(toy_spec().fingerprint(), Shard(work.batches[:num_allowed]))
    assert receipt.num_rows == sum(len(batch.segments) for batch in work.batches[:num_allowed])


def test_what_calls_used_is_in_the_rows_and_added_up_in_the_receipt(tmp_path, audio):
    """Of a failed utterance once, where it was alone, and not of the batch that failed for it."""

    def script(ids: list[str]) -> list[Hypothesis]:
        if "u1" in ids:
            raise UnansweredError("no text", Usage(num_calls=2, input_tokens=5))
        return [Hypothesis("a", usage=Usage(num_calls=1, stated_s=0.5)) for _ in ids]

    receipt, rows = transcribe(tmp_path, Scripted(script), shard(audio, [0, 1]))
    assert [(row["usage"]["num_calls"], row["error"]) for row in rows] == [(1, None), (2, "no text")]
    assert receipt.usage == Usage(num_calls=3, stated_s=0.5, input_tokens=5)


def test_a_failure_with_a_usage_that_is_none_is_a_failure(tmp_path, audio):
    """What a recognizer of somebody's says with its error is looked at, too."""

    def script(ids: list[str]) -> None:
        raise UnansweredError("no text", Usage(num_calls=-1))

    receipt, [row] = transcribe(tmp_path, Scripted(script), shard(audio, [0]))
    assert (row["error"], row["usage"], receipt.usage) == ("no text", None, None)


@pytest.mark.parametrize("num_allowed", [0, 2])
def test_a_recognizer_that_is_gone_ends_the_work_with_what_was_done_committed(tmp_path, audio, num_allowed):
    """Its error goes up; no utterance fails for it."""

    def script(ids: list[str]) -> list[Hypothesis]:
        if len(scripted.sizes) > num_allowed:
            raise RecognizerGoneError("the key was revoked")
        return [Hypothesis("a") for _ in ids]

    scripted = Scripted(script)
    run = tmp_path / "run"
    with (
        Transcription(scripted, toy_spec(), open_folder(str(run)), "a") as transcription,
        pytest.raises(RecognizerGoneError, match="revoked"),
    ):
        transcription(shard(audio, [0, 1], [2], [3, 4]), rank=0, stop=never)
    found = list(receipts(LocalFolder(run), toy_spec().fingerprint()))
    assert [(one.batches, one.num_failed) for one in found] == ([((0, 1), 0)] if num_allowed else [])
    assert scripted.sizes == [2, 1, 2][: num_allowed + 1]


def test_a_piece_of_a_split_batch_is_no_whole_batch(tmp_path, audio):
    """Its rows are counted as pieces, under the number of the batch."""
    whole = Batch(5, tuple(segment(audio, number) for number in range(4)))
    receipt, rows = transcribe(tmp_path, Echo(), Shard((whole.halves()[0], Batch(6, (segment(audio, 6),)))))
    assert (receipt.batches, receipt.num_piece_rows, receipt.num_rows) == ((6,), 2, 3)
    assert [(row["batch"], row["is_split"]) for row in rows] == [(5, True), (5, True), (6, False)]


def test_what_is_given_up_is_committed_as_failed(tmp_path, audio):
    """Without loading anything, beside what a worker may have committed before it died."""
    work = shard(audio, [0, 1], [2])
    never_entered = Transcription(
        Scripted(lambda ids: pytest.fail("asked")), toy_spec(), open_folder(str(tmp_path / "run")), "a"
    )
    receipt = never_entered.give_up(work, rank=2, reason="it died")
    rows = read_part(LocalFolder(tmp_path / "run"), receipt.part).to_pylist()
    assert receipt.part == part_name(toy_spec().fingerprint(), work, is_given_up=True)
    assert receipt.part != part_name(toy_spec().fingerprint(), work)
    assert (receipt.num_rows, receipt.num_failed, receipt.batches, receipt.audio_s) == (3, 3, (0, 1), 0.0)
    assert {(row["error_kind"], row["error"], row["hypothesis"]) for row in rows} == {("worker_died", "it died", None)}


def test_a_failed_piece_of_a_split_batch_is_split_too(tmp_path, audio):
    """Given up or not decoded: the summary counts every row of a batch that was cut."""
    (audio / "1.wav").unlink()
    piece, _ = Batch(0, tuple(segment(audio, number) for number in range(4))).halves()
    with Transcription(Echo(), toy_spec(), open_folder(str(tmp_path / "run")), "a") as work:
        done = work(Shard((piece,)), rank=0, stop=never)
        given_up = work.give_up(Shard((piece,)), rank=0, reason="it died")
    assert (done.num_failed, done.num_splits) == (1, 2)
    assert (given_up.num_failed, given_up.num_splits) == (2, 2)


def test_a_recognizer_that_cannot_load_says_why(tmp_path):
    """An error of ours goes up as it is, any other one as a sentence."""

    class Unloadable(Echo):
        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

        def __enter__(self):
            raise self.error

    ours = RecognizerError("no such checkpoint", hint="fetch it")
    for error in (ours, OSError("libfoo.so: not found\nmore")):
        work = Transcription(Unloadable(error), toy_spec(), open_folder(str(tmp_path)), "a")
        with pytest.raises(RecognizerError) as raised, work:
            pytest.fail("it loaded")
        if error is ours:
            assert raised.value is ours
        else:
            assert (raised.value.what, raised.value.cause) == ("cannot load echo", "OSError: libfoo.so: not found")


def test_a_store_that_fails_is_nobodys_failed_row(tmp_path, audio):
    """A full disk ends the run: the utterance is not to blame."""
    (tmp_path / "run").write_text("a file where the folder should be")
    with Transcription(Echo(), toy_spec(), open_folder(str(tmp_path / "run")), "a") as work, pytest.raises(StoreError):
        work(shard(audio, [0]), rank=0, stop=never)


def test_the_recognizer_is_entered_and_left(tmp_path, audio):
    """Also when the block ends badly; and the work travels before that."""
    events = []

    class Watched(Echo):
        def __enter__(self):
            events.append("entered")
            return super().__enter__()

        def __exit__(self, kind, error, trace):
            events.append(kind)

    with pytest.raises(LookupError), Transcription(Watched(), toy_spec(), open_folder(str(tmp_path)), "a"):
        raise LookupError
    assert events == ["entered", LookupError]
    again = pickle.loads(
        pickle.dumps(Transcription(Echo({"u0": "hello"}), toy_spec(), open_folder(str(tmp_path / "run")), "a"))
    )  # ours
    with again:
        receipt = again(shard(audio, [0]), rank=0, stop=never)
    assert read_part(LocalFolder(tmp_path / "run"), receipt.part)["hypothesis"] == pa.chunked_array([["hello"]])
