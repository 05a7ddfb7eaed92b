"""Where the values of a page come from, and the command that repeats a run."""

from __future__ import annotations

import dataclasses
import shlex

import pytest

from earmark.cli.main import app
from earmark.reports.page.provenance import command, facts
from earmark.spec import Asked, AudioSpec, BatchingSpec, DataSpec, RecognizerSpec, RunSpec, SegmentationSpec
from earmark.verbs.arguments import Arguments

DATA = DataSpec(name="my data/test set.jsonl", fingerprint="f" * 64, audio_sample="", num_utterances=3)
ASKED = Asked(model="toy:./a model", data="my data/test set.jsonl")
SUMMARY = {
    "normalizer": {"name": "basic", "version": "1", "hash": "ab"},
    "scorer": {"name": "levenshtein", "version": "1", "hash": "cd"},
    "scores_hash": "ef",
}
CHOICES = {
    "trust": True, "audio_root": "../my audio", "text_column": "-said", "channel": 1, "language": "fr", "limit": "5%",
    "seed": 3, "missing_audio": "skip",
}  # fmt: skip
ELSEWHERE = {"model", "data", "options", "max_batch_s", "batch_size", "segmenter", "normalizer", "scorer", "out"}
NO_ANSWER = {
    "gpu_memory_limit", "engine", "workers", "gpus", "shard_timeout_s", "address", "runtime_env", "gpu", "shard",
    "job_id", "budget", "audit", "offline", "retry_failed", "fresh", "auto_merge", "cleanup", "track", "track_texts",
    "observer", "began",
}  # fmt: skip
NO_FLAG = {"audio"}


def spec_of(**more):
    recognizer = RecognizerSpec(name="toy", version=more.pop("version", "1"), options={"beam": 4}, max_audio_s=30.0)
    return RunSpec(recognizer=recognizer, **{"data": DATA, "asked": ASKED, **more})


def parsed(words):
    """What the program makes of a command line: the arguments of ``earmark eval``."""
    _, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    return bound.arguments


def test_the_command_is_one_that_the_program_takes():
    """With what differs from the defaults, and names that a shell must not split."""
    spec = spec_of(
        batching=BatchingSpec(max_batch_s=60.1234567, max_batch_size=8), segmentation=SegmentationSpec(name="none")
    )
    words = shlex.split(command("runs/a b", spec, SUMMARY))
    assert words == [
        "earmark", "eval", "toy:./a model", "--data", DATA.name, "--max-batch-seconds", "60.1234567",
        "--batch-size", "8", "--segmenter", "none", "--normalizer", "basic", "--scorer", "levenshtein",
        "--out", "runs/a b",
    ]  # fmt: skip
    parsed(words)


def test_no_argument_of_eval_is_forgotten():
    """Each is in what was asked, or said otherwise, or changes no answer: a new one belongs to one of the three."""
    asked = {one.name for one in dataclasses.fields(Asked)}
    assert asked - ELSEWHERE == set(CHOICES)
    assert {one.name for one in dataclasses.fields(Arguments)} == asked | ELSEWHERE | NO_ANSWER | NO_FLAG
    assert not (asked | ELSEWHERE) & (NO_ANSWER | NO_FLAG)


@pytest.mark.parametrize("name", CHOICES)
def test_what_was_said_of_the_data_is_said_again(name):
    """In words of which the program makes the same; it is a fact too, and no identity."""
    spec = spec_of(asked=dataclasses.replace(ASKED, **{name: CHOICES[name]}))
    found = parsed(shlex.split(command("runs/x", spec, SUMMARY)))
    assert getattr(found["model_flags" if name == "trust" else "flags"], name) == CHOICES[name]
    assert next(one for one in facts("x", spec, SUMMARY, (), ()) if one.name == "chosen and read by")
    assert spec.fingerprint() == spec_of().fingerprint()
    assert RunSpec.from_json(spec.to_json()).asked == spec.asked


@pytest.mark.parametrize(
    "value", ["a b", "", " x", "-x", "a=b", "0x1", 4, -3, 1.0, 0.1, 1e-7, float("inf"), True, False, None]
)
def test_an_option_is_spelled_so_that_it_is_read_as_the_same(value):
    """As a setting, of any kind that an option has."""
    spec = spec_of(asked=dataclasses.replace(ASKED, options={"beam": value}))
    found = parsed(shlex.split(command("runs/x", spec, SUMMARY)))["model_flags"].arguments()["options"]["beam"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("value", ["5", " 5", "1_000", "1e-5", "NaN", "true", "None"])
def test_an_option_that_would_be_read_as_another_has_no_command(value):
    """From Python it may be a text that looks like a number or a word of its own, and no spelling says that."""
    assert command("runs/x", spec_of(asked=dataclasses.replace(ASKED, options={"beam": value})), SUMMARY) == ""


@pytest.mark.parametrize("flag", ["audio_root", "text_column", "language"])
def test_an_empty_value_is_one(flag):
    """Or the flag would swallow the next word."""
    spec = spec_of(asked=dataclasses.replace(ASKED, **{flag: ""}))
    assert getattr(parsed(shlex.split(command("runs/x", spec, SUMMARY)))["flags"], flag) == ""


SIGNED = "https://me:secret@example.com/m?sig=secret"


@pytest.mark.parametrize(
    "said",
    [{"model": SIGNED}, {"data": SIGNED}, {"audio_root": SIGNED}, {"options": {"url": SIGNED}}],
    ids=lambda said: next(iter(said)),
)
def test_what_is_kept_without_its_secret_has_no_command(said):
    """With a part of it hidden it would ask something else."""
    asked = Arguments(**{"model": "toy", "data": "m.jsonl", **said})._asked()
    assert "secret" not in repr(asked)
    assert command("runs/x", spec_of(asked=asked), SUMMARY) == ""


def test_batches_of_which_nothing_was_said_are_said():
    """Another machine would find another size to be fastest, and with it perhaps another answer."""
    assert "--max-batch-seconds 240" in command("runs/x", spec_of(), SUMMARY)
    recognizer = RecognizerSpec(name="toy", version="1", batching="any")
    assert "batch" not in command("runs/x", dataclasses.replace(spec_of(), recognizer=recognizer), SUMMARY)


def test_audio_that_was_changed_is_told():
    """No flag of the command changes audio, so there is none."""
    spec = spec_of(audio=AudioSpec(speed=0.9, level_db=-6, normalization="peak"))
    told = ("audio", "changed: speed 0.9, normalization peak, level -6 dB")
    assert told in {(one.name, one.value) for one in facts("x", spec, SUMMARY, (), ())}
    assert command("runs/x", spec, SUMMARY) == ""
    assert "audio" not in {one.name for one in facts("x", spec_of(), SUMMARY, (), ())}


def test_what_only_one_engine_sees_names_it():
    """The flag changes no answer, and without it there is none."""
    spec = spec_of(asked=dataclasses.replace(ASKED, data="modal:earmark-data/test"))
    assert "--data modal:earmark-data/test --engine modal" in command("runs/x", spec, SUMMARY)


@pytest.mark.parametrize("unnamed", ["model", "data"])
def test_an_object_of_python_has_no_command(unnamed):
    """It has no name that a command line could say."""
    assert command("runs/x", spec_of(asked=dataclasses.replace(ASKED, **{unnamed: None})), SUMMARY) == ""


def test_what_came_from_elsewhere_is_scored_again():
    """No recognizer here can repeat it."""
    words = shlex.split(command("runs/x", spec_of(version="imported-123"), SUMMARY))
    assert words == ["earmark", "score", "runs/x", "--normalizer", "basic", "--scorer", "levenshtein"]
    parsed(words)


def test_every_value_names_its_file():
    """And none is empty."""
    found = facts("runs/x", spec_of(), SUMMARY, (), ())
    assert all(one.value and one.origin for one in found)
    assert {"model", "data", "scores", "run"} <= {one.group for one in found}
    assert ("options", "beam=4") in {(one.name, one.value) for one in found}
