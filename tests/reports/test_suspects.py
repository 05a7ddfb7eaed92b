"""References that all systems contradict: found by what they heard, and never by how wrong it is."""

from __future__ import annotations

import dataclasses
import json

import pytest

import earmark
from earmark.cli.main import run as command
from earmark.recognizers.doubles import Echo, Noisy
from earmark.reports import suspects
from earmark.store.run import RunStore
from tests.toys import ToySource, toy_source

WRONG = {"utt-002": "quite another thing", "utt-007": "six"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three recognizers that hear what is said, over a source two of whose references are not what is said."""
    folder = tmp_path_factory.mktemp("runs")
    truth = toy_source(folder / "data", 20)
    items = tuple(dataclasses.replace(one, reference=WRONG.get(one.id, one.reference)) for one in truth.items)
    source = ToySource(truth.root, items)
    for name, model in (
        ("a", Echo(truth.texts)),
        ("b", Noisy(truth.texts, error_rate=0.0)),
        ("silent", Echo({one.id: "" for one in items})),
        ("mute", Noisy({one.id: "" for one in items}, error_rate=0.0)),
        ("noisy", Noisy(truth.texts, error_rate=0.9, seed=3)),
    ):
        earmark.evaluate(model, source, out=str(folder / name))
    return folder, truth.texts


def test_a_reference_that_all_contradict_is_listed_with_both_texts(runs):
    """The one with most errors first, and how often they agree at all."""
    folder, truth = runs
    found = earmark.compare(str(folder / "a"), str(folder / "b"), normalizer="none").suspects
    assert (found.num_systems, found.num_agreed, found.number) == (2, 20, 2)
    assert {one.id: (one.reference, one.hypothesis) for one in found.listed} == {
        id_: (reference, truth[id_]) for id_, reference in WRONG.items()
    }
    assert [one.num_errors for one in found.listed] == sorted((one.num_errors for one in found.listed), reverse=True)


def test_one_system_that_disagrees_takes_the_suspicion_away(runs):
    """Another text, whether right or wrong."""
    folder, _ = runs
    three = earmark.compare(*(str(folder / name) for name in ("a", "b", "noisy"))).suspects
    assert three.num_systems == 3
    assert three.number < 2 or three.num_agreed < 20


def test_hearing_nothing_is_no_agreement(runs):
    """Two systems that give no words say nothing about the reference."""
    folder, _ = runs
    found = earmark.compare(str(folder / "silent"), str(folder / "mute")).suspects
    assert (found.num_agreed, found.number, found.listed) == (0, 0, ())


def test_the_list_is_bounded_and_the_number_is_not(runs, monkeypatch):
    """The worst are listed."""
    folder, _ = runs
    monkeypatch.setattr(suspects, "MAX_LISTED", 1)
    found = earmark.compare(str(folder / "a"), str(folder / "b")).suspects
    assert (found.number, len(found.listed)) == (2, 1)


def test_it_is_printed_and_in_the_json(runs, capsys):
    """As a diff on the screen, with a word of caution for two systems."""
    folder, truth = runs
    a, b = str(folder / "a"), str(folder / "b")
    assert command(["compare", a, b, "--slices", ""]) == 0
    out = capsys.readouterr().out
    assert "suspect references: 2 systems heard the same words in 20 utterances, and in 2 of them" in out
    assert "\n  utt-002  " in out
    assert "a third, of another kind, would say more" in out
    assert command(["compare", a, b, "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)["suspect_references"]
    assert facts["number"] == 2
    assert {one["hypothesis"] for one in facts["listed"]} == {truth[id_] for id_ in WRONG}


def test_scored_systems_are_looked_at_as_compared_ones_are(runs):
    """From their scores alone, with the same answer."""
    folder, _ = runs
    for names in (("a", "b"), ("a", "b", "noisy"), ("silent", "mute")):
        stores = [RunStore.at(str(folder / name)) for name in names]
        compared = earmark.compare(*(str(folder / name) for name in names), normalizer="basic").suspects
        assert suspects.suspects_in_scores(stores) == compared


def test_systems_of_other_utterances_are_refused(runs, tmp_path):
    """Never paired by their place."""
    folder, truth = runs
    source = toy_source(tmp_path / "data", 20)
    other = ToySource(source.root, tuple(reversed(source.items)))
    earmark.evaluate(Echo(truth), other, out=str(tmp_path / "other"))
    with pytest.raises(ValueError, match="not of the same utterances"):
        suspects.suspects_in_scores([RunStore.at(str(folder / "a")), RunStore.at(str(tmp_path / "other"))])
