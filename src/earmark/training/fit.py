"""The loop: epochs of batches through a Brain, tried on held-out speech after each, and gone on with after a kill.

Everything that a step depends on is in the state, the recipe, or drawn from the seed and the step's number; so on a
processor, a training that was killed ends in the very weights of one that was not. Knows no folder but the
checkpoints', and no screen.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from earmark.errors import CheckpointError, EngineError, RecognizerError, first_line
from earmark.records import StopCheck
from earmark.training.batches import Rows, epoch_batches, padding_share
from earmark.training.checkpoints import UNREADABLE, Checkpoints, State
from earmark.training.events import EpochEnded, StepMade, TellRecipe
from earmark.training.lessons import Batch, Speech, System
from earmark.training.rates import rate_at
from earmark.training.weights import weights_hash

if TYPE_CHECKING:
    from earmark.training.ranks import Ranks
    from earmark.training.recipe import Recipe

_ASKED_EVERY = 10
"""Steps between two questions of all ranks whether to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """How far a training is. ``is_ended`` is False where it was stopped; the modules hold the best weights else.

    ``weights_hash`` is of the weights after the last step, not of the best, and the same on all ranks.
    """

    step: int
    epochs: tuple[EpochEnded, ...]
    is_ended: bool
    weights_hash: str


class Fit:
    """One training: ``restore`` it, then ``run`` it."""

    def __init__(
        self,
        system: System,
        brain: Any,  # noqa: ANN401  # SpeechBrain's, which has no types
        speech: Speech,
        recipe: Recipe,
        ranks: Ranks,
        checkpoints: Checkpoints,
        tell: TellRecipe,
    ) -> None:
        self._system, self._brain, self._speech, self._recipe = system, brain, speech, recipe
        self._ranks, self._checkpoints, self._tell = ranks, checkpoints, tell
        self._loader = system.loader(speech.train)
        self.step = self._kept_step = self._asked_step = 0
        self._epoch, self._num_done, self._losses = 0, 0, list[float]()
        self._epochs: list[EpochEnded] = []
        self._best: tuple[float, ...] | None = None

    def restore(self) -> None:
        """Wrap the modules for the ranks, make the optimizer, and go on from the newest checkpoint.

        Raises CheckpointError where there are only damaged ones, or one of another model.
        """
        self._brain.on_fit_start()
        state = self._ranks.from_main(self._checkpoints.newest() if self._ranks.is_main else None)
        if state is not None:
            self._take(state)

    def run(self, stop: StopCheck) -> Fitted:
        """Train until the recipe's end, or until it does no better, or until somebody stops it."""
        is_stopped = False
        while not is_stopped and not self._is_over():
            is_stopped = not self._one_epoch(stop)
        found = self._equal_hash()
        if not is_stopped:
            state = self._ranks.from_main(self._checkpoints.best() if self._ranks.is_main else None)
            self._load_modules(state)
        return Fitted(step=self.step, epochs=tuple(self._epochs), is_ended=not is_stopped, weights_hash=found)

    def _is_over(self) -> bool:
        patience = self._recipe.evaluation.patience
        since_best = 0
        for one in reversed(self._epochs):
            if one.is_best:
                break
            since_best += 1
        return self._epoch >= self._recipe.epochs or 0 < patience <= since_best

    def _one_epoch(self, stop: StopCheck) -> bool:
        """Whether it was made to its end."""
        recipe, sizes = self._recipe, self._speech.train.sizes
        planned = epoch_batches(sizes, recipe.batch_rule(), seed=recipe.seed, epoch=self._epoch)
        began, waited = time.monotonic(), self._loader.waited_s
        left = planned[self._num_done :]
        coming = self._loader.batches(left, rank=self._ranks.rank, num_ranks=self._ranks.num_ranks, epoch=self._epoch)
        with _closing(coming) as loaded:
            for batch in loaded:
                if not self._learn(batch, len(planned)):
                    continue  # gradients that wait for others are in no state
                is_stopped = self._is_stop_due(stop)
                if is_stopped or self.step - self._kept_step >= recipe.checkpoint_every_steps:
                    self._keep(is_best=False)
                if is_stopped:
                    return False
        waiting = (self._loader.waited_s - waited) / max(1e-9, time.monotonic() - began)
        self._end_epoch(planned, waiting)
        return not self._is_stopped(stop)

    def _learn(self, batch: Batch, num_batches: int) -> bool:
        """One batch, and whether the optimizer made its step: ``accumulate`` batches are one, the last has fewer."""
        recipe = self._recipe.optimizer
        is_due = (self._num_done + 1) % recipe.accumulate == 0 or self._num_done + 1 == num_batches
        self._brain.step = recipe.accumulate if is_due else 1  # a multiple of it makes the optimizer step
        for group in self._brain.optimizer.param_groups:
            group["lr"] = self._rate(num_batches)
        _seed(self._recipe.seed, self.step, self._ranks)
        try:
            with self._ranks.meeting():
                loss = float(self._brain.fit_batch(batch.to(self._brain.device)))
        except RecognizerError as error:
            some = ", ".join(batch.ids[:5]) + (", ..." if len(batch.ids) > 5 else "")  # noqa: PLR2004
            cause = f"the batch of {some} gave it; the last good checkpoint stands"
            hint = "--set optimizer.learning_rate=, lower, in another folder; or leave these utterances out"
            raise RecognizerError(f"step {self.step + 1:,}: {error.what}", cause=cause, hint=hint) from error
        self._losses.append(loss)
        self._num_done += 1
        self.step += 1
        self._tell(StepMade(epoch=self._epoch + 1, step=self.step, loss=loss))
        return is_due

    def _rate(self, num_batches: int) -> float:
        done = self._epoch + self._num_done / num_batches
        return rate_at(
            self._recipe.optimizer, self.step, epochs_done=done, num_epochs=self._recipe.epochs, tried=self._epochs
        )

    def _is_stop_due(self, stop: StopCheck) -> bool:
        """As ``_is_stopped``. To ask all ranks takes a while, so it is not done at each step."""
        if self._ranks.num_ranks > 1 and self.step - self._asked_step < _ASKED_EVERY:
            return False
        return self._is_stopped(stop)

    def _is_stopped(self, stop: StopCheck) -> bool:
        """All ranks stop after the same step, or none."""
        self._asked_step = self.step
        return any(self._ranks.gathered(stop()))

    def _end_epoch(self, planned: list[Rows], waiting: float) -> None:
        found = self._system.tried(self._speech.valid, self._ranks)
        is_best = self._best is None or found.order < self._best
        self._best = found.order if is_best else self._best
        losses = np.mean(self._ranks.gathered(self._losses), axis=0).tolist()
        self._epochs.append(
            EpochEnded(
                epoch=self._epoch + 1, num_epochs=self._recipe.epochs, step=self.step, losses=tuple(losses),
                wer=found.wer, cer=found.cer, perplexity=found.perplexity, is_best=is_best, waiting_share=waiting,
                learning_rate=float(self._brain.optimizer.param_groups[0]["lr"]),
                padding_share=padding_share(self._speech.train.sizes, planned),
            )
        )  # fmt: skip
        self._epoch, self._num_done, self._losses = self._epoch + 1, 0, []
        self._keep(is_best=is_best)
        self._tell(self._epochs[-1])

    def _equal_hash(self) -> str:
        """Raises EngineError unless all ranks have the same weights, to the bit."""
        found = self._ranks.gathered(weights_hash(self._system.modules))
        if len(set(found)) > 1:
            raise EngineError(
                "the ranks came to different weights",
                cause=f"{len(set(found))} of {len(found)}: so none can be trusted",
            )
        return found[0]

    def _keep(self, *, is_best: bool) -> None:
        losses = self._ranks.gathered(self._losses)
        self._kept_step = self.step
        if not self._ranks.is_main:
            return
        state: State = {
            "modules": {name: module.state_dict() for name, module in self._system.modules.items()},
            "optimizer": self._brain.optimizer.state_dict(),
            "step": self.step,
            "epoch": self._epoch,
            "num_done": self._num_done,
            "losses": np.mean(losses, axis=0).tolist(),
            "epochs": [asdict(one) for one in self._epochs],
            "best": self._best,
        }
        self._checkpoints.keep(state, step=self.step, is_best=is_best)

    def _take(self, state: Mapping[str, Any]) -> None:
        self._load_modules(state)
        try:
            self._brain.optimizer.load_state_dict(state["optimizer"])
            self.step, self._epoch, self._num_done = (int(state[name]) for name in ("step", "epoch", "num_done"))
            self._losses, self._kept_step, self._asked_step = list(state["losses"]), self.step, self.step
            self._epochs = [EpochEnded(**{**one, "losses": tuple(one["losses"])}) for one in state["epochs"]]
            self._best = None if state["best"] is None else tuple(map(float, state["best"]))
        except UNREADABLE as error:
            raise CheckpointError(
                "damaged", "the checkpoint", f"it is of another training: {first_line(error)}"
            ) from error

    def _load_modules(self, state: Mapping[str, Any]) -> None:
        for name, module in self._system.modules.items():
            there = state["modules"].get(name, {})
            for key, tensor in module.state_dict().items():
                if key not in there or there[key].shape != tensor.shape:
                    found = tuple(there[key].shape) if key in there else "nothing"
                    problem = f"{name}.{key} is {found} there, and {tuple(tensor.shape)} in the model"
                    raise CheckpointError("shape", "the checkpoint", problem)
            module.load_state_dict(there)


@contextmanager
def _closing(loaded: Iterator[Batch]) -> Iterator[Iterator[Batch]]:
    """End the thread that decodes, however the block ends."""
    try:
        yield loaded
    finally:
        loaded.close()  # type: ignore[attr-defined]  # it is a generator


def _seed(seed: int, step: int, ranks: Ranks) -> None:
    """All chance within a step, such as dropout, comes from these numbers.

    torch's own ``manual_seed`` also looks for all kinds of devices that are not there: 1.5 ms a step, measured.
    """
    number = int(np.random.SeedSequence((seed, step, ranks.rank)).generate_state(1)[0])
    torch.default_generator.manual_seed(number)
    if ranks.device.type == "cuda":
        torch.cuda.manual_seed(number)
    random.seed(number)
    np.random.seed(number)  # what SpeechBrain's augmentations draw from
