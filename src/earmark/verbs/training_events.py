"""What a training tells the caller of its verb: values, for whoever draws them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earmark.training.events import CheckpointDamaged, EpochEnded, RecipeBegan, RecipeEvent, StepMade, TellRecipe
from earmark.training.sudoku_events import SnapshotKept, TrainingProgressed
from earmark.verbs.events import Tracked, Warned

__all__ = [
    "CheckpointDamaged", "EpochEnded", "Event", "Observer", "RecipeBegan", "RecipeEvent", "RecipeObserver",
    "SnapshotKept", "StepMade", "TellRecipe", "Tracked", "TrainingBegan", "TrainingProgressed", "Warned",
    "no_recipe_observer", "nobody",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBegan:
    """All is checked, and the puzzles are made; the steps are about to begin, or to go on."""

    out: str
    size: int
    num_train: int
    num_test: int
    device: str


RecipeObserver = Callable[[RecipeEvent | Tracked | Warned], None]
Event = TrainingBegan | TrainingProgressed | SnapshotKept
Observer = Callable[[Event], None]


def nobody(event: Event) -> None:
    """Observe nothing."""
    del event


def no_recipe_observer(event: RecipeEvent | Tracked | Warned) -> None:
    """Observe nothing of a recipe."""
    del event
