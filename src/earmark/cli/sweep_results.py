"""What a sweep over puzzles came to, on stdout: tables of rules in two families that never stand in one table."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

from earmark.cli.forms import write_for_programs
from earmark.cli.screen import number_of, say, visible
from earmark.cli.tables import new_table, print_table, tell_in
from earmark.errors import EarmarkError, TooManyFailedTasksError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from earmark.verbs.sweep_run import AggregateResult, SweepSummary

_HONEST = "Answers chosen without labels"
_ORACLE = "Oracle: chosen by the labels, an upper bound that nobody without labels gets"


def print_sweep(summary: SweepSummary, form: str, max_failures: int) -> int:
    """Print it. Raises EarmarkError where no task has an answer, TooManyFailedTasksError where too many failed."""
    failed = [task for task in summary.tasks if task.status == "failed"]
    first = f"{failed[0].checkpoint}, {failed[0].variant}: {failed[0].error}" if failed else ""
    if not summary.num_answered:
        hint = "mend the checkpoints and type the same command with --retry-failed"
        raise EarmarkError("every task failed, so there is no accuracy", cause=first or None, hint=hint)
    if not write_for_programs(form, summary.results, [dataclasses.asdict(task) for task in summary.tasks]):
        _print_text(summary, form)
    sys.stdout.flush()
    for note in _notes(summary):
        say(note)
    if len(failed) > max_failures:
        raise TooManyFailedTasksError(len(failed), len(summary.tasks), max_failures, first)
    return 0


def code_of(summary: SweepSummary, max_failures: int) -> int:
    """What a process ends with that prints nothing, since another one does: the same as that one."""
    if not summary.num_answered:
        return EarmarkError.exit_code
    return TooManyFailedTasksError.exit_code if summary.num_failed_tasks > max_failures else 0


def _print_text(summary: SweepSummary, form: str) -> None:
    print_table(_tasks(summary), form=form)
    has_failed = summary.num_failed_tasks > 0
    for title, is_oracle in ((_HONEST, False), (_ORACLE, True)):
        if family := [one for one in summary.aggregates if one.is_oracle == is_oracle]:
            print_table(_family(title, family, summary.num_answered, has_failed=has_failed), form=form)
    if summary.pass_at_k:
        said = "  ".join(f"pass@{k} {100 * value:.2f} %" for k, value in summary.pass_at_k.items())
        tell_in(form, f"oracle {said}")
    for line in _lines(summary):
        tell_in(form, line)


def _tasks(summary: SweepSummary) -> Table:
    table = new_table("Tasks: each checkpoint in each variant")
    table.add_column("checkpoint", overflow="fold")
    table.add_column("variant", overflow="fold")
    table.add_column("status", no_wrap=True)
    for name in ("answered", "failed", "correct", "accuracy %"):
        table.add_column(name, justify="right", no_wrap=True)
    for task in summary.tasks:
        accuracy = task.correct / task.evaluated if task.evaluated else None
        counts = [f"{number:,}" for number in (task.evaluated, task.failed, task.correct)]
        table.add_row(visible(task.checkpoint), visible(task.variant), task.status, *counts, _per_cent(accuracy))
    return table


def _family(title: str, family: Sequence[AggregateResult], num_answered: int, *, has_failed: bool) -> Table:
    """A row a rule; where tasks failed, with what it would come to if those were wrong, and right."""
    table = new_table(title)
    table.add_column("aggregate", no_wrap=True)
    bounds = ("failed as wrong %", "failed as right %") if has_failed else ()
    for name in ("correct", "of", "accuracy %", *bounds):
        table.add_column(name, justify="right", no_wrap=True)
    for one in family:
        rates = [one.accuracy, *((one.accuracy_low, one.accuracy_high) if has_failed else ())]
        table.add_row(one.name, f"{one.correct:,}", f"{num_answered:,}", *(_per_cent(value) for value in rates))
    return table


def _lines(summary: SweepSummary) -> list[str]:
    passes = f"passes {summary.num_pairs:,} of {summary.num_pairs_possible:,}"
    if 0 < summary.num_pairs < summary.num_pairs_possible:
        passes += f" ({summary.num_pairs_possible / summary.num_pairs:.1f} x fewer)"
    if not summary.num_pairs_new:
        passes += ", all of them before"
    elif summary.num_pairs_new < summary.num_pairs:
        passes += f", {summary.num_pairs_new:,} of them now"
    return [passes, f"time   {summary.wall_s:,.1f} s", f"sweep  {summary.folder}"]


def _notes(summary: SweepSummary) -> list[str]:
    notes = []
    if not summary.is_exhaustive:
        notes.append("note: a puzzle left once it was accepted, so a task's accuracy is over what was left for it;")
        notes.append("      --exhaustive compares tasks, and makes majority, best-score and pass@k")
    if not summary.has_labels:
        notes.append("note: there are no labels, so correct means that rules and clues are kept")
    if missing := summary.num_items - summary.num_answered:
        notes.append(f"warning: {number_of(missing, 'puzzle')} got no answer at all")
    return notes + [
        f"warning: {task.checkpoint}, {task.variant} failed on {task.failed:,}: {task.error}"
        for task in summary.tasks
        if task.status == "failed"
    ]


def _per_cent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"
