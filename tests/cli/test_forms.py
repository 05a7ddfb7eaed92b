"""``--format`` means the same in every verb that has it: a table, JSON, a JSON object a line, CSV, Markdown."""

from __future__ import annotations

import csv
import io
import json

import pytest

from earmark.cli.forms import write_for_programs
from earmark.cli.main import run
from earmark.verbs.score_outputs import score_files

FORMULA = "=1+1"
VERBS = {
    "score": ["score", "a"],
    "compare": ["compare", "a", "b"],
    "show": ["show", "a", "--worst", "2"],
    "ls": ["ls", "scorers"],
    "cache": ["cache"],
    "forecast": ["eval", "pocketsphinx", "-d", "clips", "--dry-run"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs of the same three utterances, one of which is called as a formula is; and a cache of one thing."""
    folder = tmp_path_factory.mktemp("forms")
    (folder / "clips").mkdir()
    for name, heard in (("a", "one four tree"), ("b", "one two tree")):
        rows = [{"id": one, "text": "one two three", "pred_text": heard} for one in (FORMULA, "u2", "u3")]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        score_files(str(folder / f"{name}.jsonl"), out=str(folder / name))
    return folder


@pytest.fixture
def said(folder, monkeypatch, capsys):
    """What a verb writes to stdout in a form."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("EARMARK_CACHE", str(folder / "cache"))

    def said(verb, form):
        assert run([*VERBS[verb], "--format", form]) == 0
        return capsys.readouterr().out

    return said


@pytest.mark.parametrize("verb", ["score", "compare", "show", "ls"])
def test_every_form_says_the_same_rows(said, verb):
    """A line of JSON Lines is a row of CSV, JSON is one document, and Markdown has a table."""
    assert json.loads(said(verb, "json"))["schema_version"]
    lines = [json.loads(line) for line in said(verb, "jsonl").splitlines()]
    rows = list(csv.DictReader(io.StringIO(said(verb, "csv"))))
    assert lines
    assert len(lines) == len(rows)
    assert lines[0].keys() & rows[0].keys()
    markdown = said(verb, "md")
    assert markdown.startswith("**")
    assert "| --- |" in markdown
    assert markdown != said(verb, "table")


def test_what_a_spreadsheet_would_run_is_a_text(said):
    """An apostrophe stands before a cell that begins as a formula does; in JSON nothing does."""
    assert f"'{FORMULA}" in [row["id"] for row in csv.DictReader(io.StringIO(said("show", "csv")))]
    assert FORMULA in [json.loads(line)["id"] for line in said("show", "jsonl").splitlines()]


def test_the_name_of_a_column_is_no_formula_either(capsys):
    """Names of columns come from data, too: slices and settings."""
    write_for_programs("csv", {}, [{FORMULA: 1, "plain": {"@x": 2}}])
    assert capsys.readouterr().out == f"'{FORMULA},plain_@x\n1,2\n"


def test_rates_are_fractions_where_programs_read_them(said):
    """And per cent where people do."""
    (row,) = csv.DictReader(io.StringIO(said("compare", "csv")))
    assert float(row["delta_wer"]) == pytest.approx(-1 / 3)
    assert row["fixed"] == "0"
    assert "-33.33" in said("compare", "md")


def test_an_empty_cache_is_an_empty_list(said):
    """Of nothing there is no line, and the JSON says where nothing is."""
    assert json.loads(said("cache", "json"))["items"] == []
    assert said("cache", "jsonl") == ""
    assert said("cache", "csv") == ""
    assert "in all" in said("cache", "md")
