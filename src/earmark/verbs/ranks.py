"""What each rank's utterances come to, of a run whose engine has ranks."""

from __future__ import annotations

import dataclasses

from earmark.engines.ranked import RankedEngine
from earmark.reports.ranks import errors_by_rank, write_ranks
from earmark.reports.summary import RunSummary
from earmark.spec import RunSpec
from earmark.store.run import RunStore
from earmark.verbs.workforce import Workforce


def with_ranks(store: RunStore, spec: RunSpec, summary: RunSummary, workforce: Workforce) -> RunSummary:
    """The summary with what each rank found, which is also kept in the run's folder; unchanged without ranks.

    Raises AssertionError where the ranks do not add up to the summary, and StoreError.
    """
    if not isinstance(workforce.engine, RankedEngine):
        return summary
    ranks = errors_by_rank(store, spec)
    write_ranks(store, ranks, summary)
    return dataclasses.replace(summary, ranks=ranks)
