"""The members of a sweep over puzzles, from what the user names: found, alike, no two the same; loaded by workers.

Loads no weights where it can be helped, and never runs code that lies beside a checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import UsageError
from earmark.puzzles.hrm.checkpoint import Checkpoint, read_checkpoints
from earmark.puzzles.hrm.device import DtypeName
from earmark.puzzles.hrm.solver import Solver
from earmark.recognizers.accelerator import device_kind
from earmark.sweeps.cells import Member


@dataclass(frozen=True)
class HrmMembers:
    """Opens checkpoints by number; see earmark.solving.OpenSolver. ``device`` is as the user says it."""

    checkpoints: tuple[Checkpoint, ...]
    device: str
    dtype: DtypeName
    memory_limit: float

    @property
    def device_kind(self) -> str:
        """What it is on this machine, as far as that can be told without loading anything: cpu or cuda."""
        return device_kind(self.device)

    def __call__(self, number: int) -> Solver:
        """A solver that loads its weights when it is entered."""
        return Solver(self.checkpoints[number], device=self.device, dtype=self.dtype, memory_limit=self.memory_limit)


def places_of(texts: Sequence[str]) -> list[str]:
    """The places that are named: each text is one if it exists as it stands, else several with commas between."""
    places: list[str] = []
    for text in texts:
        is_one = "," not in text or Path(text).exists()
        places += [text] if is_one else [part.strip() for part in text.split(",") if part.strip()]
    return places


def checkpoints_at(places: Sequence[str]) -> tuple[Checkpoint, ...]:
    """The checkpoints there, all for grids of one size. Raises UsageError, with all that is wrong, for others."""
    if not places:
        raise UsageError("a sweep needs a checkpoint", hint="--checkpoints DIR/step_1000,DIR/step_2000")
    found = read_checkpoints(places)
    _check_different(places, found)
    _check_alike(places, found)
    return found


def members_of(places: Sequence[str], checkpoints: Sequence[Checkpoint]) -> list[Member]:
    """What is kept of them: what the user calls each, and its digest."""
    return [Member(checkpoint=place, sha256=one.sha256) for place, one in zip(places, checkpoints, strict=True)]


def size_of(checkpoints: Sequence[Checkpoint]) -> int:
    """Of the grids that they all take. Raises UsageError where those are no Sudoku."""
    settings = checkpoints[0].settings
    if settings.grid_size is None:
        cause = f"it has {settings.vocab_size} tokens and {settings.seq_len} cells; Sudoku of 4 and 9 are known"
        raise UsageError(f"{checkpoints[0].path} is for no Sudoku", cause=cause)
    return settings.grid_size


def _check_different(places: Sequence[str], found: Sequence[Checkpoint]) -> None:
    """The same weights twice would count one opinion twice."""
    first: dict[str, str] = {}
    doubles = []
    for place, one in zip(places, found, strict=True):
        if one.sha256 in first:
            doubles.append(f"{place} is {first[one.sha256]}")
        first.setdefault(one.sha256, place)
    if doubles:
        cause = f"{'; '.join(doubles)}: the same bytes, so one answer would count twice"
        raise UsageError("a checkpoint is named twice", cause=cause, hint="name each of them once")


def _check_alike(places: Sequence[str], found: Sequence[Checkpoint]) -> None:
    shapes = [f"{one.settings.vocab_size} tokens, {one.settings.seq_len} cells" for one in found]
    for place, shape in zip(places, shapes, strict=True):
        if shape != shapes[0]:
            cause = f"{places[0]}: {shapes[0]}; {place}: {shape}"
            raise UsageError("the checkpoints are for different data", cause=cause, hint=f"sweep {place} by itself")
