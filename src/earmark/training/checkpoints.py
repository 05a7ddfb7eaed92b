"""The states that a training can go on from, in a folder: each whole, and known by its hash.

::

    checkpoints/step_<number>.state    a pickle of tensors and plain values, read as such
    checkpoints.json                   which there are, the oldest first, each with its SHA-256

A state is written first, under a name that the list does not have, and then the list; so a kill in between changes
nothing that is listed, and what the list names was whole once. What is damaged later is not used.
A state of a step that has one already, such as that of the epoch's end, is ``step_<number>_again.state``.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from dataclasses import asdict, dataclass
from typing import Any

import torch

from earmark.errors import CheckpointError, first_line
from earmark.store.folder import LocalFolder
from earmark.training.events import CheckpointDamaged, TellRecipe

LIST = "checkpoints.json"
_FOLDER = "checkpoints"
_NUM_NEWEST = 2
State = dict[str, Any]
UNREADABLE = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, LookupError, AttributeError)
"""What reading a state raises, where it is none."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A state in the folder. ``is_best`` says that it has the lowest WER so far, and of those the lowest CER."""

    name: str
    sha256: str
    step: int
    is_best: bool


class Checkpoints:
    """Those of one training. The two newest are kept, and the best."""

    def __init__(self, folder: LocalFolder, tell: TellRecipe) -> None:
        self._folder, self._tell = folder, tell
        self._kept = self._listed()

    @property
    def step(self) -> int:
        """How many steps the newest has; 0 where there is none."""
        return self._kept[-1].step if self._kept else 0

    def keep(self, state: State, *, step: int, is_best: bool) -> None:
        """Write a state, in place of one of the same step. Raises StoreError; then those before it still stand."""
        stream = io.BytesIO()
        torch.save(state, stream)
        data = stream.getvalue()
        listed = {one.name for one in self._kept}  # of a step only one: one of its two names is free
        name = next(one for end in ("", "_again") if (one := f"{_FOLDER}/step_{step}{end}.state") not in listed)
        self._folder.write(name, data)
        others = [one for one in self._kept if one.step != step]
        was_best = any(one.is_best for one in self._kept if one.step == step)
        others = [Kept(one.name, one.sha256, one.step, one.is_best and not is_best) for one in others]
        all_kept = [*others, Kept(name, hashlib.sha256(data).hexdigest(), step, is_best or was_best)]
        kept = [one for one in all_kept[:-_NUM_NEWEST] if one.is_best] + all_kept[-_NUM_NEWEST:]
        self._folder.write(LIST, (json.dumps([asdict(one) for one in kept], indent=1) + "\n").encode())
        self._kept = kept
        for gone in listed - {one.name for one in kept}:
            self._folder.remove(gone)

    def newest(self) -> State | None:
        """The newest state that is as it was written; None where there never was one.

        Raises CheckpointError where all are damaged.
        """
        for one in reversed(self._kept):
            try:
                return self._read(one)
            except CheckpointError as error:
                self._tell(CheckpointDamaged(name=one.name, problem=error.cause or error.what))
        if self._kept:
            raise CheckpointError("damaged", self._folder.url, "none of its checkpoints is as it was written")
        return None

    def best(self) -> State:
        """The state with the lowest WER. Raises CheckpointError where it is damaged."""
        return self._read(next(one for one in reversed(self._kept) if one.is_best))

    def _read(self, one: Kept) -> State:
        place = f"{self._folder.url}/{one.name}"
        try:
            data = self._folder.read(one.name)
        except FileNotFoundError as error:
            raise CheckpointError("missing", place, "it is not there") from error
        if hashlib.sha256(data).hexdigest() != one.sha256:
            raise CheckpointError("damaged", place, f"its {len(data):,} bytes are not those that were written")
        try:
            state: State = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except UNREADABLE as error:
            raise CheckpointError("damaged", place, first_line(error)) from error
        return state

    def _listed(self) -> list[Kept]:
        if not self._folder.has(LIST):
            return []
        try:
            return [Kept(**one) for one in json.loads(self._folder.read(LIST))]
        except (ValueError, TypeError) as error:
            raise CheckpointError("damaged", f"{self._folder.url}/{LIST}", first_line(error)) from error
