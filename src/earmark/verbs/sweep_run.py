"""A sweep over puzzles whose members are known: its folder, its engine, and what it came to.

Knows neither how checkpoints are found nor what is printed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from earmark.errors import FolderError, StoreError, UsageError, first_line
from earmark.puzzles.grids import PuzzleSet
from earmark.solving import Halt, OpenSolver
from earmark.store.folder import Folder, LocalFolder
from earmark.store.run import RunStore
from earmark.sweeps.aggregate import ORACLES, WHOLE, Aggregate
from earmark.sweeps.attempt import SweepAttempt
from earmark.sweeps.cells import Accept, Member, SweepFacts, SweepIdentity, adopt, check_folder, clear
from earmark.sweeps.results import TIME_FORMAT, Settings, TaskResult, share
from earmark.verbs.events import Observer, StopAsked, SweepBegan, SweepProgressed, Warned
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.run_log import log, logged
from earmark.verbs.workforce import Workforce

DEFAULT_BATCH_SIZE = 2323


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepWish:
    """What is to be made of the members and the puzzles; ``aggregates`` are in the order in which they were asked for.

    ``batch_size`` None is the seed's 2323, or all puzzles where there are fewer.
    """

    task: str = "sudoku"
    variants: tuple[str, ...] = ("relabel:0",)
    aggregates: tuple[Aggregate, ...] = ("any",)
    accept: Accept = "verifier"
    halt: Halt = "fixed"
    batch_size: int | None = None
    num_batch: int | None = None
    output: str | None = None
    fresh: bool = False
    retry_failed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AggregateResult:
    """What one rule comes to; ``low`` and ``high`` count failed cells as wrong and as right."""

    name: str
    is_oracle: bool
    correct: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepSummary:
    """What a sweep came to. ``results`` are the keys of its JSON; of the family of the rule that was asked for first.

    ``num_items`` puzzles were swept, of which ``num_answered`` have an answer. ``num_pairs`` counts the pairs of task
    and puzzle that were done, ``num_pairs_new`` those of this call, of ``num_pairs_possible``.
    """

    folder: str
    num_items: int
    num_answered: int
    has_labels: bool
    is_exhaustive: bool
    aggregates: tuple[AggregateResult, ...]
    tasks: tuple[TaskResult, ...]
    pass_at_k: dict[str, float] | None
    num_pairs: int
    num_pairs_new: int
    num_pairs_possible: int
    num_failed_tasks: int
    wall_s: float
    results: dict[str, Any]


def check_wish(wish: SweepWish, puzzles: PuzzleSet) -> None:
    """Raise UsageError where the rules, the acceptance and the data do not go together."""
    if puzzles.num_puzzles == 0:
        raise UsageError(f"{puzzles.name} holds no puzzle", hint="--data OTHER_DATA")
    for flag, value in (("--batch-size", wish.batch_size), ("--num-batch", wish.num_batch)):
        if value is not None and value < 1:
            raise UsageError(f"{flag} {value} is no number from 1", hint=f"leave {flag} out")
    oracles = [name for name in wish.aggregates if name in ORACLES]
    if puzzles.solutions is None and (oracles or wish.accept == "label"):
        what = f"--aggregate {oracles[0]}" if oracles else "--accept label"
        cause = f"{what} compares with labels, and {puzzles.name} has none"
        raise UsageError("there is nothing to compare with", cause=cause, hint="--aggregate verifier needs no labels")
    honest = [name for name in wish.aggregates if name not in ORACLES]
    if wish.accept == "label" and honest:
        cause = "what was tried would depend on the labels, and so would the answers that it chooses from"
        raise UsageError(f"--aggregate {honest[0]} with --accept label", cause=cause, hint="--accept verifier")
    whole = [name for name in wish.aggregates if name in WHOLE]
    if whole and wish.accept != "none":
        cause = "it means something only where every member answered every puzzle in every variant"
        raise UsageError(f"--aggregate {whole[0]} needs all cells", cause=cause, hint="--exhaustive")


def run_sweep(
    members: Sequence[Member],
    puzzles: PuzzleSet,
    open_solver: OpenSolver,
    wish: SweepWish,
    workforce: Workforce,
    *,
    out: str | None = None,
    dtype: str = "float32",
    attention: str = "math",
    observer: Observer,
    began: float | None = None,
) -> SweepSummary:
    """Do what is left of the sweep in the folder ``out``, and aggregate; None is a folder of its own below ``runs``.

    Raises UsageError (and its kinds) before anything is begun, StoreError, EngineError, and InterruptedRunError after
    Ctrl-C or SIGTERM, with all that was done committed.
    """
    began = time.monotonic() if began is None else began
    check_wish(wish, puzzles)
    puzzles, settings = _batched(puzzles, wish, workforce, observer)
    identity = SweepIdentity(
        task=wish.task,
        size=puzzles.size,
        data_fingerprint=puzzles.fingerprint,
        num_items=puzzles.num_puzzles,
        members=tuple(member.sha256 for member in members),
        variants=wish.variants,
        accept=wish.accept,
        halt=wish.halt,
        dtype=dtype,
        attention=attention,
    )
    store = RunStore.at(out or f"runs/sweep-{identity.fingerprint()[:12]}")
    facts = SweepFacts(
        identity=identity, members=tuple(members), data=puzzles.name, start_time=time.strftime(TIME_FORMAT)
    )
    output = _output(wish.output, identity, fresh=wish.fresh)
    stop = StopRequest(lambda: observer(StopAsked()))
    with ExitStack() as stack:
        check_folder(store)
        stack.enter_context(store.locked())
        stack.enter_context(logged(store))
        stack.enter_context(stop_on_signals(stop))
        if wish.fresh:
            clear(store)
        attempt = SweepAttempt(
            store,
            adopt(store, facts),
            puzzles,
            settings,
            aggregates=wish.aggregates,
            output=output,
            retries=wish.retry_failed,
            num_workers=workforce.num_workers,
            began=began,
        )
        observer(_began(store, facts, attempt, workforce))
        observer(_progressed(attempt))
        attempt.work(workforce.engine, open_solver, stop, lambda: observer(_progressed(attempt)))
        return _summary(store, attempt, began)


def _batched(
    puzzles: PuzzleSet, wish: SweepWish, workforce: Workforce, observer: Observer
) -> tuple[PuzzleSet, Settings]:
    """The puzzles that ``num_batch`` batches hold, and what is said of batches and workers."""
    batch_size = min(wish.batch_size or DEFAULT_BATCH_SIZE, puzzles.num_puzzles)
    if wish.num_batch is not None:
        num_wanted = wish.num_batch * (wish.batch_size or DEFAULT_BATCH_SIZE)
        if num_wanted > puzzles.num_puzzles:
            num = f"{wish.num_batch:,} batches of {batch_size:,} are more than there are"
            observer(Warned(sentence=f"{num}: {puzzles.name} holds {puzzles.num_puzzles:,} puzzles"))
        elif num_wanted < puzzles.num_puzzles:
            puzzles = puzzles.take(range(num_wanted))
    return puzzles, Settings(batch_size=wish.batch_size or batch_size, max_workers=workforce.num_workers)


def _output(path: str | None, identity: SweepIdentity, *, fresh: bool) -> tuple[Folder, str] | None:
    """Where results are wanted beside the folder of the sweep.

    Raises FolderError where nothing can be written there, or where it holds other results and they are not to go.
    """
    if path is None:
        return None
    file = Path(path)
    if file.is_dir():
        raise FolderError(path, "it is a folder, and a file is expected", hint=f"--output {file / 'results.json'}")
    if file.exists() and not fresh and identity.fingerprint() not in file.read_text(errors="replace"):
        raise FolderError(path, "it exists, and is not of this sweep", hint="--fresh writes over it")
    folder = LocalFolder(file.absolute().parent)
    try:
        folder.make()
        with folder.replacing(f".{file.name}.probe"):
            pass
        folder.remove(f".{file.name}.probe")
    except (OSError, StoreError) as error:
        raise FolderError(path, first_line(error), hint="--output OTHER_FILE") from error
    return folder, file.name


def _began(store: RunStore, facts: SweepFacts, attempt: SweepAttempt, workforce: Workforce) -> SweepBegan:
    identity = facts.identity
    log.info("%d pairs are done; %d members, %s", attempt.num_pairs_before, len(facts.members), asdict(identity))
    return SweepBegan(
        out=store.url,
        data=facts.data,
        num_items=identity.num_items,
        num_members=len(identity.members),
        num_variants=len(identity.variants),
        num_pairs_done=attempt.num_pairs_before,
        accept=identity.accept,
        engine=workforce.name,
        num_workers=workforce.num_workers,
        damaged_parts=tuple(attempt.damaged),
    )


def _progressed(attempt: SweepAttempt) -> SweepProgressed:
    return SweepProgressed(**asdict(attempt.state()))


def _summary(store: RunStore, attempt: SweepAttempt, began: float) -> SweepSummary:
    found = attempt.finish()
    tally = attempt.tally
    num_items = tally.puzzles.num_puzzles
    is_answered = tally.is_answered
    num_answered = int(is_answered.sum())
    aggregates = []
    for name, one in found.outcomes.items():
        correct = int((one.is_right & is_answered).sum())
        aggregates.append(
            AggregateResult(
                name=name,
                is_oracle=one.is_oracle,
                correct=correct,
                accuracy=share(correct, num_answered),
                accuracy_low=share(one.low, num_items) if num_answered else None,
                accuracy_high=share(one.high, num_items) if num_answered else None,
            )
        )
    num_pairs = sum(task.evaluated + task.failed for task in found.tasks)
    return SweepSummary(
        folder=store.url,
        num_items=num_items,
        num_answered=num_answered,
        has_labels=tally.puzzles.solutions is not None,
        is_exhaustive=attempt.is_exhaustive,
        aggregates=tuple(aggregates),
        tasks=found.tasks,
        pass_at_k=found.pass_at_k,
        num_pairs=num_pairs,
        num_pairs_new=num_pairs - attempt.num_pairs_before,
        num_pairs_possible=tally.state.size,
        num_failed_tasks=sum(task.status == "failed" for task in found.tasks),
        wall_s=time.monotonic() - began,
        results=found.results,
    )
