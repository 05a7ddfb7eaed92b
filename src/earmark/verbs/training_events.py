"""What a training tells the caller of its verb, and what it comes to: values, for whoever draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from earmark.training.events import CheckpointDamaged, EpochEnded, RecipeBegan, RecipeEvent, StepMade, TellRecipe
from earmark.training.sudoku_events import SnapshotKept, TrainingProgressed
from earmark.verbs.events import Tracked, Warned

if TYPE_CHECKING:
    from earmark.reports.compare import Comparison
    from earmark.reports.summary import RunSummary
    from earmark.spec import OptionValue

__all__ = [
    "CheckpointDamaged", "EpochEnded", "Event", "Observer", "RecipeBegan", "RecipeEvent", "RecipeObserver",
    "SnapshotKept", "StepMade", "TellRecipe", "Tracked", "Training", "TrainingBegan", "TrainingProgressed", "Warned",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What is in the folder ``out`` now: ``model`` is the folder's, and ``recognizer`` what ``evaluate`` takes for it.

    ``before`` and ``after`` are of the test data, and ``comparison`` is of the two. ``step`` steps were made,
    ``num_new_steps`` of them by this call. ``options`` are what an evaluation of it is told, as with ``--set``.
    """

    out: str
    model: str
    recognizer: str
    step: int
    num_new_steps: int
    best_epoch: int
    weights_hash: str
    before: RunSummary
    after: RunSummary
    comparison: Comparison
    options: Mapping[str, OptionValue] = field(default_factory=dict)


RecipeObserver = Callable[[RecipeEvent | Tracked | Warned], None]
Event = TrainingBegan | TrainingProgressed | SnapshotKept
Observer = Callable[[Event], None]


def nobody(event: Event) -> None:
    """Observe nothing."""
    del event


def no_recipe_observer(event: RecipeEvent | Tracked | Warned) -> None:
    """Observe nothing of a recipe."""
    del event
