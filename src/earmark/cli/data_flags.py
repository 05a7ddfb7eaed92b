"""The flags that say which data, and the groups in which ``--help`` shows flags: written once, the same in every verb.

Knows what a person can say about data. What the words do to them is known to the verbs, which take them by these names.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

INPUT = Group("Input", sort_key=1)
LOOK = Group("What is looked at", sort_key=2)
MODEL = Group("Model and batches", sort_key=3)
SAMPLE = Group("Sample", sort_key=4)
WORKERS = Group("Workers", sort_key=5)
SCORING = Group("Scoring", sort_key=6)
OUTPUT = Group("Output", sort_key=7)
ERRORS = Group("Errors", sort_key=8)
TRACKING = Group("Tracking", sort_key=9)

_WHICH = "Manifest or its URL, folder of audio, or PREFIX:PATH: earmark ls sources."

Data = Annotated[str, Parameter(group=INPUT, help=_WHICH)]
"""The data as an argument, of a verb that is about them."""
DataFlag = Annotated[str, Parameter(name=["--data", "-d"], group=INPUT, help=_WHICH)]
"""The data as a flag, of a verb that is about a model."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class DataFlags:
    """What is chosen from data, and how they are read.

    Parameters
    ----------
    audio_root
        Where relative audio paths start (manifest's folder).
    text_column
        Column of the reference text; none: there is none.
    channel
        Take this channel, from 0 (the mean of all).
    language
        Of the utterances that do not say.
    limit
        The first N utterances, or N%; with --seed at random.
    seed
        Of the random sample.
    offline
        Fetch nothing: what is not here must be in the cache.
    missing_audio
        Refuse to begin, fail the utterance, or leave it out.
    """

    audio_root: Annotated[str | None, Parameter(group=INPUT)] = None
    text_column: Annotated[str | None, Parameter(group=INPUT)] = None
    channel: Annotated[int | None, Parameter(group=INPUT)] = None
    language: Annotated[str | None, Parameter(group=INPUT)] = None
    limit: Annotated[str | None, Parameter(group=INPUT)] = None
    seed: Annotated[int | None, Parameter(group=INPUT)] = None
    offline: Annotated[bool, Parameter(group=INPUT, negative="")] = False
    missing_audio: Annotated[Literal["error", "fail", "skip"], Parameter(group=ERRORS)] = "error"

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of a verb, all of them."""
        return asdict(self)


NO_DATA_FLAGS = DataFlags()
"""Nothing is said beside the name of the data."""
