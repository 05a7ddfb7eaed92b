"""A run whose engine has ranks: what a rank that follows returns, and what each rank's utterances come to."""

from __future__ import annotations

import dataclasses

from earmark.engines.options import EngineOptions
from earmark.engines.ranked import RankedEngine
from earmark.errors import EngineError
from earmark.reports.ranks import errors_by_rank, write_ranks
from earmark.reports.summary import RunSummary
from earmark.spec import RunSpec
from earmark.store.run import RunStore
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.workforce import EngineName, Workforce


def is_follower(engine: EngineName) -> bool:
    """Whether this process only does what rank 0 gives out, which alone speaks to the user. Raises UsageError."""
    return engine == "torchrun" and Workforce.of(engine, EngineOptions()).is_follower


def summary_of_rank_0(workforce: Workforce) -> RunSummary:
    """On a rank that follows: work as rank 0 says, and return the summary that it made.

    Raises what rank 0 raised, EngineError where it is lost, and InterruptedRunError.
    """
    assert isinstance(workforce.engine, RankedEngine), "only a rank can follow"  # noqa: S101  # a programmer's error
    stop = StopRequest()
    with stop_on_signals(stop):
        outcome = workforce.engine.follow(stop=stop)
    if not isinstance(outcome, RunSummary):
        raise EngineError(
            "rank 0 does another thing than this rank",
            cause=f"it came to {type(outcome).__name__}, where a summary belongs",
            hint="start the same command on every rank",
        )
    return outcome


def with_ranks(store: RunStore, spec: RunSpec, summary: RunSummary, workforce: Workforce) -> RunSummary:
    """The summary with what each rank found, which is also kept in the run's folder; unchanged without ranks.

    Raises AssertionError where the ranks do not add up to the summary, and StoreError.
    """
    if not isinstance(workforce.engine, RankedEngine):
        return summary
    ranks = errors_by_rank(store, spec)
    write_ranks(store, ranks, summary)
    return dataclasses.replace(summary, ranks=ranks)
