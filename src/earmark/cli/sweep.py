"""``earmark sweep``: flags to arguments. What is printed of puzzles is in ``sweep_results``, of speech in others."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from earmark import _STARTED
from earmark.cli.data_flags import ERRORS, INPUT, MODEL, NO_DATA_FLAGS, OUTPUT, SCORING, WORKERS, DataFlags
from earmark.cli.forms import Form
from earmark.cli.model_flags import NO_MODEL_FLAGS, ModelFlags
from earmark.cli.progress import observer_for
from earmark.cli.worker_flags import NO_SWEEP_WORKER_FLAGS, SweepWorkerFlags, WorkerFlags
from earmark.errors import UsageError

Aggregate = Literal["any", "verifier", "majority", "best-score", "upstream-head"]
_INSTEAD = {
    "limit": "of puzzles --num-batch",
    "num-batch": "of speech --limit",
    "permutes": "of speech --variants",
    "output": "of speech the results are honest.json in the folder of --out",
    "exhaustive": "of speech every cell is done anyway",
}
"""What says the same to the other task."""


def sweep_command(
    *,
    checkpoints: Annotated[
        list[str] | None, Parameter(name=["--checkpoints", "--checkpoint"], group=INPUT, negative="")
    ] = None,
    task: Annotated[Literal["sudoku", "sudoku4", "asr"], Parameter(group=INPUT)] = "sudoku",
    data: Annotated[str | None, Parameter(name=["--data", "-d"], group=INPUT)] = None,
    permutes: Annotated[int, Parameter(group=INPUT)] = 1,
    variants: Annotated[list[str] | None, Parameter(group=INPUT, negative="")] = None,
    num_batch: Annotated[int | None, Parameter(group=INPUT)] = None,
    flags: DataFlags = NO_DATA_FLAGS,
    model_flags: ModelFlags = NO_MODEL_FLAGS,
    halt: Annotated[Literal["fixed", "verifier", "q"], Parameter(group=MODEL)] = "fixed",
    dtype: Annotated[Literal["float32", "bfloat16", "float16"], Parameter(group=MODEL)] = "float32",
    device: Annotated[str, Parameter(group=MODEL)] = "auto",
    worker_flags: SweepWorkerFlags = NO_SWEEP_WORKER_FLAGS,
    max_workers: Annotated[int | None, Parameter(group=WORKERS)] = None,
    aggregate: Annotated[list[Aggregate] | None, Parameter(group=SCORING, negative="")] = None,
    accept: Annotated[Literal["none", "verifier", "label"], Parameter(group=SCORING)] = "verifier",
    exhaustive: Annotated[bool, Parameter(group=SCORING, negative="")] = False,
    normalizer: Annotated[str, Parameter(group=SCORING)] = "basic",
    scorer: Annotated[str, Parameter(group=SCORING)] = "levenshtein",
    out: Annotated[str | None, Parameter(name=["--out", "-o", "--cells"], group=OUTPUT)] = None,
    output: Annotated[str | None, Parameter(group=OUTPUT)] = None,
    resume: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    fresh: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    progress: Annotated[Literal["auto", "bar", "lines", "none"], Parameter(group=OUTPUT)] = "auto",
    quiet: Annotated[bool, Parameter(group=OUTPUT, negative="")] = False,
    format: Annotated[Form, Parameter(group=OUTPUT)] = "table",  # noqa: A002  # the flag's name
    max_failures: Annotated[int, Parameter(group=ERRORS)] = 0,
    max_errors: Annotated[str, Parameter(group=ERRORS)] = "0",
    retry_failed: Annotated[bool, Parameter(group=ERRORS, negative="")] = False,
) -> int:
    """Many checkpoints in many variants over the same items, and what they come to.

    Parameters
    ----------
    checkpoints
        Files step_N or folders of them (the newest); models of --task asr.
    task
        sudoku4 refuses other sizes; asr: speech.
    data
        Manifest or its URL, folder of audio, or PREFIX:PATH: earmark ls sources; puzzles: as in
        sudoku-extreme, published or built; else those that lie with the first checkpoint.
    permutes
        Of puzzles: first N relabellings.
    variants
        relabel:K, random:SEED, transpose, rows:SEED, columns:SEED, joined by +;
        of speech speed:F, level:DB, peak, set:KEY=VALUE.
    num_batch
        Of puzzles: the first N batches (all).
    halt
        When a row has answered: after all steps, by the rules, or its own score.
    dtype
        In what the solver computes.
    device
        auto, cpu, cuda or cuda:N; of puzzles.
    max_workers
        The same as --workers.
    aggregate
        Of puzzles: what the results say; any and upstream-head look at the labels.
    accept
        When a puzzle needs no further task.
    exhaustive
        Of puzzles: every task does all (--accept none).
    normalizer
        Done to both texts first: earmark ls normalizers.
    scorer
        How errors are counted: earmark ls scorers.
    out
        The run's folder (runs/sweep- and the start of its fingerprint).
    output
        Of puzzles: write the results as JSON there, too.
    resume
        Go on with what the folder holds, as is done anyway.
    fresh
        Throw away what the folder holds; begin again.
    progress
        On stderr; auto: a bar, or a line every 30 s.
    quiet
        The same as --progress none.
    format
        Of the result, on stdout.
    max_failures
        Exit with 3 if more tasks fail.
    max_errors
        Exit with 3 if more fail: N, or N%; of speech.
    retry_failed
        Do failed utterances again; of puzzles failed tasks.
    """
    if fresh and resume:
        raise UsageError("--resume goes on, and --fresh begins again", hint="leave one of them out")
    if max_failures < 0:
        raise UsageError(f"--max-failures {max_failures} is no number from 0")
    asked: dict[str, Any] = {
        **_workers(worker_flags, max_workers, is_of_puzzles=task != "asr"),
        "fresh": fresh,
        "retry_failed": retry_failed,
    }
    from earmark.verbs.following import is_follower

    follows = is_follower(worker_flags.engine)
    kind = "none" if quiet or follows else progress
    names = variants or []
    of_puzzles = {
        "permutes": permutes != 1, "num-batch": num_batch is not None, "halt": halt != "fixed",
        "dtype": dtype != "float32", "device": device != "auto", "aggregate": bool(aggregate),
        "accept": accept != "verifier", "exhaustive": exhaustive, "output": output is not None,
    }  # fmt: skip
    of_speech = {
        **_said(flags, NO_DATA_FLAGS), **_said(model_flags, NO_MODEL_FLAGS, "batch_size", "gpu_memory_limit"),
        "normalizer": normalizer != "basic", "scorer": scorer != "levenshtein", "max-errors": max_errors != "0",
    }  # fmt: skip
    if task != "asr":
        from earmark.verbs.sweep import check_solvers

        check_solvers(checkpoints or [])  # first: who forgot --task is not told to leave out each flag of speech
    _check_meant(task, of_puzzles if task == "asr" else of_speech)
    if task == "asr":
        return _speech(
            checkpoints or [],
            data,
            {**asked, **flags.arguments(), **model_flags.arguments(), "normalizer": normalizer, "scorer": scorer},
            out=out,
            variants=names,
            form=format,
            progress=kind,
            max_errors=max_errors,
            max_failures=max_failures,
            follows=follows,
        )
    from earmark.cli.sweep_results import code_of, print_sweep
    from earmark.verbs.sweep import sweep

    with observer_for(kind) as observer:
        summary = sweep(
            checkpoints or [],
            data,
            task=task,
            permutes=permutes,
            variants=[name for text in names for name in text.split(",")],
            aggregates=aggregate or [],
            accept="none" if exhaustive else accept,
            halt=halt,
            batch_size=model_flags.batch_size,
            num_batch=num_batch,
            dtype=dtype,
            device=device,
            gpu_memory_limit=0.9 if model_flags.gpu_memory_limit is None else model_flags.gpu_memory_limit,
            out=out,
            output=output,
            **asked,
            observer=observer,
            began=_STARTED,
        )
    return code_of(summary, max_failures) if follows else print_sweep(summary, format, max_failures)


def _said(flags: DataFlags | ModelFlags, nothing: DataFlags | ModelFlags, *known: str) -> dict[str, bool]:
    """Of each flag but the known ones, by its name, whether anything was said."""
    names = [field.name for field in fields(flags) if field.name not in known]
    return {name.strip("_").replace("_", "-"): getattr(flags, name) != getattr(nothing, name) for name in names}


def _check_meant(task: str, strange: dict[str, bool]) -> None:
    """Raise UsageError where a flag was given that means nothing to the task."""
    if given := [name for name, is_said in strange.items() if is_said]:
        other = "sudoku" if task == "asr" else "asr"
        instead = f"; {_INSTEAD[given[0]]}" if given[0] in _INSTEAD else ""
        raise UsageError(
            f"--{given[0]} means nothing to --task {task}", hint=f"leave it out: --task {other} takes it{instead}"
        )


def _speech(checkpoints: list[str], data: str | None, asked: dict[str, Any], **more: Any) -> int:  # noqa: ANN401
    """The sweep of another kind of items. Raises UsageError without data."""
    from earmark.cli.sweep_speech import sweep_speech_command

    if data is None:
        raise UsageError("a sweep over speech needs --data", hint="--data manifest.jsonl")
    return sweep_speech_command(checkpoints, data, asked, **more)


def _workers(flags: WorkerFlags, max_workers: int | None, *, is_of_puzzles: bool) -> dict[str, Any]:
    """Who works. Raises UsageError for two numbers of workers, and for one that is none.

    Where nobody says how many, a sweep over puzzles chooses, since it alone knows the device.
    """
    asked = flags.arguments()
    if max_workers is None:
        is_chosen = is_of_puzzles and flags.workers == "auto" and asked["engine"] == "processes"
        return {**asked, "workers": None, "engine": flags.engine} if is_chosen else asked
    if flags.workers != "auto":
        raise UsageError("--workers and --max-workers are the same", hint="leave one of them out")
    if max_workers < 1:
        raise UsageError(f"--max-workers {max_workers} is no number from 1", hint="leave --max-workers out")
    return {**asked, "workers": max_workers}
