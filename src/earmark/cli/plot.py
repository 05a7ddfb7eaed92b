"""``earmark plot``: flags to arguments."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from earmark.cli.breakdown import columns_from
from earmark.cli.screen import say
from earmark.errors import without_secret


def plot_command(
    runs: list[str],
    /,
    *,
    out: Annotated[str, Parameter(name=["--out", "-o"])],
    kind: Literal["duration", "slices", "cumulative"] = "duration",
    slices: str = "",
) -> int:
    """Draw a figure of runs for a paper.

    Parameters
    ----------
    runs
        The runs' folders; one or more.
    out
        The figure: FILE.svg, FILE.png or FILE.pdf.
    kind
        WER by duration or by --slices; or errors, from the worst utterance on.
    slices
        Columns to divide by: duration,speaking_rate,speaker,language,COLUMN.
    """
    from earmark.verbs.plot import plot

    plot(*runs, out=out, kind=kind, slices=columns_from(slices))
    say(f"drawn: {without_secret(out)}")
    return 0
