"""The error rate in parts of a run, by any column: bins of a number, values of a category. It knows no page.

The rates and their intervals are those of ``breakdown``, so that a chart and ``earmark score --slices`` agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.reports.breakdown import SliceErrors, errors_by_slice
from earmark.reports.page.columns import Category, Columns, Numbers
from earmark.reports.slices import Grouping

MAX_BINS = 12
MAX_VALUES = 50
"""Of a category: those with the most utterances."""
_FEW = 8  # utterances in a bin, at the least, of what has enough
_DIGITS = 3


def charts(columns: Columns) -> list[dict[str, Any]]:
    """A chart for each column that tells utterances apart, as JSON holds it; numbers first.

    A slice of numbers has ``low`` and ``high``: from the one up to, and without, the other; None at the end.
    """
    counts = _counts(columns)
    speakers = _speakers(columns)
    found = []
    for name, (values, unit) in number_columns(columns).items():
        edges = bin_edges(values[columns.is_scored])
        if len(edges) > 1:
            found.append(_of_numbers(name, unit, values, edges, columns, counts, speakers))
    for name, category in category_columns(columns).items():
        chart = _of_category(name, category, columns, counts, speakers)
        if len(chart["slices"]) > 1:
            found.append(chart)
    return found


def number_columns(columns: Columns) -> dict[str, tuple[Numbers, str]]:
    """The numbers of each utterance that its errors may depend on, by name, with their unit."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(columns.is_scored, columns.counts["words"] / columns.duration_s, np.nan)
    ours = {
        "duration": (columns.duration_s, "s"),
        "speaking rate": (rate, "words/s"),
        "level": (columns.level_dbfs, "dBFS"),
        "words": (columns.counts["words"].astype(np.float64), ""),
    }
    return {
        name: given
        for name, given in (ours | {name: (values, "") for name, values in columns.numbers.items()}).items()
        if not np.isnan(given[0]).all()
    }


def category_columns(columns: Columns) -> dict[str, Category]:
    """The categories of each utterance, by name."""
    ours = {"speaker": columns.speaker, "language": columns.language}
    return {**{name: one for name, one in ours.items() if one is not None}, **columns.categories}


def bin_edges(values: Numbers) -> list[float]:
    """Where bins of about as many values each begin, and the last value; fewer than two where there is one value.

    ``values`` has the shape ``(num_utterances,)``; nan is left out. Edges have three digits, so that they can be read.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    num_bins = int(np.clip(len(known) // _FEW, 2, MAX_BINS))
    quantiles = np.quantile(known, np.linspace(0, 1, num_bins + 1))
    edges = sorted({_rounded(value) for value in quantiles[1:-1].tolist()})
    lowest, highest = float(known.min()), float(known.max())
    if lowest == highest:
        return []
    return [lowest, *(edge for edge in edges if lowest < edge < highest), highest]


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _of_numbers(
    name: str,
    unit: str,
    values: Numbers,
    edges: Sequence[float],
    columns: Columns,
    counts: Mapping[str, NDArray[np.int32]],
    speakers: Sequence[str | None] | None,
) -> dict[str, Any]:
    own = values[columns.is_scored]
    bins = [(low, high if high < edges[-1] else None) for low, high in pairwise(edges)]
    where = [np.flatnonzero((own >= low) & (own < (np.inf if high is None else high))) for low, high in bins]
    grouping = Grouping(name, tuple((str(number), found) for number, found in enumerate(where)))
    slices = [
        {**_slice(one), "low": bins[int(one.value)][0], "high": bins[int(one.value)][1]}
        for one in errors_by_slice([grouping], counts, speakers)
    ]
    return {"column": name, "kind": "number", "unit": unit, "slices": slices}


def _of_category(
    name: str,
    category: Category,
    columns: Columns,
    counts: Mapping[str, NDArray[np.int32]],
    speakers: Sequence[str | None] | None,
) -> dict[str, Any]:
    own = category.codes[columns.is_scored]
    sizes = np.bincount(own[own >= 0], minlength=len(category.names))
    largest = np.argsort(-sizes, kind="stable")[:MAX_VALUES].tolist()
    grouping = Grouping(name, tuple((category.names[code], np.flatnonzero(own == code)) for code in largest))
    slices = [{**_slice(one), "value": one.value} for one in errors_by_slice([grouping], counts, speakers)]
    slices = [one for one in slices if one["num_utterances"]]
    num_more = int((sizes > 0).sum()) - len(slices)
    return {"column": name, "kind": "category", "unit": "", "num_more": num_more, "slices": slices}


def _slice(one: SliceErrors) -> dict[str, Any]:
    facts = one.facts()
    interval = facts["wer_interval"]
    return {
        "num_utterances": facts["num_utterances"],
        "num_words": facts["num_reference_words"],
        "wer": facts["wer"],
        "interval": [interval["low"], interval["high"]] if interval else None,
        "is_small": facts["is_small"],
    }


def _counts(columns: Columns) -> dict[str, NDArray[np.int32]]:
    names = ("substitutions", "deletions", "insertions")
    counts = {name: columns.counts[name][columns.is_scored].astype(np.int32) for name in names}
    words = columns.counts["words"][columns.is_scored].astype(np.int32)
    return {"hits": words - counts["substitutions"] - counts["deletions"], **counts}


def _speakers(columns: Columns) -> list[str | None] | None:
    """The speaker of each scored utterance; None where some are unknown, as ``errors_by_slice`` wants it."""
    if columns.speaker is None:
        return None
    own = columns.speaker.codes[columns.is_scored].tolist()
    return None if -1 in own else [columns.speaker.names[code] for code in own]
