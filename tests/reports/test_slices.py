"""Slices of one run: they add up to it, each with its own interval, and their number is bounded."""

from __future__ import annotations

import json

import numpy as np
import pytest

import earmark
from earmark.errors import UnknownNameError
from earmark.recognizers.doubles import Noisy
from earmark.reports import slices
from earmark.reports.slices import SliceLabels
from earmark.scoring.bootstrap import wer_interval
from earmark.store.run import RunStore
from tests.reports.tables import Pair, tables
from tests.toys import toy_source

COUNTS = ("hits", "substitutions", "deletions", "insertions")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    source = toy_source(folder / "data", 60)
    earmark.evaluate(Noisy(source.texts, error_rate=0.3), source, out=str(folder / "run"))
    return str(folder / "run")


def test_the_slices_of_a_column_add_up_to_the_run(run):
    """Utterances, and every count of words."""
    summary = earmark.score(run, slices=["duration", "speaker", "language"])
    for column in ("duration", "speaker", "language"):
        found = [one for one in summary.slices if one.column == column]
        assert sum(one.num_utterances for one in found) == summary.num_scored
        assert sum(one.words for one in found) == summary.counts.words
    assert [one.value for one in summary.slices] == ["0-5 s", "speaker-0", "speaker-1", "(none)"]


def test_the_interval_of_a_slice_is_that_of_its_utterances(run):
    """As if they were all there is; small ones are marked."""
    summary = earmark.score(run, slices=["speaker"])
    rows = RunStore.at(run).read_table("scores.parquet").to_pylist()
    for one in summary.slices:
        own = [row for row in rows if row["speaker"] == one.value]
        errors = np.array([row["substitutions"] + row["deletions"] + row["insertions"] for row in own])
        words = np.array([row["hits"] + row["substitutions"] + row["deletions"] for row in own])
        assert one.interval == wer_interval(errors, words)
        assert not one.is_small
    assert all(one.is_small for one in earmark.score(run, slices=["duration"], normalizer="none").slices) is False


def test_slices_are_in_the_summary_as_json(run):
    """With the rate, and a mark for the small."""
    (first, *_) = json.loads(earmark.score(run, slices=["speaker"]).to_json())["slices"]
    assert (first["column"], first["value"], first["num_utterances"], first["is_small"]) == (
        "speaker",
        "speaker-0",
        30,
        False,
    )
    words = first["hits"] + first["substitutions"] + first["deletions"]
    assert first["num_reference_words"] == words
    assert first["wer"] == (first["substitutions"] + first["deletions"] + first["insertions"]) / words
    assert json.loads(earmark.score(run).to_json())["slices"] == []


def test_an_unknown_column_changes_nothing(run):
    """It is said with those that there are, and the run's files stay as they were."""
    store = RunStore.at(run)
    earmark.score(run)
    before = {name: store.folder.read(name) for name in ("scores.parquet", "summary.json", "errors.jsonl")}
    with pytest.raises(UnknownNameError, match="accent") as raised:
        earmark.score(run, normalizer="none", slices=["accent"])
    assert "speaker" in raised.value.known
    assert {name: store.folder.read(name) for name in before} == before


def test_a_column_with_too_many_values_has_the_largest_and_the_others(monkeypatch):
    """Nothing is lost: the rest shares a slice, which comes before those without a value."""
    monkeypatch.setattr(slices, "MAX_SLICES", 2)
    values = ["a", "b", "b", "c", "c", "c", "d", None]
    labels = SliceLabels(["room"])
    for value in values:
        scores = tables([Pair("so", "so", extra=json.dumps({"room": value}))])[0]
        labels.add(scores, np.array([1]))
    (grouping,) = labels.groupings()
    assert [(name, len(where)) for name, where in grouping.slices] == [
        ("b", 2),
        ("c", 3),
        ("(others)", 2),
        ("(none)", 1),
    ]
    assert sorted(np.concatenate([where for _, where in grouping.slices])) == list(range(8))
