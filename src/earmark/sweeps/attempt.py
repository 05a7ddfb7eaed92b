"""One go at what is left of a sweep over puzzles: an engine works, and the results are kept after every part.

Knows the folder of the sweep and its engine; does not know how members were found, nor who is told.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from earmark import schema
from earmark.errors import EngineError, StoppedSweepError
from earmark.puzzles.grids import PuzzleSet
from earmark.records import Engine, Receipt, Shard, StopCheck
from earmark.solving import LOST, PUZZLES, OpenSolver, Solving, bytes_of
from earmark.store.folder import Folder, LocalFolder
from earmark.store.parts import read_part
from earmark.store.run import RunStore
from earmark.sweeps.aggregate import ORACLES, Aggregate, Outcome, early_outcome, outcome, pass_at
from earmark.sweeps.cells import RESULTS, SweepFacts
from earmark.sweeps.order import Frontier
from earmark.sweeps.results import Settings, TaskResult, document, task_results, to_bytes
from earmark.sweeps.tally import Tally, part_rows


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepState:
    """How far a sweep is. A batch is done when no puzzle of it needs a further cell, a task when none may come to it.

    ``num_pairs`` counts pairs of cell and puzzle that have a row, of this attempt and of earlier ones.
    """

    num_batches: int
    num_batches_done: int
    num_tasks: int
    num_tasks_done: int
    num_items: int
    num_items_accepted: int
    num_pairs: int
    num_failed_tasks: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepOutcome:
    """What a finished sweep came to: an outcome for each rule, the tasks, and pass@k where every cell was done."""

    primary: Aggregate
    outcomes: dict[Aggregate, Outcome]
    tasks: tuple[TaskResult, ...]
    pass_at_k: dict[str, float] | None
    results: dict[str, Any]


_LOST_BATCHES = 2


class SweepAttempt:
    """A sweep whose folder is locked and whose ``facts`` are adopted.

    ``aggregates`` are the rules that are asked for; the first one is the one of the seed's numbers, and ``output``,
    where it is given, is the folder and the name under which its results are kept as well.
    """

    def __init__(
        self,
        store: RunStore,
        facts: SweepFacts,
        puzzles: PuzzleSet,
        settings: Settings,
        *,
        aggregates: Sequence[Aggregate],
        output: tuple[Folder, str] | None,
        retries: bool,
        num_workers: int,
        began: float,
    ) -> None:
        self._store = store
        self._facts = facts
        self._identity = facts.identity
        self._puzzles = puzzles
        self._settings = settings
        self._aggregates = aggregates
        self._output = output
        self._began = began
        self._before_s = self._elapsed_before()
        self._retries = retries
        self._num_lost: Counter[int] = Counter()  # batches that were given up, by member
        self.damaged: list[str] = []
        self.tally = Tally(puzzles, self._identity.num_cells, self._identity.accept)
        for rows in part_rows(store.folder, self._fingerprint, self.damaged):
            self.tally.fold(rows)
        self.num_pairs_before = self._num_pairs
        self.is_exhaustive = self._identity.accept == "none"
        self.frontier = Frontier(
            self.tally,
            num_variants=len(self._identity.variants),
            num_pilot=self._identity.num_pilot,
            drops=self._identity.accept != "none",
            retries=retries,
            batch_size=settings.batch_size,
            num_workers=num_workers,
        )

    def work(self, engine: Engine, open_solver: OpenSolver, stop: StopCheck, on_part: Callable[[], None]) -> None:
        """Do what is left; ``on_part`` is called after each part. Raises StoppedSweepError with all of it committed.

        Raises StoreError and EngineError.
        """
        if isinstance(self._store.folder, LocalFolder):
            self._store.folder.sweep(stale_after_s=0.0)  # the lock is ours, so no writer lives
        self._keep_puzzles()
        work = self._work(open_solver)
        while self.frontier.is_left() and not stop():
            num_parts = 0
            for receipt in engine.run(work, _Handing(self, work), stop=stop):
                self.take(receipt)
                num_parts += 1
                self._keep_early()
                on_part()
            self.frontier.lost()
            if num_parts == 0 and self.frontier.is_left() and not stop():
                raise EngineError("the engine ended, and did nothing of what it was given")
        if self.frontier.is_left():
            raise StoppedSweepError(self._num_pairs, self.tally.state.size)

    def take(self, receipt: Receipt) -> None:
        """Take in the part of a receipt. Raises StoreError."""
        rows = read_part(self._store.folder, receipt.part, schema.CELL_PARTS.names)
        self.frontier.done(*self.tally.fold(rows))
        if receipt.num_failed and LOST in rows["error_kind"].to_pylist():
            self._num_lost[int(rows["cell"][0].as_py()) // len(self._identity.variants)] += 1

    def is_lost(self, shard: Shard) -> bool:
        """Whether the member of a shard killed its workers in so many batches that it gets no more of them."""
        cell = shard.batches[0].segments[0].segment
        return self._num_lost[cell // len(self._identity.variants)] >= _LOST_BATCHES

    def finish(self) -> SweepOutcome:
        """Aggregate, and keep the results of both families, and those that were asked for where they were wanted."""
        wanted = list(self._aggregates)
        wanted += [name for name in self._free if name not in wanted]
        num_variants = len(self._identity.variants)
        outcomes = {name: outcome(name, self.tally, num_variants, self._parts) for name in wanted}
        passes = pass_at(self.tally) if self._identity.accept == "none" and self._has_labels else None
        tasks = self._tasks()
        primary = self._aggregates[0]
        results: dict[str, Any] = {}
        for is_oracle, name in RESULTS.items():
            family = {key: one for key, one in outcomes.items() if one.is_oracle == is_oracle}
            if family:
                first = primary if primary in family else next(iter(family))
                found = self._document(first, family, tasks, is_complete=True, passes=passes if is_oracle else None)
                self._write(name, found, is_primary=first == primary)
                results = found if first == primary else results
        return SweepOutcome(primary=primary, outcomes=outcomes, tasks=tuple(tasks), pass_at_k=passes, results=results)

    def state(self) -> SweepState:
        """How far it is now."""
        left = self.frontier.num_left_of_cell
        open_items: NDArray[np.bool_] = ~self.frontier.is_item_done
        size = self._settings.batch_size
        starts = range(0, len(open_items), size)
        failed = self.tally.num_failed_of_cell > 0
        return SweepState(
            num_batches=len(starts),
            num_batches_done=sum(not open_items[start : start + size].any() for start in starts),
            num_tasks=len(left),
            num_tasks_done=int((left == 0).sum()),
            num_items=len(open_items),
            num_items_accepted=int(self.tally.is_accepted.sum()),
            num_pairs=self._num_pairs,
            num_failed_tasks=int(failed.sum()),
        )

    @property
    def _fingerprint(self) -> str:
        return self._identity.fingerprint()

    @property
    def _has_labels(self) -> bool:
        return self._puzzles.solutions is not None

    @property
    def _free(self) -> list[Aggregate]:
        """The rules that cost nothing more, of the families that this sweep can speak of."""
        free: list[Aggregate] = [] if self._identity.accept == "label" else ["verifier"]
        return [*free, "any"] if self._has_labels else free

    @property
    def _num_pairs(self) -> int:
        return int(self.tally.num_answered_of_cell.sum() + self.tally.num_failed_of_cell.sum())

    def _elapsed_before(self) -> float:
        """What the attempts before took, by the results that they kept."""
        for name in RESULTS.values():
            try:
                return float(json.loads(self._store.folder.read(name))["overall_results"]["elapsed_time"])
            except (FileNotFoundError, KeyError, TypeError, ValueError):
                continue
        return 0.0

    def _keep_puzzles(self) -> None:
        """Where workers find the puzzles, and whoever aggregates again the labels."""
        puzzles = self._puzzles
        if (found := self._store.table(PUZZLES)) is not None and len(found) == puzzles.num_puzzles:
            return
        nothing = pa.nulls(puzzles.num_puzzles, pa.binary())
        solution = nothing if puzzles.solutions is None else bytes_of(puzzles.solutions)
        table = pa.table({"clues": bytes_of(puzzles.clues), "solution": solution}, schema=schema.PUZZLES)
        self._store.write_table(PUZZLES, table)

    def _work(self, open_solver: OpenSolver) -> Solving:
        started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        return Solving(
            folder=self._store.folder,
            fingerprint=self._fingerprint,
            size=self._identity.size,
            variants=self._identity.variants,
            open_solver=open_solver,
            halt=self._identity.halt,
            attempt=secrets.token_hex(4),
            retry=started if self._retries else "",
            device=str(getattr(open_solver, "device_kind", "cpu")),
        )

    def _parts(self) -> Iterator[pa.Table]:
        return part_rows(self._store.folder, self._fingerprint, [])

    def _tasks(self) -> list[TaskResult]:
        return task_results(self._facts, self.tally, self.frontier.num_left_of_cell.tolist())

    def _keep_early(self) -> None:
        """The results so far, of the rule that was asked for first."""
        name = self._aggregates[0]
        early = early_outcome(name, self.tally)
        found = self._document(
            name, {} if early is None else {name: early}, self._tasks(), is_complete=False, passes=None
        )
        self._write(RESULTS[name in ORACLES], found, is_primary=True)

    def _document(
        self,
        name: Aggregate,
        family: dict[Aggregate, Outcome],
        tasks: Sequence[TaskResult],
        *,
        is_complete: bool,
        passes: dict[str, float] | None,
    ) -> dict[str, Any]:
        return document(
            self._facts,
            self._settings,
            self.tally,
            family.get(name),
            family,
            tasks,
            name=name,
            is_oracle=name in ORACLES or self._identity.accept == "label",
            is_complete=is_complete,
            elapsed_s=self._before_s + time.monotonic() - self._began,
            pass_at_k=passes,
        )

    def _write(self, name: str, results: dict[str, Any], *, is_primary: bool) -> None:
        data = to_bytes(results)
        self._store.folder.write(name, data)
        if self._output is not None and is_primary:
            folder, output = self._output
            folder.write(output, data)


class _Handing:
    """What an engine is handed: the shards of the frontier, but for those of a member that is lost.

    Those are given up here, so that a member that kills every worker costs a few of them, and not one a batch.
    """

    def __init__(self, attempt: SweepAttempt, work: Solving) -> None:
        self._attempt = attempt
        self._work = work

    def __iter__(self) -> Iterator[Shard]:
        return self

    def __next__(self) -> Shard:
        while self._attempt.is_lost(shard := next(self._attempt.frontier)):
            reason = f"{_LOST_BATCHES} batches of this checkpoint killed their workers before"
            self._attempt.take(self._work.give_up(shard, rank=0, reason=reason))
        return shard
