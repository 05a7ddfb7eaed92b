"""Every error of ours travels, keeps its facts, and stands in the tree that is drawn."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from earmark import errors
from earmark.errors import (
    ArchiveError,
    AudioError,
    AuditFailedError,
    BudgetReachedError,
    BudgetSpentError,
    CheckpointError,
    DamagedPartError,
    DuplicateIdError,
    EarmarkError,
    EngineError,
    FetchError,
    FolderError,
    GateFailedError,
    InterruptedRunError,
    LostRankError,
    ManifestError,
    MissingAudioError,
    MissingColumnError,
    MissingExtraError,
    OutOfMemoryError,
    RecognizerError,
    RecognizerGoneError,
    RunLockedError,
    RunMismatchError,
    StagedMismatchError,
    StoppedSweepError,
    StoppedTrainingError,
    StoppedWaitingError,
    StoreError,
    TooManyFailedTasksError,
    TooManyFailuresError,
    UnknownNameError,
    UsageError,
)

EXAMPLES = [
    EarmarkError("what", cause="cause", hint="hint"),
    UsageError("what"),
    UnknownNameError("model", "wisper", ["whisper", "echo"]),
    UnknownNameError("model", "x", ["whisper"], hint="look it up"),
    MissingExtraError("model", "whisper", "transformers", "torch"),
    ManifestError("m.jsonl", "no JSON", line=3, column=7, excerpt="{x}\n ^", hint="mend it"),
    MissingColumnError("m.csv", "reference text", ["path", "sentence"], flag="--text-column", near="sentence"),
    MissingColumnError("m.csv", "reference text", [], flag="--text-column"),
    DuplicateIdError("m.jsonl", 1, "a"),
    DuplicateIdError("m.jsonl", 2000, "a"),
    MissingAudioError("m.jsonl", 3, 4000, "x.wav", root="/data"),
    MissingAudioError("m.jsonl", 3, 4, "/x.wav", root="/data"),
    StagedMismatchError("staged/a", {"audio_format": ("flac", "wav")}),
    RunMismatchError("runs/a", {"recognizer.version": ("1", "2")}),
    RunLockedError("runs/a", "process 3 on host"),
    FolderError("runs/a", "Permission denied", hint="--out"),
    BudgetSpentError("runs/a", spent=5.0, budget=4.0, currency="USD"),
    BudgetReachedError(3, 9, spent=5.0, budget=4.0, currency="USD"),
    StoppedWaitingError("process 7 on host"),
    ArchiveError("a.tar.gz", "'../x' in it leads out of the folder"),
    AudioError("truncated", "a.wav ends early"),
    RecognizerError("what", cause="cause"),
    OutOfMemoryError("what"),
    RecognizerGoneError("what", cause="cause", hint="hint"),
    StoreError("what", cause="cause", hint="hint"),
    DamagedPartError("what", cause="cause", hint="hint"),
    FetchError("offline", "hf:a/b/c", "it is not here", hint="put it there"),
    EngineError("what"),
    LostRankError("connection closed by peer"),
    TooManyFailedTasksError(1, 8, 0, "four/step_9, relabel:0: it is NaN"),
    CheckpointError("pointer", "four/step_9", "it is a Git LFS pointer, not the weights", hint="git lfs pull"),
    StoppedSweepError(3000, 16000),
    StoppedTrainingError(450),
    GateFailedError("delta_wer > 0.2", "b against a", {"delta_wer": 0.25}),
    AuditFailedError("batching changes the text of 12 of 50 utterances", "--batch-size 1"),
    TooManyFailuresError(3, 1000, "2", "runs/a/errors.jsonl"),
    InterruptedRunError(3, 1000),
    InterruptedRunError(3, 1000, "earmark eval echo --data m.jsonl"),
]


def tree_of_code(kind: type[EarmarkError]) -> dict[str, str]:
    """Each class of the module with its parent's name, from the classes."""
    found = {kind.__name__: kind.__bases__[0].__name__}
    for child in kind.__subclasses__():
        if child.__module__.startswith(errors.__name__):
            found.update(tree_of_code(child))
    return found


def tree_of_docstring() -> dict[str, str]:
    """Each class with its parent's name, from the drawing."""
    path: list[str] = []
    found = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    ([│├└─ ]*)(\w+Error)\b", line):
            depth = len(match[1]) // 4
            path = [*path[:depth], match[2]]
            found[match[2]] = path[-2] if depth else "Exception"
    return found


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    """No class is missing, none is left over, and each has the parent that is drawn."""
    defined = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__.startswith(errors.__name__)
    }
    assert tree_of_docstring() == tree_of_code(EarmarkError)
    assert set(tree_of_docstring()) == defined


def test_the_exit_codes_in_the_docstring_are_those_of_the_classes():
    """A class without one in the drawing has its parent's."""
    drawn = dict(re.findall(r"(\w+Error) +exit (\d+)", errors.__doc__ or ""))
    for kind in {type(example) for example in EXAMPLES}:
        nearest = next(parent.__name__ for parent in kind.__mro__ if parent.__name__ in drawn)
        assert kind.exit_code == int(drawn[nearest])


def test_there_is_an_example_of_every_error():
    """So that the tests below leave none out."""
    assert {type(example).__name__ for example in EXAMPLES} == set(tree_of_code(EarmarkError))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_an_error_travels_with_all_its_facts(example):
    """From a worker to its driver, twice, in every protocol of pickle."""
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(example, protocol)), protocol))  # ours
        assert type(again) is type(example)
        assert vars(again) == vars(example)
        assert str(again) == str(example) == example.what


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_a_sentence_is_one_line_without_a_full_stop(example):
    """What a screen shows after ``error:`` and ``hint:``."""
    for text in (example.what, example.hint):
        assert text is None or ("\n" not in text and text and not text.endswith("."))


def test_an_unknown_name_lists_what_is_near():
    """And says nothing where nothing is."""
    assert EXAMPLES[2].near == ["whisper"]
    assert EXAMPLES[2].hint == "did you mean whisper?"
    assert UnknownNameError("model", "zzz", ["whisper"]).hint is None
    assert EXAMPLES[3].hint == "look it up"


def test_a_place_in_a_manifest_is_said_as_editors_say_it():
    """Path, line and column, as far as they are known."""
    assert str(EXAMPLES[5]) == "m.jsonl:3:7: no JSON"
    assert str(ManifestError("m.jsonl", "no JSON")) == "m.jsonl: no JSON"


def test_a_missing_column_names_a_likely_one():
    """The flag with a column that could be meant."""
    assert EXAMPLES[6].hint == "--text-column sentence; --text-column none if there is no such text"
    assert EXAMPLES[7].hint.startswith("--text-column NAME;")
    assert EXAMPLES[7].cause == "its columns are (none)"


def test_numbers_are_readable_and_agree_with_their_nouns():
    """Thousands are set apart, and one is not several."""
    assert str(EXAMPLES[8]).startswith("1 duplicate id in")
    assert str(EXAMPLES[9]).startswith("2,000 duplicate ids in")
    assert "3 of 1,000" in str(EXAMPLES[-3])


def test_missing_audio_says_where_paths_start():
    """So that --audio-root can be told."""
    assert EXAMPLES[10].cause == "relative paths start at /data"


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (0.0, "0.0000"),
        (1234.5, "1,234.5000"),
        (0.1, "0.1000"),
        (0.0321, "0.0321"),
        (0.001, "0.0010"),
        (0.012345, "0.01235"),
        (0.00001234, "0.00001234"),
    ],
)
def test_a_sum_is_never_written_as_nothing(amount, written):
    """Four digits behind the point, or four that count."""
    assert errors.money(amount) == written


@pytest.mark.parametrize(
    ("amount", "written"),
    [(5.0, "5"), (0.004, "0.004"), (1e-06, "0.000001"), (1234567.5, "1234567.5"), (1e22, "1" + "0" * 22)],
)
def test_a_sum_that_was_typed_keeps_its_digits(amount, written):
    """Without a power of ten."""
    assert errors.sum_as_said(amount) == written
