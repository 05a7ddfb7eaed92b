"""A training of a Sudoku solver in a folder: begun, gone on with after a kill, and its snapshots kept.

::

    DIR/data/                the made puzzles, train and test, in the layout that sweeps read
    DIR/all_config.yaml      what is trained and how; written once the data are whole
    DIR/step_<number>        a snapshot: the state dict of the averaged weights, in the published layout
    DIR/snapshots.json       how many of the first test puzzles each snapshot answers exactly
    DIR/training_state       what the next step depends on; a pickle of tensors, read as such

Every file appears whole or not at all. After a kill the training goes on from the last snapshot, and on a processor it
ends in the very weights that it would have ended in. Knows nothing of screens and signals.
"""

from __future__ import annotations

import io
import json
import pickle
import time
from dataclasses import asdict, dataclass

import torch

from earmark.errors import CheckpointError, first_line
from earmark.puzzles.grids import PuzzleSet
from earmark.puzzles.hrm.recursion import answer
from earmark.puzzles.hrm.weights import state_bytes
from earmark.puzzles.rules import are_exact
from earmark.records import StopCheck
from earmark.store.folder import LocalFolder
from earmark.training.sudoku_events import SnapshotKept, Tell, TrainingProgressed
from earmark.training.sudoku_recipe import SudokuRecipe
from earmark.training.sudoku_trainer import Trainer
from earmark.training.threads import one_thread

STATE = "training_state"
SNAPSHOTS = "snapshots.json"
_NUM_LOOKED_AT = 250
_TOLD_EVERY_S = 0.5
_UNREADABLE = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, LookupError, AttributeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Where a training ends: after so many steps, or after the step at which it has worked so many seconds."""

    num_steps: int | None
    work_s: float | None

    def is_reached(self, step: int, work_s: float) -> bool:
        """Whether no further step is made."""
        if self.num_steps is not None:
            return step >= self.num_steps
        return self.work_s is not None and work_s >= self.work_s


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedSudoku:
    """What a training came to. ``num_exact`` of all ``num_puzzles`` test puzzles are right by its last snapshot.

    ``is_ended`` is False where it was stopped before its limit: then nothing was measured, and both numbers are 0.
    """

    step: int
    num_new_steps: int
    work_s: float
    snapshots: tuple[SnapshotKept, ...]
    num_exact: int
    num_puzzles: int
    is_ended: bool


def train(
    folder: LocalFolder,
    recipe: SudokuRecipe,
    puzzles: PuzzleSet,
    held_out: PuzzleSet,
    *,
    seed: int,
    limit: Limit,
    device: torch.device,
    stop: StopCheck,
    tell: Tell,
) -> TrainedSudoku:
    """Train on ``puzzles`` up to ``limit``, from where the folder is; ``held_out`` is only looked at.

    The folder is the caller's alone, and its identity was checked. Raises CheckpointError for a state that cannot be
    gone on from, and StoreError.
    """
    with one_thread(device):
        attempt = _Attempt(folder, recipe, held_out, Trainer(recipe, puzzles, seed=seed, device=device), tell)
        attempt.restore()
        return attempt.run(limit, stop)


class _Attempt:
    def __init__(
        self, folder: LocalFolder, recipe: SudokuRecipe, held_out: PuzzleSet, trainer: Trainer, tell: Tell
    ) -> None:
        self._folder, self._recipe, self._held_out, self._trainer, self._tell = folder, recipe, held_out, trainer, tell
        self._snapshots: dict[int, SnapshotKept] = {}
        self._work_s = 0.0

    def restore(self) -> None:
        """Go on from the folder's state, where there is one."""
        if not self._folder.has(STATE):
            return
        place = str(self._folder.path / STATE)
        try:
            state = torch.load(io.BytesIO(self._folder.read(STATE)), map_location="cpu", weights_only=True)
            self._trainer.restore(state)
            self._work_s = float(state["work_s"])
            self._snapshots = {one["step"]: SnapshotKept(**one) for one in state["snapshots"]}
        except _UNREADABLE as error:
            problem = f"it is no state of this training: {first_line(error)}"
            raise CheckpointError("damaged", place, problem, hint="--out OTHER_FOLDER trains anew") from error

    def run(self, limit: Limit, stop: StopCheck) -> TrainedSudoku:
        first, since, told = self._trainer.step, time.monotonic() - self._work_s, 0.0
        while not limit.is_reached(self._trainer.step, self._work_s) and not stop():
            self._trainer.advance()
            self._work_s = time.monotonic() - since
            if self._work_s - told >= _TOLD_EVERY_S:
                told = self._work_s
                self._tell(self._progress(limit))
            if self._trainer.step % self._recipe.snapshot_every == 0:
                self._keep_snapshot()
                self._keep_state()
        is_ended = limit.is_reached(self._trainer.step, self._work_s)
        if is_ended and self._trainer.step not in self._snapshots and self._trainer.step:
            self._keep_snapshot()
        if self._trainer.step > first:
            self._keep_state()
        return self._result(first, is_ended=is_ended)

    def _progress(self, limit: Limit) -> TrainingProgressed:
        loss = float(self._trainer.loss)
        return TrainingProgressed(step=self._trainer.step, num_steps=limit.num_steps, loss=loss, work_s=self._work_s)

    def _keep_snapshot(self) -> None:
        """Write the averaged weights, then what they can do."""
        step, model = self._trainer.step, self._trainer.average
        self._folder.write(f"step_{step}", state_bytes(model))
        sample = self._held_out.take(range(min(_NUM_LOOKED_AT, self._held_out.num_puzzles)))
        kept = SnapshotKept(
            step=step, num_exact=self._num_exact(sample), num_puzzles=sample.num_puzzles, work_s=round(self._work_s, 3)
        )
        self._snapshots[step] = kept
        lines = [json.dumps(asdict(one)) for one in self._snapshots.values()]
        self._folder.write(SNAPSHOTS, ("[\n" + ",\n".join(lines) + "\n]\n").encode())
        self._tell(kept)

    def _keep_state(self) -> None:
        stream = io.BytesIO()
        snapshots = [asdict(one) for one in self._snapshots.values()]
        torch.save({**self._trainer.state(), "work_s": self._work_s, "snapshots": snapshots}, stream)
        self._folder.write(STATE, stream.getvalue())

    def _num_exact(self, puzzles: PuzzleSet) -> int:
        if puzzles.solutions is None:
            raise ValueError("puzzles to test with have solutions")
        return int(are_exact(answer(self._trainer.average.eval(), puzzles.clues).tokens, puzzles.solutions).sum())

    def _result(self, first: int, *, is_ended: bool) -> TrainedSudoku:
        return TrainedSudoku(
            step=self._trainer.step,
            num_new_steps=self._trainer.step - first,
            work_s=self._work_s,
            snapshots=tuple(self._snapshots.values()),
            num_exact=self._num_exact(self._held_out) if is_ended else 0,
            num_puzzles=self._held_out.num_puzzles if is_ended else 0,
            is_ended=is_ended,
        )
