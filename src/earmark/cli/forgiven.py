"""Compounds that a scorer forgave, as lines to print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.reports.summary import RunSummary

_NUM_SHOWN = 5


def forgiven_lines(summary: RunSummary) -> list[str]:
    """How many there were, and the most frequent ones."""
    shown = [
        f"{merge.reference!r} as {merge.hypothesis!r}{f' ({merge.count:,})' if merge.count > 1 else ''}"
        for merge in summary.forgiven[:_NUM_SHOWN]
    ]
    compounds = "compound counts" if summary.num_forgiven == 1 else "compounds count"
    more = "" if len(shown) == len(summary.forgiven) else ", ..."
    said = f"note: {summary.num_forgiven:,} {compounds} as right though written apart on one side"
    return [f"{said}: {', '.join(shown)}{more} (all in the column forgiven of scores.parquet)"]
