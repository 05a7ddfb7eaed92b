"""Texts of too few utterances: their numbers are those that decide, and they are said where they are the reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import earmark
from earmark.cli.breakdown import too_few
from earmark.reports.breakdown import SliceErrors
from earmark.reports.slices import SMALL, Slice
from earmark.scoring.bootstrap import MIN_UNITS
from earmark.scoring.counts import ErrorCounts

SOURCE = Path(earmark.__file__).parent
TEXTS = {
    "cli/breakdown.py": {SMALL, MIN_UNITS},
    "cli/results.py": {SMALL, MIN_UNITS},
    "reports/page/files/charts.js": {SMALL, MIN_UNITS},
    "reports/page/files/overview.js": {SMALL, MIN_UNITS},
    "reports/page/files/versus.js": {SMALL, MIN_UNITS},
}


def numbers_in(path):
    return {int(one) for one in re.findall(r"(?:fewer than|num_scored <) (\d+)", path.read_text(encoding="utf-8"))}


def test_the_numbers_in_texts_are_those_that_decide():
    """Written out in each, since scripts of the page and early imports have no constants; and nowhere else."""
    files = [*SOURCE.glob("cli/**/*.py"), *SOURCE.glob("reports/page/files/*.js")]
    found = {path.relative_to(SOURCE).as_posix(): numbers_in(path) for path in files}
    assert {name: numbers for name, numbers in found.items() if numbers} == TEXTS


@pytest.mark.parametrize(("num_words", "said"), [(0, ""), (9, "; -: fewer than 6")])
def test_a_slice_without_words_lacks_its_interval_for_another_reason(num_words, said):
    """There is no rate, so none of it either, however many utterances it has."""
    shared = {"column": "accent", "value": "north", "num_utterances": 7 if num_words == 0 else 5, "interval": None}
    one = SliceErrors(**shared, words=ErrorCounts(hits=num_words, insertions=3))
    pair = Slice(**shared, num_reference_words=num_words, errors_a=3, errors_b=2)
    assert too_few([one]) == too_few([pair]) == f" (* fewer than 30 utterances: says little{said})"
