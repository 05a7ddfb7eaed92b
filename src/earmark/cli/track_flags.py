"""The flags that say where a run is sent to, and what of it: written once, the same in every verb that has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from earmark.cli.data_flags import TRACKING

TrackTexts = Annotated[
    bool,
    Parameter(group=TRACKING, negative="", help="Send references and hypotheses of the worst utterances, too."),
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFlags:
    """Where a run is sent to while it goes on.

    Parameters
    ----------
    track
        Send what comes out to wandb or mlflow; may be repeated.
    """

    track: Annotated[list[str] | None, Parameter(group=TRACKING, negative="")] = None
    track_texts: TrackTexts = False

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of a verb."""
        return {"track": tuple(self.track or ()), "track_texts": self.track_texts}


NO_TRACK_FLAGS = TrackFlags()
"""Nothing is sent anywhere."""
