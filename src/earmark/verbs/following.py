"""A rank that follows another process of the same command: what it returns. Knows no run and no sweep."""

from __future__ import annotations

from typing import TypeVar

from earmark.engines.options import EngineOptions
from earmark.engines.ranked import RankedEngine
from earmark.errors import EngineError
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.workforce import EngineName, Workforce

Summary = TypeVar("Summary")


def is_follower(engine: EngineName) -> bool:
    """Whether this process only does what rank 0 gives out, which alone speaks to the user. Raises UsageError."""
    return engine == "torchrun" and Workforce.of(engine, EngineOptions()).is_follower


def summary_of_rank_0(workforce: Workforce, kind: type[Summary]) -> Summary:
    """On a rank that follows: work as rank 0 says, and return the summary that it made, of that ``kind``.

    Raises what rank 0 raised, EngineError where it is lost, and InterruptedRunError.
    """
    assert isinstance(workforce.engine, RankedEngine), "only a rank can follow"  # noqa: S101  # a programmer's error
    stop = StopRequest()
    with stop_on_signals(stop):
        outcome = workforce.engine.follow(stop=stop)
    if not isinstance(outcome, kind):
        raise EngineError(
            "rank 0 does another thing than this rank",
            cause=f"it came to {type(outcome).__name__}, where a summary belongs",
            hint="start the same command on every rank",
        )
    return outcome
