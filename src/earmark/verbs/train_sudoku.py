"""``train_sudoku``: a solver of Sudoku, trained on made puzzles in a folder that a sweep can take.

Knows the order of things: the identity, the data, the training. The same call goes on with what a killed one left, and
does nothing where nothing is left; a folder that holds another training is refused.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import StoppedTrainingError, UsageError
from earmark.puzzles.hrm.device import device_of
from earmark.store.folder import LocalFolder
from earmark.store.lock import locked
from earmark.training.sudoku_recipe import SudokuRecipe, recipe_of
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.train_sudoku_data import check_folder, puzzles_in
from earmark.verbs.training_events import Observer, SnapshotKept, TrainingBegan, nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class SudokuTraining:
    """What is in the folder ``out`` now. ``num_exact`` of ``num_puzzles`` test puzzles are right by the last snapshot.

    ``num_new_steps`` of the ``step`` steps were made by this call; ``work_s`` is the time of all calls together.
    """

    out: str
    step: int
    num_new_steps: int
    work_s: float
    snapshots: tuple[SnapshotKept, ...]
    num_exact: int
    num_puzzles: int


def train_sudoku(
    out: str | os.PathLike[str],
    *,
    size: int,
    seed: int = 0,
    steps: int | None = None,
    minutes: float | None = None,
    device: str = "auto",
    recipe: SudokuRecipe | None = None,
    observer: Observer = nobody,
) -> SudokuTraining:
    """Train a solver of Sudoku of this size, 4 or 9, in the local folder ``out``.

    It ends after ``steps``, or after ``minutes`` of work in all calls together, or after the steps of the recipe. More
    of either goes on with a training that has ended. ``device`` is ``auto``, ``cpu``, ``cuda`` or ``cuda:0``; ``auto``
    is the processor for 4 x 4, where the weights are the same each time, and a GPU for 9 x 9. ``recipe`` replaces the
    usual one of the size.

    Raises UsageError (and its kinds) before anything is begun, RunMismatchError where ``out`` holds another training,
    RunLockedError where it is in use, StoreError when it cannot be written, InterruptedRunError after Ctrl-C or
    SIGTERM.
    """
    recipe = recipe or recipe_of(size)
    _check(recipe, size, seed, steps, minutes)
    place = device_of(_device_for(size, device))
    from earmark.training.sudoku import Limit, train

    folder = LocalFolder(Path(out))
    stop = StopRequest()
    limit = Limit(
        num_steps=(steps or recipe.num_steps) if minutes is None else None,
        work_s=None if minutes is None else minutes * 60,
    )
    with ExitStack() as stack:
        check_folder(folder)
        stack.enter_context(locked(folder))
        stack.enter_context(stop_on_signals(stop))
        puzzles, held_out = puzzles_in(folder, recipe, seed)
        observer(
            TrainingBegan(
                out=folder.url,
                size=size,
                num_train=puzzles.num_puzzles,
                num_test=held_out.num_puzzles,
                device=str(place),
            )
        )
        done = train(folder, recipe, puzzles, held_out, seed=seed, limit=limit, device=place, stop=stop, tell=observer)
    if not done.is_ended:
        raise StoppedTrainingError(done.step)
    return SudokuTraining(
        out=folder.url,
        step=done.step,
        num_new_steps=done.num_new_steps,
        work_s=done.work_s,
        snapshots=done.snapshots,
        num_exact=done.num_exact,
        num_puzzles=done.num_puzzles,
    )


def _check(recipe: SudokuRecipe, size: int, seed: int, steps: int | None, minutes: float | None) -> None:
    if recipe.size != size:
        raise UsageError(f"the recipe is for grids of size {recipe.size}, not {size}")
    if steps is not None and minutes is not None:
        raise UsageError("--steps and --minutes both say where the training ends", hint="give one of them")
    if steps is not None and steps < 1:
        raise UsageError(f"--steps {steps} leaves nothing to do", hint="a number from 1")
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--minutes {minutes:g} is no time to train", hint="a number above 0")
    if not 0 <= seed < 1 << 32:
        raise UsageError(f"--seed {seed} is not from 0 to {(1 << 32) - 1:,}")


def _device_for(size: int, device: str) -> str:
    """``auto`` in plain words: 4 x 4 is for a processor. Raises UsageError for 9 x 9 where there is no GPU."""
    if device != "auto":
        return device
    if size == _FOR_A_PROCESSOR:
        return "cpu"
    if device_of("auto").type == "cpu":
        raise UsageError(
            f"grids of {size} x {size} are trained on a GPU, and there is none here",
            cause="a processor would need weeks",
            hint="--device cpu does it all the same; --size 4 takes two minutes",
        )
    return "cuda"


_FOR_A_PROCESSOR = 4
"""The size whose training a processor ends in minutes."""
