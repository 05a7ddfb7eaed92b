"""Figures of runs for a paper: error rates by slice, with their intervals, and how few utterances make how many errors.

Rates and intervals are those of ``breakdown``, so a figure and a table by slice agree. Of a column with many values,
those with the most words are drawn. Matplotlib is imported when something is drawn, and draws into memory: it opens no
window and keeps no state.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.errors import MissingExtraError
from earmark.reports.breakdown import SliceErrors, errors_by_slice
from earmark.reports.slices import SliceLabels
from earmark.schema import SCORED
from earmark.store import layout
from earmark.store.reader import WINDOW
from earmark.store.run import RunStore

FigureFormat = Literal["svg", "png", "pdf"]

_COUNTS = ("hits", "substitutions", "deletions", "insertions")
_COLUMNS = ["status", *_COUNTS, "duration_s", "speaker", "language", "extra"]
_MOST_VALUES = 20
_MARKS, _LINES = "os^Dv*PX", ("-", "--", "-.", ":")
# Okabe and Ito's, which are told apart by the colour-blind, too; and each run has a mark and a line of its own.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
_DOTS_AN_INCH = 200


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn of one run: its name, its slices, and the errors of each scored utterance."""

    label: str
    slices: tuple[SliceErrors, ...]
    errors: NDArray[np.int64]


def drawn_of(store: RunStore, label: str, columns: Sequence[str]) -> Drawn:
    """Read a run's scores. Raises UnknownNameError for a column that it has not, and StoreError."""
    labels = SliceLabels(columns)
    counts: dict[str, list[NDArray[np.int32]]] = {name: [] for name in _COUNTS}
    speakers: list[str | None] = []
    for window in store.batches(layout.SCORES, WINDOW, _COLUMNS):
        scored = window.filter(pc.equal(window["status"], SCORED))
        for name in _COUNTS:
            counts[name].append(scored[name].to_numpy())
        words = pc.add(pc.add(scored["hits"], scored["substitutions"]), scored["deletions"])
        labels.add(scored, words.to_numpy().astype(np.int64))
        speakers += scored["speaker"].to_pylist()
    whole = {name: np.concatenate(pieces) for name, pieces in counts.items()}
    known = None if None in speakers else speakers
    slices = errors_by_slice(labels.groupings(), whole, known)
    errors = np.zeros(len(speakers), np.int64)
    for name in _COUNTS[1:]:
        errors += whole[name]
    return Drawn(label, slices, errors)


def draw_slices(runs: Sequence[Drawn], form: FigureFormat) -> bytes:
    """A panel for each column: the word error rate of each slice and run, with whiskers of 95 %."""
    columns = tuple(dict.fromkeys(one.column for one in runs[0].slices))
    figure = _figure(width=4.5 * len(columns), height=3.4)
    for axes, column in zip(figure.subplots(1, len(columns), squeeze=False)[0], columns, strict=True):
        values = _values(runs, column)
        for number, run in enumerate(runs):
            found = {one.value: one for one in run.slices if one.column == column}
            shift = (number - (len(runs) - 1) / 2) * min(0.12, 0.6 / len(runs))
            _whiskers(axes, [found.get(value) for value in values], shift, number, run.label)
        axes.set_xticks(range(len(values)), [_plain(value) for value in values])
        axes.tick_params(axis="x", rotation=0 if len(values) < 6 else 60)  # noqa: PLR2004  # what fits side by side
        axes.set_xlabel(_plain(column))
        axes.set_xlim(-0.5, len(values) - 0.5)
        axes.set_ylim(bottom=0)
    return _saved(figure, "WER %", form, has_legend=len(runs) > 1)


def draw_cumulative(runs: Sequence[Drawn], form: FigureFormat) -> bytes:
    """Which share of all errors the worst utterances make, from the worst on."""
    figure = _figure(width=4.5, height=3.4)
    axes = figure.subplots()
    for number, run in enumerate(runs):
        errors = np.sort(run.errors)[::-1]
        total = int(errors.sum())
        shares = np.append(0.0, np.cumsum(errors) / total) if total else np.zeros(len(errors) + 1)
        part = np.linspace(0, 100, len(shares))
        axes.plot(
            part,
            100 * shares,
            color=_COLOURS[number % len(_COLOURS)],
            ls=_LINES[number % len(_LINES)],
            label=_plain(run.label),
        )
    axes.set_xlabel("worst utterances, %")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 101)
    return _saved(figure, "errors, %", form, has_legend=len(runs) > 1)


def _values(runs: Sequence[Drawn], column: str) -> list[str]:
    """The slices of a column in any run, in their order; of many those with the most words."""
    words: dict[str, int] = {}
    for one in (one for run in runs for one in run.slices if one.column == column):
        words[one.value] = words.get(one.value, 0) + one.words.reference_length
    most = set(sorted(words, key=lambda value: -words[value])[:_MOST_VALUES])
    return [value for value in words if value in most]


def _whiskers(axes: Any, slices: Sequence[SliceErrors | None], shift: float, number: int, label: str) -> None:  # noqa: ANN401  # Matplotlib's are of its own
    places, rates, below, above = [], [], [], []
    for place, one in enumerate(slices):
        if one is None or one.words.rate is None:
            continue
        # Without an interval there is no whisker: one of no length would say that nothing is surer.
        low, high = (one.interval.low, one.interval.high) if one.interval else (math.nan, math.nan)
        places.append(place + shift)
        rates.append(100 * one.words.rate)
        below.append(np.maximum(0.0, 100 * (one.words.rate - low)))
        above.append(np.maximum(0.0, 100 * (high - one.words.rate)))
    style = {"fmt": _MARKS[number % len(_MARKS)], "color": _COLOURS[number % len(_COLOURS)], "capsize": 3}
    axes.errorbar(places, rates, yerr=[below, above], label=_plain(label), **style)


def _figure(*, width: float, height: float) -> Any:  # noqa: ANN401  # likewise
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("drawing of", "figures", "plots", "matplotlib") from error
    return Figure(figsize=(width, height), layout="constrained")


def _saved(figure: Any, rate: str, form: FigureFormat, *, has_legend: bool) -> bytes:  # noqa: ANN401  # likewise
    """The file; the same figure gives the same bytes, whenever it is drawn."""
    import matplotlib as mpl

    for axes in figure.axes:
        axes.set_ylabel(rate)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
    if has_legend:
        figure.axes[0].legend(frameon=False)
    stream = io.BytesIO()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[form]
    with mpl.rc_context({"svg.hashsalt": "earmark", "svg.fonttype": "none"}):
        figure.savefig(stream, format=form, dpi=_DOTS_AN_INCH, metadata=undated)
    return stream.getvalue()


def _plain(text: str) -> str:
    """A label: between dollars stands no formula."""
    return text.replace("$", r"\$")
