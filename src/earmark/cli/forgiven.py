"""Compounds that a scorer forgave, as lines to print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.cli.screen import number_of

if TYPE_CHECKING:
    from earmark.reports.summary import RunSummary

_NUM_SHOWN = 5


def forgiven_lines(summary: RunSummary) -> list[str]:
    """How many there were, and the most frequent ones."""
    shown = [
        f"{merge.reference!r} as {merge.hypothesis!r}{f' ({merge.count:,})' if merge.count > 1 else ''}"
        for merge in summary.forgiven[:_NUM_SHOWN]
    ]
    more = "" if len(shown) == len(summary.forgiven) else ", ..."
    said = f"note: {number_of(summary.num_forgiven, 'compound', 'count')} as right though written apart on one side"
    where = f"all in the column forgiven of {summary.run}/scores.parquet" if summary.run else "--out FOLDER keeps all"
    return [f"{said}: {', '.join(shown)}{more} ({where})"]
