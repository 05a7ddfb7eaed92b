"""The engine that works in this very process: simplest, and the truth that the others are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from earmark.engines.options import EngineOptions
from earmark.errors import UsageError
from earmark.records import Receipt, Shard, StopCheck, Work


class InlineEngine:
    """One worker, rank 0, here."""

    num_workers = 1

    def __init__(self, options: EngineOptions) -> None:
        options.check("inline")
        if options.num_workers not in (None, 1):
            raise UsageError(f"the inline engine has one worker, not {options.num_workers}", hint="--engine processes")

    def run(self, work: Work, shards: Iterator[Shard], *, stop: StopCheck) -> Iterator[Receipt]:
        """See earmark.records.Engine. Nothing is loaded where there is no shard."""
        first = next(shards, None)
        if first is None or stop():
            return
        with work:
            for shard in chain([first], shards):
                receipt = work(shard, rank=0, stop=stop)
                if receipt is not None:
                    yield receipt
                if stop():
                    return
