"""A training that trackers follow while it goes on: an observer beside the caller's, which hears everything first.

One process speaks, whatever the engine: rank 0, or the driver on a Ray cluster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from earmark.errors import EarmarkError, StoppedTrainingError, without_secret
from earmark.store.folder import LocalFolder
from earmark.store.run import RunStore
from earmark.tracking.base import Outcome, Point, Result, RunCard, Value
from earmark.tracking.kept import kept_id
from earmark.training.recipe import Recipe
from earmark.verbs.sinks import Sinks
from earmark.verbs.training_events import EpochEnded, RecipeBegan, RecipeEvent, RecipeObserver, StepMade, Training

_LOSS_EVERY_S = 1.0


@contextmanager
def tracked_training(
    recipe: Recipe, folder: LocalFolder, names: Sequence[str], observer: RecipeObserver
) -> Iterator[FollowedTraining]:
    """Within the block the training is tracked by what it tells the observer that this gives."""
    following = FollowedTraining(recipe, folder, names, observer)
    outcome: Outcome = "failed"
    try:
        yield following
        outcome = "finished"
    except StoppedTrainingError:
        outcome = "interrupted"
        raise
    finally:
        following.end(outcome)


class FollowedTraining:
    """An observer of one training. ``step`` of its points is the training's."""

    def __init__(self, recipe: Recipe, folder: LocalFolder, names: Sequence[str], observer: RecipeObserver) -> None:
        self._recipe, self._store, self._observer = recipe, RunStore(folder), observer
        self._sinks = Sinks(names, self._store, observer, _advice)
        self._losses, self._told_s = list[float](), time.monotonic()
        self._done: Training | None = None

    def __call__(self, event: RecipeEvent) -> None:
        """Send what is a number, and hand on all of it."""
        if isinstance(event, RecipeBegan):
            self._sinks.begin(self._card)
        elif isinstance(event, StepMade):
            self._step(event)
        elif isinstance(event, EpochEnded):
            told = {"valid/wer": event.wer, "valid/cer": event.cer, "valid/perplexity": event.perplexity}
            numbers = {name: one for name, one in told.items() if one is not None}
            self._offer(event.step, {"epoch": event.epoch, "train/epoch_loss": event.loss, **numbers})
        self._observer(event)

    def came_to(self, done: Training) -> None:
        """What will be sent at the end."""
        self._done = done

    def end(self, outcome: Outcome) -> None:
        """Send what the training came to, and wait for the trackers as long as they may take."""
        self._sinks.end(lambda: Result(outcome=outcome, numbers=self._numbers(), facts=self._facts(), tables=()))

    def _step(self, event: StepMade) -> None:
        """The mean of some steps: a tracker is told once a second."""
        self._losses.append(event.loss)
        if time.monotonic() - self._told_s >= _LOSS_EVERY_S:
            self._offer(event.step, {"train/loss": sum(self._losses) / len(self._losses)})
            self._losses, self._told_s = [], time.monotonic()

    def _offer(self, step: int, numbers: Mapping[str, float]) -> None:
        self._sinks.offer(Point(step=step, unix_ms=round(time.time() * 1000), numbers=numbers))

    def _card(self, tracker: str) -> RunCard:
        name = without_secret(self._store.url).rstrip("/").rpartition("/")[2]
        identity = dict(_flat(self._recipe.identity()))
        return RunCard(name=name or self._recipe.kind, identity=identity, kept_id=kept_id(self._store, tracker))

    def _numbers(self) -> dict[str, float]:
        if self._done is None:
            return {}
        rates = {
            f"{name}.{rate}": getattr(summary, rate)
            for name, summary in (("before", self._done.before), ("after", self._done.after))
            for rate in ("wer", "cer")
        }
        told = {"steps": self._done.step, "best_epoch": self._done.best_epoch, **rates}
        return {name: float(one) for name, one in told.items() if one is not None}

    def _facts(self) -> dict[str, str]:
        facts = {"training": without_secret(self._store.url)}
        return facts if self._done is None else {**facts, "weights_hash": self._done.weights_hash}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Each value by its path, such as ``optimizer.learning_rate``."""
    for key, one in values.items():
        if isinstance(one, Mapping):
            yield from _flat(one, f"{prefix}{key}.")
        else:
            yield prefix + key, one if isinstance(one, bool | int | float) else without_secret(str(one))


def _advice(name: str, error: EarmarkError) -> str:
    del name
    return f"the training goes on without it{f'; {error.hint}' if error.hint else ''}"
