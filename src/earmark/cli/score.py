"""``earmark score``: flags to arguments."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from earmark.cli.results import print_summary


def score_command(
    run: str,
    /,
    *,
    normalizer: str | None = None,
    format: Annotated[Literal["table", "json"], Parameter()] = "table",  # noqa: A002  # the flag's name
) -> int:
    """Score a run again, with another normalizer; transcribes nothing.

        earmark score runs/NAME --normalizer whisper-en

    Parameters
    ----------
    run
        The run's folder.
    normalizer
        Done to both texts first: earmark ls normalizers (the run's own).
    format
        Of the result, on stdout.
    """
    from earmark.verbs.score import score

    print_summary(score(run, normalizer=normalizer), format)
    return 0
