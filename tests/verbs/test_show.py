"""The worst utterances are the worst, of all or of those that a search finds, and say how they are aligned."""

from __future__ import annotations

import dataclasses
import json

import pyarrow as pa
import pytest

import earmark
from earmark.cli.main import run
from earmark.errors import FolderError, StoreError, UnknownNameError, UsageError
from earmark.recognizers.doubles import Echo
from earmark.scoring.alignment import aligned, render_diff
from earmark.store import layout
from earmark.store.run import RunStore
from tests.toys import ToySource, toy_source

ROWS = [
    ("right", "good night", "good night", "ann", 2.0),
    ("two", "one two three four", "one too three for", "ann", 6.0),
    ("loop", "hello there", "you you you you you you", "bob", 7.0),
    ("one", "one (two) three", "one three", "bob", 12.0),
    ("also two", "a b c", "a", None, 2.0),
]


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> str:
    """A run of these, and of one utterance without a reference."""
    folder = tmp_path_factory.mktemp("scored")
    rows = [
        {"id": name, "text": said, "pred_text": heard, "speaker": speaker, "duration": duration_s, "place": name[:1]}
        for name, said, heard, speaker, duration_s in ROWS
    ]
    rows.append({"id": "none", "text": None, "pred_text": "x", "speaker": "ann", "duration": 1.0, "place": "n"})
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    earmark.score_files(folder / "m.jsonl", out=folder / "run", normalizer="none")
    return str(folder / "run")


def ids(scored: str, **search) -> list[str]:
    return [one.id for one in earmark.show(scored, **search).utterances]


def test_the_worst_come_first_and_then_in_the_order_of_the_data(scored):
    """Without those that have no error, as many as are asked for."""
    assert ids(scored) == ["loop", "two", "also two", "one"]
    assert ids(scored, worst=2) == ["loop", "two"]
    listing = earmark.show(scored, worst=2)
    assert (listing.num_found, listing.num_scored, listing.num_failed) == (4, 5, 0)


@pytest.mark.parametrize("window", [1, 2])
def test_a_run_that_is_larger_than_a_window_is_listed_alike(scored, monkeypatch, window):
    """Whatever is searched for."""
    searches = ({}, {"worst": 2}, {"grep": "o"}, {"slices": {"speaker": "bob"}}, {"flag": "loop"})
    whole = [earmark.show(scored, **search) for search in searches]
    monkeypatch.setattr("earmark.reports.listing._WINDOW", window)
    assert [earmark.show(scored, **search) for search in searches] == whole


def test_an_utterance_has_its_operations_and_facts(scored):
    """The letters are those of the alignment, word by word."""
    [one] = earmark.show(scored, grep="^two$").utterances
    assert one.operations == (("=", "one", "one"), ("S", "two", "too"), ("=", "three", "three"), ("S", "four", "for"))
    assert (one.errors, one.reference_length, one.wer) == (2, 4, 0.5)
    assert (one.speaker, one.duration_s, one.extra) == ("ann", 6.0, {"place": "t"})


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ({"grep": "night"}, ["right"]),
        ({"grep": "NIGHT"}, []),
        ({"grep": "(?i)NIGHT"}, ["right"]),
        ({"grep": r"\(two\)"}, ["one"]),
        ({"grep": "^also"}, ["also two"]),
        ({"slices": {"speaker": "bob"}}, ["loop", "one"]),
        ({"slices": {"speaker": "(none)"}}, ["also two"]),
        ({"slices": {"speaker": "ann"}}, ["two"]),
        ({"slices": {"duration": "5-10 s"}}, ["loop", "two"]),
        ({"slices": {"duration": "5-10 s", "place": "t"}}, ["two"]),
        ({"slices": {"speaker": "bob"}, "grep": "you"}, ["loop"]),
        ({"flag": "loop"}, ["loop"]),
        ({"flag": "over_silence"}, []),
    ],
)
def test_a_search_finds_what_fits(scored, search, found):
    """By a text or an id, by slices as tables call them, by a flag; what has no error only by text or flag."""
    assert ids(scored, **search) == found


@pytest.mark.parametrize(
    ("search", "error"),
    [
        ({"grep": "("}, UsageError),
        ({"grep": "(?=one)"}, UsageError),
        ({"flag": "lop"}, UnknownNameError),
        ({"slices": {"speeker": "ann"}}, UnknownNameError),
        ({"slices": {"speaker": "anne"}}, UnknownNameError),
        ({"worst": 0}, UsageError),
    ],
)
def test_a_search_that_means_nothing_is_refused(scored, search, error):
    """With what to type."""
    with pytest.raises(error) as refused:
        earmark.show(scored, **search)
    assert refused.value.hint


def test_what_is_no_scored_run_is_refused(tmp_path, scored):
    """No run, and none of its scores."""
    with pytest.raises(FolderError):
        earmark.show(tmp_path)
    begun = RunStore.at(str(tmp_path / "begun"))
    begun.folder.write(layout.SPEC, RunStore.at(scored).folder.read(layout.SPEC))
    with pytest.raises(FolderError) as refused:
        earmark.show(tmp_path / "begun")
    assert "transcribed yet" in (refused.value.cause or "")


def test_alignments_of_another_scorer_are_refused(tmp_path, scored):
    """Where a summary says other rules than the scores were made with."""
    store, copy = RunStore.at(scored), RunStore.at(str(tmp_path / "copy"))
    for name in (layout.SPEC, layout.SUMMARY):
        copy.folder.write(name, store.folder.read(name))
    scores = store.read_table(layout.SCORES)
    place = scores.schema.get_field_index("alignment")
    codes = pa.array(["9="] * len(scores), pa.string())
    copy.write_table(layout.SCORES, scores.set_column(place, scores.schema.field(place), codes))
    with pytest.raises(StoreError, match="not of its scorer"):
        earmark.show(tmp_path / "copy")


def test_the_command_aligns_in_letters_and_says_the_rest_on_stderr(scored, capsys, monkeypatch):
    """Colour is for terminals; what is not shown is said."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(["show", scored, "--worst", "1", "--slice", "speaker=ann"]) == 0
    out, said = capsys.readouterr()
    assert out.splitlines()[3:] == [
        "two  2 errors of 4 (50.00 %)  S 2 D 0 I 0  6.0 s  speaker ann",
        "  REF one two three four",
        "  HYP one too three for",
        "  OPS     S         S",
    ]
    assert said == ""
    assert run(["show", scored, "--worst", "1"]) == 0
    assert "3 more utterances: --worst 4" in capsys.readouterr().err
    assert run(["show", scored, "--grep", "nothing of it"]) == 0
    assert "none of 5 scored utterances" in capsys.readouterr().out


def test_a_run_without_references_has_nothing_to_align(tmp_path, capsys):
    """No filter would find more."""
    source = toy_source(tmp_path / "audio", 2)
    silent = ToySource(source.root, tuple(dataclasses.replace(one, reference=None) for one in source.items))
    earmark.evaluate(Echo(source.texts), silent, out=str(tmp_path / "run"))
    assert run(["show", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out == "nothing was scored: no utterance has a reference and a hypothesis\n"


def test_json_has_all_of_it(scored, capsys):
    """One object, or one a line."""
    assert run(["show", scored, "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["num_found"], [one["id"] for one in facts["utterances"]]) == (4, ids(scored))
    assert run(["show", scored, "--format", "jsonl"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == facts["utterances"]
    assert lines[0]["alignment"] == "4I2S"


@pytest.mark.parametrize("setting", ["speaker", "=x", "speaker=ann --slice speaker=bob"])
def test_a_slice_is_a_column_and_a_value(scored, capsys, setting):
    """One of each column."""
    assert run(["show", scored, "--slice", *setting.split()]) == 2
    assert "--slice" in capsys.readouterr().err


def test_the_operations_of_a_code_are_those_of_its_diff():
    """Merges too, whose words stand together; a code of other texts is refused."""
    said, heard = ["now", "here", "a", "b"], ["nowhere", "a", "c", "d"]
    operations = list(aligned(said, heard, "2J1=1S1I"))
    assert operations == [("J", "now here", "nowhere"), ("=", "a", "a"), ("S", "b", "c"), ("I", "", "d")]
    assert render_diff(said, heard, "2J1=1S1I") == "[now_here=nowhere] a [b->c] [+d+]"
    with pytest.raises(ValueError, match="words"):
        aligned(said, heard, "3=")


def test_scores_and_comparisons_are_markdown_where_it_is_asked_for(tmp_path, capsys):
    """Tables, and the rules; notes stay on stderr."""
    rows = [{"id": name, "text": said, "pred_text_a": heard, "pred_text_b": said} for name, said, heard, *_ in ROWS]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "both"
    assert run(["score", str(tmp_path / "m.jsonl"), "--out", str(out), "--format", "md"]) == 0
    printed = capsys.readouterr().out
    assert "| pred\\_text\\_b | 5 |" in printed
    assert printed.endswith("; no 95 % interval: fewer than 6 utterances are too few\n")
    runs = [str(out / f"pred_text_{side}") for side in "ab"]
    assert run(["compare", *runs, "--format", "md", "--replicates", "20"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert sum(line.startswith("| ") for line in lines) >= 4
    assert lines[-1].startswith("normalizer basic@")
