"""The results of a sweep as JSON: the keys of parallel_batch_inference.py in their order, then those that we add.

Knows tallies and outcomes; reads no part. A batch is a piece of the data, in its order: batch ``i`` are the puzzles
from ``i * batch_size`` on, whatever batches the solver was given. So its numbers do not depend on the order of cells.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.sweeps.aggregate import Aggregate, Outcome
from earmark.sweeps.cells import SweepFacts, cell_names
from earmark.sweeps.tally import Tally

SCHEMA_VERSION = 1
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the user asked for that changes no answer; it is said in the results."""

    batch_size: int
    max_workers: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskResult:
    """One cell. ``status``: done, failed (on one puzzle at least), not needed (no puzzle came to it), unfinished."""

    checkpoint: str
    sha256: str
    variant: str
    status: str
    evaluated: int
    failed: int
    correct: int
    error: str | None


def task_results(facts: SweepFacts, tally: Tally, num_left: Sequence[int]) -> list[TaskResult]:
    """What became of each cell; ``num_left`` says how many puzzles still may come to it."""
    return [
        TaskResult(
            checkpoint=member.checkpoint,
            sha256=member.sha256,
            variant=variant,
            status=_status(int(tally.num_failed_of_cell[cell]), int(tally.num_answered_of_cell[cell]), num_left[cell]),
            evaluated=int(tally.num_answered_of_cell[cell]),
            failed=int(tally.num_failed_of_cell[cell]),
            correct=int(tally.num_right_of_cell[cell]),
            error=tally.first_error.get(cell) if tally.num_failed_of_cell[cell] else None,
        )
        for cell, (member, variant) in enumerate(cell_names(facts.members, facts.identity.variants))
    ]


def _status(num_failed: int, num_answered: int, num_left: int) -> str:
    if num_failed:
        return "failed"
    if num_left:
        return "unfinished"
    return "done" if num_answered else "not needed"


def batch_results(tally: Tally, outcome: Outcome, batch_size: int) -> list[dict[str, Any]]:
    """The seed's rows: of each batch that was begun, puzzles that a cell answered, and those that are right."""
    starts = np.arange(0, tally.puzzles.num_puzzles, batch_size)
    total = np.add.reduceat(tally.is_answered.astype(np.int64), starts)
    correct = np.add.reduceat((outcome.is_right & tally.is_answered).astype(np.int64), starts)
    seconds = np.add.reduceat(tally.compute_s, starts)
    return [
        {
            "batch_idx": number,
            "correct": int(correct[number]),
            "total": int(total[number]),
            "accuracy": share(int(correct[number]), int(total[number])),
            "time_seconds": float(seconds[number]),
        }
        for number in range(len(starts))
        if total[number]
    ]


def document(  # what a sweep is made of
    facts: SweepFacts,
    settings: Settings,
    tally: Tally,
    primary: Outcome | None,
    outcomes: Mapping[Aggregate, Outcome],
    tasks: Sequence[TaskResult],
    *,
    name: str,
    is_oracle: bool,
    is_complete: bool,
    elapsed_s: float,
    pass_at_k: Mapping[str, float] | None,
) -> dict[str, Any]:
    """All of it. ``primary`` is the outcome that the seed's numbers are of; None while it cannot be known.

    Of a sweep that is not complete nobody knows yet how far its accuracy may go, and what it saves.
    """
    num_items = tally.puzzles.num_puzzles
    batches = [] if primary is None else batch_results(tally, primary, settings.batch_size)
    correct, total = (sum(batch[key] for batch in batches) for key in ("correct", "total"))
    ends = primary if is_complete and total else None
    num_pairs, num_failed = int(tally.num_answered_of_cell.sum()), int(tally.num_failed_of_cell.sum())
    return {
        "config": _config(facts, settings, num_items),
        "batch_results": batches,
        "overall_results": {
            "correct": correct,
            "total": total,
            "accuracy": share(correct, total),
            "elapsed_time": elapsed_s,
            "end_time": time.strftime(TIME_FORMAT),
        },
        "schema_version": SCHEMA_VERSION,
        "complete": is_complete,
        "oracle": is_oracle,
        "aggregator": name,
        "accuracy_low": share(ends.low, num_items) if ends else None,
        "accuracy_high": share(ends.high, num_items) if ends else None,
        "items_failed": int((tally.has_failure & ~tally.is_answered).sum()),
        "aggregates": {key: _numbers(one, tally) for key, one in outcomes.items()},
        "tasks": [dataclasses.asdict(task) for task in tasks],
        **({"pass_at_k": dict(pass_at_k)} if pass_at_k is not None else {}),
        "forwards_run": num_pairs,
        "forwards_saved": tally.state.size - num_pairs - num_failed if is_complete else None,
        "identity": {**dataclasses.asdict(facts.identity), "fingerprint": facts.identity.fingerprint()},
    }


def _config(facts: SweepFacts, settings: Settings, num_items: int) -> dict[str, Any]:
    return {
        "checkpoints": [member.checkpoint for member in facts.members],
        "permutes": len(facts.identity.variants),
        "max_workers": settings.max_workers,
        "num_batch": -(-num_items // settings.batch_size),
        "batch_size": settings.batch_size,
        "start_time": facts.start_time,
    }


def _numbers(outcome: Outcome, tally: Tally) -> dict[str, Any]:
    correct, total = int((outcome.is_right & tally.is_answered).sum()), int(tally.is_answered.sum())
    return {"correct": correct, "total": total, "accuracy": share(correct, total)}


def share(correct: int, total: int) -> float | None:
    """The quotient; None of nothing, which is neither 0 nor 1."""
    return correct / total if total else None


def to_bytes(results: Mapping[str, Any]) -> bytes:
    """Readable JSON that every parser takes."""
    return (json.dumps(results, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
