"""``earmark train`` and ``earmark train sudoku``: flags to arguments, and what was trained in a few lines on stdout."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from earmark.cli.data_flags import MODEL, OUTPUT, TRACKING, WORKERS
from earmark.cli.flags import workers_text
from earmark.cli.recipe_progress import recipe_observer
from earmark.cli.results import OF_FEW
from earmark.cli.screen import say, tell
from earmark.cli.train_progress import training_observer, work
from earmark.cli.worker_flags import Engine

if TYPE_CHECKING:
    from earmark.reports.summary import RunSummary
    from earmark.verbs.train_sudoku import SudokuTraining
    from earmark.verbs.training_events import SnapshotKept, Training


def train_command(
    config: Annotated[str, Parameter(group=MODEL)],
    /,
    *,
    out: Annotated[str, Parameter(name=["--out", "-o"], group=OUTPUT)],
    set_: Annotated[list[str] | None, Parameter(name="--set", group=MODEL, negative="")] = None,
    trust: Annotated[bool, Parameter(group=MODEL, negative="")] = False,
    device: Annotated[str, Parameter(group=MODEL)] = "auto",
    workers: Annotated[
        str, Parameter(name=["--workers", "--num-requests"], converter=workers_text, group=WORKERS)
    ] = "auto",
    engine: Annotated[Engine, Parameter(group=WORKERS)] = "auto",
    address: Annotated[str | None, Parameter(group=WORKERS)] = None,
    track: Annotated[list[str] | None, Parameter(group=TRACKING, negative="")] = None,
    progress: Annotated[Literal["auto", "bar", "lines", "none"], Parameter(group=OUTPUT)] = "auto",
) -> int:
    """Train a speech recognizer by a recipe, and compare it with what it was before.

    Parameters
    ----------
    config
        The recipe: TOML, SpeechBrain's YAML, or the name of one of earmark's.
    out
        The run's folder; the model is in it, and two runs.
    set_
        KEY=VALUE (SECTION.KEY of the recipe); may be repeated.
    trust
        Let code run that the model brings with it: read it first.
    device
        auto, cpu, cuda or cuda:N; auto: a GPU where there is one.
    workers
        How many; auto: one a core, a GPU, or a slot of the cluster.
    engine
        Where they run; auto and inline: here, torchrun: in its ranks.
    address
        Of a Ray cluster (one on this machine is started).
    track
        Send what comes out to wandb or mlflow; may be repeated.
    progress
        On stderr; auto: a bar, or a line every 30 s.
    """
    from earmark.verbs.train import train

    with recipe_observer(progress) as observer:
        done = train(
            config, out=out, overrides=set_ or [], engine=engine, workers=None if workers == "auto" else int(workers),
            address=address, device=device, trust=trust, track=track or [], observer=observer,
        )  # fmt: skip
    if done is not None:
        for line in _recipe_lines(done):
            tell(line)
        sys.stdout.flush()
        say(f"next: {shlex.join(['earmark', 'compare', *done.comparison.runs])}")
        say(f"or: {shlex.join(_same_elsewhere(done))}")
    return 0


def _recipe_lines(done: Training) -> list[str]:
    """What lies in the folder, and what the training was good for."""
    made = f"{done.num_new_steps:,} of them now" if done.num_new_steps else "before: there was nothing to do"
    return [
        f"trained {done.step:,} steps, {made}; the best epoch was {done.best_epoch}",
        f"model   {done.recognizer}",
        f"weights {done.weights_hash}",
        f"before  {_rates(done.before)}",
        f"after   {_rates(done.after)}",
        f"so      {done.comparison.pairs[0].sentence}",
    ]


def _same_elsewhere(done: Training) -> list[str]:
    """The command that hears other data as the test data were heard, and counts as it did."""
    options = [word for name, value in done.options.items() for word in ("--set", f"{name}={value}")]
    rules = ["--normalizer", done.after.normalizer.name, *options]
    return ["earmark", "eval", done.recognizer, "--data", "OTHER.jsonl", *rules]


def _rates(summary: RunSummary) -> str:
    """WER with its interval, and CER."""
    if summary.wer is None or summary.cer is None:
        return "n/a"
    drawn = summary.wer_interval
    little = f" ({OF_FEW})" if summary.is_small else ""
    interval = f" [{100 * drawn.low:.2f}, {100 * drawn.high:.2f}]{little}" if drawn is not None else ""
    return (
        f"WER {100 * summary.wer:.2f} %{interval}, CER {100 * summary.cer:.2f} %, {summary.num_utterances:,} utterances"
    )


def train_sudoku_command(
    *,
    size: Annotated[Literal[4, 9], Parameter(group=MODEL)],
    out: Annotated[str, Parameter(name=["--out", "-o"], group=OUTPUT)],
    seed: Annotated[int, Parameter(group=MODEL)] = 0,
    steps: Annotated[int | None, Parameter(group=MODEL)] = None,
    minutes: Annotated[float | None, Parameter(group=MODEL)] = None,
    device: Annotated[str, Parameter(group=MODEL)] = "auto",
    progress: Annotated[Literal["auto", "bar", "lines", "none"], Parameter(group=OUTPUT)] = "auto",
) -> int:
    """Train a recursive solver of Sudoku on made puzzles, for a sweep.

    Parameters
    ----------
    size
        Of the grids: 4 takes minutes on a processor, 9 a GPU.
    out
        The run's folder; snapshots and puzzles are in it.
    seed
        Of the weights, the puzzles and all chance in between.
    steps
        Where the training ends (1200 for 4, 30000 for 9).
    minutes
        End after so much work instead, all attempts together.
    device
        auto, cpu, cuda or cuda:N; auto: the processor for 4, a GPU for 9.
    progress
        On stderr; auto: a bar, or a line every 30 s.
    """
    from earmark.verbs.train_sudoku import train_sudoku

    with training_observer(progress) as observer:
        done = train_sudoku(out, size=size, seed=seed, steps=steps, minutes=minutes, device=device, observer=observer)
    for line in _lines(done):
        tell(line)
    sys.stdout.flush()
    members = [f"{done.out}/step_{one.step}" for one in done.snapshots[-2:]]
    say(f"next: {shlex.join(['earmark', 'sweep', '--checkpoints', ','.join(members), '--permutes', '4'])}")
    return 0


def _lines(done: SudokuTraining) -> list[str]:
    """What lies in the folder, and what this call did for it."""
    rows = [_row(one) for one in done.snapshots]
    made = f"{done.num_new_steps:,} of them now" if done.num_new_steps else "before: there was nothing to do"
    return [
        f"trained {done.step:,} steps, {work(done.work_s)}; {made}",
        f"to      {done.out}",
        f"exact   {done.num_exact:,} of {done.num_puzzles:,} test puzzles by the last snapshot",
        *rows,
    ]


def _row(one: SnapshotKept) -> str:
    share = f"{one.num_exact / one.num_puzzles:.1%}".replace("%", " %")
    return f"  step_{one.step:<8} {share:>7} of the first {one.num_puzzles:,}"
