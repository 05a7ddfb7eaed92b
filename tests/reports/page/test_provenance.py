"""Where the values of a page come from, and the command that repeats a run."""

from __future__ import annotations

import dataclasses
import shlex

from earmark.cli.main import app
from earmark.reports.page.provenance import command, facts
from earmark.spec import AudioSpec, BatchingSpec, DataSpec, RecognizerSpec, RunSpec, SegmentationSpec

DATA = DataSpec(name="my data/test set.jsonl", fingerprint="f" * 64, audio_sample="", num_utterances=3)
SUMMARY = {
    "normalizer": {"name": "basic", "version": "1", "hash": "ab"},
    "scorer": {"name": "levenshtein", "version": "1", "hash": "cd"},
    "scores_hash": "ef",
}


def spec_of(**more):
    recognizer = RecognizerSpec(name="toy", version=more.pop("version", "1"), options={"beam": 4}, max_audio_s=30.0)
    return RunSpec(recognizer=recognizer, **{"data": DATA, **more})


def test_the_command_is_one_that_the_program_takes():
    """With what differs from the defaults, and names that a shell must not split."""
    spec = spec_of(batching=BatchingSpec(max_batch_s=60, max_batch_size=8), segmentation=SegmentationSpec(name="none"))
    words = shlex.split(command("runs/a b", spec, SUMMARY))
    assert words == [
        "earmark", "eval", "toy", "--data", DATA.name, "--max-batch-seconds", "60", "--batch-size", "8",
        "--segmenter", "none", "--normalizer", "basic", "--scorer", "levenshtein", "--out", "runs/a b",
    ]  # fmt: skip
    app.parse_args(words[1:], exit_on_error=False, print_error=False)


def test_a_part_of_the_data_is_named():
    """By its limit and its seed, in the command and among the facts."""
    spec = spec_of(data=dataclasses.replace(DATA, limit="5%", seed=3))
    words = shlex.split(command("runs/x", spec, SUMMARY))
    assert words[5:9] == ["--limit", "5%", "--seed", "3"]
    app.parse_args(words[1:], exit_on_error=False, print_error=False)
    assert ("chosen by", "--limit 5% --seed 3") in {(one.name, one.value) for one in facts("x", spec, SUMMARY, (), ())}
    assert spec.fingerprint() == spec_of().fingerprint()


def test_audio_that_was_changed_is_told():
    """No flag of the command changes audio, so there is none."""
    spec = spec_of(audio=AudioSpec(speed=0.9, level_db=-6, normalization="peak"))
    told = ("audio", "changed: speed 0.9, normalization peak, level -6 dB")
    assert told in {(one.name, one.value) for one in facts("x", spec, SUMMARY, (), ())}
    assert command("runs/x", spec, SUMMARY) == ""
    assert "audio" not in {one.name for one in facts("x", spec_of(), SUMMARY, (), ())}


def test_what_came_from_elsewhere_is_scored_again():
    """No recognizer here can repeat it."""
    words = shlex.split(command("runs/x", spec_of(version="imported-123"), SUMMARY))
    assert words[:3] == ["earmark", "score", "runs/x"]
    app.parse_args(words[1:], exit_on_error=False, print_error=False)


def test_every_value_names_its_file():
    """And none is empty."""
    found = facts("runs/x", spec_of(), SUMMARY, (), ())
    assert all(one.value and one.origin for one in found)
    assert {"model", "data", "scores", "run"} <= {one.group for one in found}
    assert ("options", "beam=4") in {(one.name, one.value) for one in found}
