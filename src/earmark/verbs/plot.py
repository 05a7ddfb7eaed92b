"""``plot``: a figure of one run or several, for a paper."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import PurePath
from typing import Literal, cast

from earmark.errors import UnknownNameError, UsageError
from earmark.reports.figures import Drawn, FigureFormat, draw_cumulative, draw_slices, drawn_of
from earmark.store.folder import open_folder
from earmark.verbs.open_run import check_scored, open_run

FigureKind = Literal["duration", "slices", "cumulative"]
_FORMATS = ("svg", "png", "pdf")


def plot(
    *runs: str | os.PathLike[str],
    out: str | os.PathLike[str],
    kind: FigureKind = "duration",
    slices: Sequence[str] = (),
) -> None:
    """Draw the runs in these folders into the file ``out``: SVG, PNG or PDF, by its ending.

    ``duration`` is the word error rate by duration, with intervals of 95 %; ``slices`` the same by the columns
    ``slices``; ``cumulative`` which share of the errors the worst utterances make. The same runs give the same bytes.

    Raises UsageError for another ending, for columns with another kind or none and where nothing was scored;
    UnknownNameError for a column that a run has not; FolderError where there is no run or nothing is scored yet;
    MissingExtraError without Matplotlib; StoreError.
    """
    place = os.fspath(out)
    form = PurePath(place).suffix.lower().removeprefix(".")
    if form not in _FORMATS:
        raise UnknownNameError("format of figures", form, _FORMATS, hint="--out figure.svg")
    if bool(slices) != (kind == "slices"):
        raise UsageError("--slices names the columns of --kind slices", hint="--kind slices --slices speaker")
    if not runs:
        raise UsageError("no run to draw", hint="earmark plot runs/NAME --out figure.svg")
    columns = {"duration": ["duration"], "slices": list(slices), "cumulative": []}[kind]
    urls = [os.fspath(run).rstrip("/") for run in runs]
    names = [PurePath(url).name for url in urls]
    labels = names if len(set(names)) == len(names) else urls
    drawn = [_drawn(url, label, columns) for url, label in zip(urls, labels, strict=True)]
    draw = draw_cumulative if kind == "cumulative" else draw_slices
    content = draw(drawn, cast("FigureFormat", form))
    parent, _, name = place.rpartition("/")
    open_folder(parent or ("/" if place.startswith("/") else ".")).write(name, content)


def _drawn(url: str, label: str, columns: Sequence[str]) -> Drawn:
    store, spec = open_run(url)
    check_scored(store, spec)
    drawn = drawn_of(store, label, columns)
    if not len(drawn.errors):
        raise UsageError(
            f"there is nothing to draw of {url}",
            cause="no utterance in it was scored: none has a reference and a hypothesis",
            hint=f"earmark report {shlex.quote(url)} shows what was heard",
        )
    return drawn
