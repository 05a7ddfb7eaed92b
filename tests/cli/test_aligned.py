"""Aligned texts stand one below the other on any terminal, in any script, and say nothing to it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from earmark.cli.aligned import aligned_lines

ENGLISH = (("=", "the", "the"), ("S", "cat", "kitten"), ("D", "sat", ""), ("I", "", "down"))
MARK = "\u200e"


def lines(operations, width=None, *, has_colour=False) -> list[str]:
    return list(aligned_lines(operations, width, has_colour=has_colour))


def test_words_stand_below_each_other_and_letters_below_errors():
    """Where there is no word, there are asterisks."""
    assert lines(ENGLISH) == [
        "  REF the cat    sat ***",
        "  HYP the kitten *** down",
        "  OPS     S      D   I",
    ]


def test_a_line_without_an_error_has_no_letters():
    """Nor has an utterance without words any line."""
    assert lines([("=", "a", "a")]) == ["  REF a", "  HYP a"]
    assert lines([]) == []


def test_wide_characters_take_two_places():
    """So that what follows is still aligned."""
    reference, hypothesis, _ = lines([("S", "天氣", "氣"), ("=", "好", "好")])
    assert cell_len(reference.partition("好")[0]) == cell_len(hypothesis.partition("好")[0])


def test_right_to_left_begins_at_the_right():
    """Each word is marked off, so that no terminal turns the line; letters stay below their words."""
    operations = [("=", "שלום", "שלום"), ("S", "עולם", "עולב"), ("I", "", "כן")]
    reference, hypothesis, letters = (line.replace(MARK, "") for line in lines(operations))
    assert reference == "  REF *** עולם שלום"
    assert hypothesis == "  HYP  כן עולב שלום"
    assert letters == "  OPS   I    S"
    assert all(f"{word}{MARK}" in lines(operations)[0] for word in ("שלום", "עולם"))
    assert MARK not in "".join(lines(ENGLISH))


@pytest.mark.parametrize("width", [20, 30, 80])
def test_no_line_is_wider_than_the_terminal(width):
    """All words are there, also one that is wider than a line, cut."""
    operations = [*ENGLISH * 8, ("=", "x" * 200, "x" * 200), ("S", "天" * 90, "y")]
    found = lines(operations, width)
    assert all(cell_len(line) <= max(width, 26) for line in found)
    assert sum(line.count("kitten") for line in found) == 8
    assert len([line for line in found if line.startswith("  REF")]) > 1


def test_the_middle_of_a_long_stretch_is_left_out_and_said():
    """And so is the end of a very long text."""
    [reference, *_] = lines([("=", "a", "a")] * 100 + [("D", "b", "")])
    assert reference.count("a ") == 24
    assert "(... 76 right ...)" in reference
    assert lines([("D", "b", "")] * 1000)[-1] == "      ... 600 more: --format json has all of it"


def test_errors_are_painted_where_colour_is_wanted():
    """Letters are there all the same, and taking the colours away gives the plain lines."""
    painted = lines(ENGLISH, has_colour=True)
    assert "\x1b[1;33mkitten\x1b[0m" in painted[1]
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in painted] == lines(ENGLISH)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("=SDI"), st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))))
def test_no_text_speaks_to_the_terminal(operations):
    """Controls and marks that turn lines are spelled out, but for our own."""
    for line in lines(operations, 60):
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", line)
        assert cell_len(line) <= 60
