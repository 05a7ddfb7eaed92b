"""Tables on a terminal and elsewhere: what is folded, what is left out, and what never is."""

from __future__ import annotations

import pytest

from earmark.cli.screen import number_of
from earmark.cli.tables import new_table, print_table, write_markdown

NAME = "s5_db-nnlm.biasing_100-of-a-long-name"


@pytest.fixture
def printed(monkeypatch, capsys):
    """Prints a table of long names on a terminal of so many columns, or elsewhere, and gives its lines."""
    monkeypatch.setenv("NO_COLOR", "1")

    def printed(columns, **options):
        monkeypatch.setattr("sys.stdout.isatty", lambda: columns is not None, raising=False)
        monkeypatch.setenv("COLUMNS", str(columns or 80))
        table = new_table("title")
        table.add_column("system", no_wrap=True)
        for name in ("first", "second", "third"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("words", overflow="fold")
        table.add_row(NAME, "1" * 12, "2" * 12, "3" * 12, "a text of many words " * 6)
        is_narrow = print_table(table, **options)
        return is_narrow, capsys.readouterr().out.splitlines()

    return printed


def test_elsewhere_nothing_is_folded(printed):
    """A row is a line, however long."""
    is_narrow, lines = printed(None)
    [row] = [line for line in lines if NAME in line]
    assert ("a text of many words " * 6).strip() in row
    assert not is_narrow


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_name_is_whole_on_any_terminal(printed, columns):
    """Other texts are folded."""
    is_narrow, lines = printed(columns)
    [row] = [line for line in lines if NAME in line]
    assert row.split()[:4] == [NAME, "1" * 12, "2" * 12, "3" * 12]
    assert sum("text" in line for line in lines) > 1
    assert not is_narrow


def test_columns_that_may_go_go_the_last_first(printed):
    """As many as it takes, and it is told."""
    for columns, gone in ((200, ""), (88, "3"), (70, "23")):
        is_narrow, lines = printed(columns, may_go=("second", "third"), least_width=40)
        text = "\n".join(lines)
        assert is_narrow == bool(gone)
        assert [number for number in "123" if number * 12 not in text] == list(gone)


def test_no_line_ends_in_spaces(printed):
    """On a terminal or elsewhere."""
    for columns in (None, 80):
        assert all(line == line.rstrip() for line in printed(columns)[1])


def test_a_number_agrees_with_its_noun_and_verb():
    """One is, more are."""
    assert [number_of(n, "utterance", "are") for n in (1, 2000)] == ["1 utterance is", "2,000 utterances are"]
    assert [number_of(1, "row", "were"), number_of(1, "row", "count"), number_of(0, "row")] == [
        "1 row was",
        "1 row counts",
        "0 rows",
    ]


def test_markdown_has_the_cells_of_the_table(capsys):
    """Under its title; a sign that would end a cell, or begin something, is spelled out."""
    table = new_table("of a|b")
    table.add_column("system", no_wrap=True)
    table.add_column("WER %", justify="right")
    table.add_row("a_b*", "1.00")
    table.add_row("x\ny", "[2.00, 3.00]")
    write_markdown(table)
    assert capsys.readouterr().out.splitlines() == [
        r"**of a\|b**", "", "| system | WER % |", "| --- | ---: |", r"| a\_b\* | 1.00 |", "| x y | [2.00, 3.00] |", "",
    ]  # fmt: skip
