"""``sweep``: many checkpoints, each in many variants of every puzzle, and what they come to together.

Everything that can be checked is checked before a model is loaded. Called again with the same arguments it does what is
left. The speech of the same idea is ``sweep_speech``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from earmark.engines.options import EngineOptions
from earmark.errors import UsageError
from earmark.puzzles.grids import PuzzleSet
from earmark.puzzles.hrm.checkpoint import Checkpoint
from earmark.puzzles.hrm.device import ATTENTION, DtypeName, device_of
from earmark.puzzles.layout import read_puzzles
from earmark.puzzles.variants import cyclic, variants_of
from earmark.recognizers import RECOGNIZERS
from earmark.recognizers.accelerator import device_kind
from earmark.solving import Halt
from earmark.sweeps.aggregate import Aggregate
from earmark.sweeps.cells import Accept
from earmark.sweeps.members import HrmMembers, checkpoints_at, members_of, places_of, size_of
from earmark.verbs.events import Observer, Warned, nobody
from earmark.verbs.following import summary_of_rank_0
from earmark.verbs.in_order import num_threads
from earmark.verbs.sweep_run import DEFAULT_BATCH_SIZE, SweepSummary, SweepWish, run_sweep
from earmark.verbs.workforce import EngineName, Workforce, check_launcher

Task = Literal["sudoku", "sudoku4"]
_WORTH_A_WORKER = 100_000_000_000
"""Multiplications: some eight seconds of a core. A worker takes two to start, most of them to load torch."""


def sweep(
    checkpoints: Sequence[str],
    data: str | os.PathLike[str] | PuzzleSet | None = None,
    *,
    task: Task = "sudoku",
    permutes: int = 1,
    variants: Sequence[str] = (),
    aggregates: Sequence[Aggregate] = (),
    accept: Accept = "verifier",
    halt: Halt = "fixed",
    batch_size: int | None = None,
    num_batch: int | None = None,
    dtype: DtypeName = "float32",
    device: str = "auto",
    gpu_memory_limit: float = 0.9,
    out: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    fresh: bool = False,
    retry_failed: bool = False,
    engine: EngineName = "auto",
    workers: int | None = 1,
    gpus: str | None = None,
    shard_timeout_s: float | None = None,
    address: str | None = None,
    runtime_env: str | None = None,
    gpu: str | None = None,
    observer: Observer = nobody,
    began: float | None = None,
) -> SweepSummary:
    """Solve the puzzles of ``data`` with every checkpoint in every variant, as far as it is needed, and aggregate.

    ``checkpoints`` are files ``step_N`` or folders of them, or several with commas between. ``data`` None are the
    puzzles that lie with the first checkpoint. ``variants`` are what ``puzzles.variants`` reads; without them the first
    ``permutes`` cyclic relabellings of the digits. With ``accept`` other than ``none`` a puzzle needs no further cell
    once an answer is accepted; ``none`` does every cell, which some ``aggregates`` need. No ``aggregates`` is ``any``,
    or ``verifier`` where there are no labels. ``workers`` None is one a GPU, or where none is used one a
    processor (with the engine ``auto``, no more than the work is worth); more than there are tasks are not started.
    Results lie in the folder ``out``, and as JSON in ``output``. Started by torchrun, every rank returns the summary.

    A checkpoint that cannot be loaded fails its own cells: see ``SweepSummary.num_failed_tasks``. Where no cell has an
    answer, no accuracy is reported.

    Raises UsageError (and its kinds) before anything is begun, StoreError, EngineError, InterruptedRunError after
    Ctrl-C or SIGTERM.
    """
    _check_engine(engine)
    if not 0 < gpu_memory_limit <= 1:
        raise UsageError(f"--gpu-memory-limit {gpu_memory_limit:g} is not above 0 and at most 1")
    options = EngineOptions(
        num_workers=workers, gpus=gpus, shard_timeout_s=shard_timeout_s, address=address, runtime_env=runtime_env,
        gpu=gpu,
    )  # fmt: skip
    ranks = Workforce.of(engine, options) if engine == "torchrun" else None
    if ranks is not None and ranks.is_follower:
        return summary_of_rank_0(ranks, SweepSummary)
    check_solvers(checkpoints)
    with nullcontext(_nobody_follows) if ranks is None else ranks.leading() as announce:
        places = places_of(checkpoints)
        found = checkpoints_at(places)
        size = size_of(found)
        names = _variants(variants, permutes, size)
        puzzles = _puzzles(data, found[0], size, task)
        wish = SweepWish(
            task=task, variants=names, aggregates=_aggregates(aggregates, puzzles), accept=accept, halt=halt,
            batch_size=batch_size, num_batch=num_batch, output=None if output is None else os.fspath(output),
            fresh=fresh, retry_failed=retry_failed,
        )  # fmt: skip
        if engine != "ray" and device not in ("auto", "cpu"):
            # Before it becomes a number of workers: never another device in its place.
            device_of(device)
        workforce = ranks or _workforce(engine, options, device, found, puzzles, wish, observer)
        summary = run_sweep(
            members_of(places, found), puzzles, HrmMembers(found, device, dtype, gpu_memory_limit), wish, workforce,
            out=None if out is None else os.fspath(out), dtype=dtype, attention=ATTENTION, observer=observer,
            began=began,
        )  # fmt: skip
        announce(summary)
    return summary


def check_solvers(checkpoints: Sequence[str]) -> None:
    """Raise UsageError where one of them is a recognizer by its name."""
    known = RECOGNIZERS.entries()
    for text in (part for each in checkpoints for part in each.split(",")):
        if text.startswith("hf:") or (text in known and not Path(text).exists()):
            raise UsageError(f"{text} is a model of speech, and no solver of puzzles", hint="--task asr")


def _workforce(
    engine: EngineName,
    options: EngineOptions,
    device: str,
    checkpoints: Sequence[Checkpoint],
    puzzles: PuzzleSet,
    wish: SweepWish,
    observer: Observer,
) -> Workforce:
    """The engine with its workers: as many as are asked for, else as many as there are places and work is worth."""
    num_cells = len(checkpoints) * len(wish.variants)
    is_chosen = engine == "auto" and options.num_workers is None
    if engine in ("auto", "processes"):
        options = with_places(options, device)
    if is_chosen and options.num_workers is not None:
        num_passes = puzzles.num_puzzles * (num_cells if wish.accept == "none" else 1)
        options = _worth(options, num_passes * checkpoints[0].settings.num_multiplications)
    batch_size = wish.batch_size if wish.batch_size and wish.batch_size > 0 else DEFAULT_BATCH_SIZE
    num_batches = max(1, -(-puzzles.num_puzzles // batch_size))
    return Workforce.of(engine, _useful(options, num_cells * num_batches, observer))


def _nobody_follows(summary: SweepSummary) -> None:
    del summary


def with_places(options: EngineOptions, device: str) -> EngineOptions:
    """The options of workers on this machine, with what nobody said: one a GPU, or one a processor.

    Each of them sees one GPU alone, so a GPU that is named by its number is for one worker that sees all of them.
    """
    if options.num_workers is not None or options.gpus is not None:
        return options
    if device_kind(device) == "cpu":
        return replace(options, num_workers=num_threads())
    return replace(options, num_workers=1) if ":" in device else replace(options, gpus="auto")


def _worth(options: EngineOptions, num_multiplications: int) -> EngineOptions:
    """The options with no more workers than the work is worth; one alone is this process, which has begun already."""
    num_worth = max(1, num_multiplications // _WORTH_A_WORKER)
    return replace(options, num_workers=min(options.num_workers or 1, num_worth))


def _check_engine(engine: EngineName) -> None:
    """Raise UsageError where an engine cannot do a sweep, torch is missing, or torchrun started several of this."""
    if engine == "modal":
        cause = "it brings no checkpoints to its containers"
        raise UsageError("the engine modal does no sweep", cause=cause, hint="--engine processes, ray or torchrun")
    if engine != "ray" and find_spec("torch") is None:  # Ray's workers may have what this machine lacks
        raise UsageError(
            "sweeps of puzzles need torch",
            cause="the package 'torch' cannot be imported",
            hint="pip install 'earmark[puzzles]'",
        )
    check_launcher(engine)


def _variants(names: Sequence[str], permutes: int, size: int) -> tuple[str, ...]:
    chosen = variants_of(names, size) if names else cyclic(permutes, size)
    return tuple(variant.name for variant in chosen)


def _puzzles(
    data: str | os.PathLike[str] | PuzzleSet | None, checkpoint: Checkpoint, size: int, task: Task
) -> PuzzleSet:
    """The puzzles. Raises UsageError where there are none, or of another size than the checkpoints take."""
    if data is None and checkpoint.data_path is None:
        cause = f"no puzzles lie with {checkpoint.path}"
        raise UsageError(
            "which puzzles?", cause=cause, hint="--data FOLDER, or a CSV with the columns of sudoku-extreme"
        )
    puzzles = data if isinstance(data, PuzzleSet) else read_puzzles(data or checkpoint.data_path or "", split="test")
    if puzzles.size != size:
        cause = f"{puzzles.name} has grids of size {puzzles.size}, {checkpoint.path} takes size {size}"
        raise UsageError("the checkpoints are for other puzzles", cause=cause, hint="--data OTHER_DATA")
    if task == "sudoku4" and size != 4:  # noqa: PLR2004  # as its name says
        raise UsageError(f"--task sudoku4 with grids of size {size}", hint="--task sudoku takes every size")
    return puzzles


def _aggregates(asked: Sequence[Aggregate], puzzles: PuzzleSet) -> tuple[Aggregate, ...]:
    if asked:
        return tuple(dict.fromkeys(asked))
    return ("any",) if puzzles.solutions is not None else ("verifier",)


def _useful(options: EngineOptions, num_tasks: int, observer: Observer) -> EngineOptions:
    """The options with no more workers than there are tasks."""
    if options.num_workers is None or options.num_workers <= num_tasks:
        return options
    said = f"{options.num_workers} workers are more than the {num_tasks} tasks (checkpoints, variants and batches)"
    observer(Warned(sentence=f"{said}: {num_tasks} are started"))
    return replace(options, num_workers=num_tasks)
