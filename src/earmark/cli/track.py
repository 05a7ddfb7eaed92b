"""``earmark track``: flags to arguments."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from earmark.cli.data_flags import TRACKING
from earmark.cli.screen import tell
from earmark.cli.track_flags import TrackTexts


def track_command(
    run: str,
    /,
    *,
    to: Annotated[str, Parameter(group=TRACKING)],
    track_texts: TrackTexts = False,
) -> int:
    """Send a run that is over to a tracker.

    Parameters
    ----------
    run
        The run's folder.
    to
        The tracker: wandb or mlflow.
    """
    from earmark.verbs.track import track

    place = track(run, to, track_texts=track_texts)
    tell(f"tracked by {to}{f': {place}' if place else ''}")
    return 0
