"""Which columns of the data a page shows, and as what; and the rates by them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from earmark.reports.guards import MEANINGS, with_flags
from earmark.reports.page.charts import MAX_BINS, bin_edges, charts
from earmark.reports.page.columns import ColumnsTally
from earmark.reports.page.worst import worst_rows
from tests.reports.tables import Pair, tables


def columns_of(pairs):
    scores, rows = tables(pairs)
    tally = ColumnsTally()
    half = len(scores) // 2
    flagged = with_flags(scores, rows)
    for some in (flagged.slice(0, half), flagged.slice(half)):
        tally.add(some, np.full(len(some), np.nan), np.full(len(some), -20.04))
    return tally.found()


def with_extras(*extras):
    return columns_of([Pair("a b", "a c", 2.0, extra=None if one is None else json.dumps(one)) for one in extras])


def test_numbers_are_numbers_also_as_texts():
    """As a CSV has them; not where something else is among them, and no identifier with zeros in front."""
    found = with_extras(
        {"snr": 1, "x": "2.5", "zip": "007"}, {"snr": None, "x": "-1e3", "zip": "010"}, None, {"snr": 2.5}
    )
    assert set(found.numbers) == {"snr", "x"}
    assert np.array_equal(found.numbers["snr"], [1, np.nan, np.nan, 2.5], equal_nan=True)
    assert found.numbers["x"].tolist()[:2] == [2.5, -1000]
    assert found.categories["zip"].names == ("007", "010")


def test_what_says_nothing_is_named_and_not_shown():
    """One value everywhere; and another one in every row."""
    found = with_extras(*({"licence": "CC-BY", "file": f"f{n}.wav", "room": "ab"[n % 2]} for n in range(8)))
    assert found.constants == {"licence": "CC-BY"}
    assert found.left_out == ("file",)
    assert list(found.categories) == ["room"]


def test_a_speaker_of_one_utterance_is_a_speaker():
    """Whatever other columns need."""
    found = columns_of([Pair("a", "a", speaker=f"s{n}") for n in range(4)])
    assert found.speaker.names == ("s0", "s1", "s2", "s3")
    assert found.level_dbfs.tolist() == [-20.0] * 4


def test_flags_are_bits():
    """In the order of their list."""
    found = columns_of([Pair("a b", ""), Pair("a b", "a b")])
    assert found.flags.tolist() == [1 << list(MEANINGS).index("empty"), 0]


@pytest.mark.parametrize("values", [[], [1.0, 1.0], [np.nan]])
def test_what_is_one_value_has_no_bins(values):
    """There is nothing to compare."""
    assert len(bin_edges(np.array(values))) < 2


def test_bins_cover_every_value_once():
    """From the least to the greatest, ascending, and no more than can be drawn."""
    values = np.random.default_rng(0).lognormal(size=5000)
    edges = bin_edges(values)
    assert edges == sorted(set(edges))
    assert (edges[0], edges[-1]) == (values.min(), values.max())
    assert len(edges) <= MAX_BINS + 1


def test_the_slices_of_a_chart_add_up():
    """Utterances, words and errors, of numbers and of names."""
    chance = np.random.default_rng(1)
    texts = [("a b c", "a b c"), ("a b", "a x"), ("d", "")]
    pairs = [Pair(*texts[n % 3], stated_s=float(chance.uniform(1, 9)), speaker=f"s{n % 4}") for n in range(60)]
    found = {chart["column"]: chart for chart in charts(columns_of(pairs))}
    assert list(found)[:2] == ["duration", "speaking rate"]
    for name in ("duration", "speaker", "words"):
        slices = found[name]["slices"]
        assert sum(one["num_utterances"] for one in slices) == 60, name
        assert sum(one["num_words"] for one in slices) == 120, name
        assert sum(round(one["wer"] * one["num_words"]) for one in slices) == 40, name
    assert found["duration"]["slices"][-1]["high"] is None


def test_the_worst_come_first():
    """By errors, then by rate, then in the order of the data; what is right or failed is none."""
    scores, _ = tables([Pair("a b c d", "x y c d"), Pair("a", "a"), Pair("a b", "x y"), Pair("a", None), Pair("q", "")])
    assert worst_rows(scores, 10).tolist() == [2, 0, 4]
    assert worst_rows(scores, 1).tolist() == [2]
