"""One training of a Sudoku solver, step by step, in memory. Knows no files and no clock.

A step of the training is one step of the recursion: rows that have halted are replaced by fresh examples before it, the
others think on from where they were. The state of all of it goes into a dict of tensors and comes back from one, so
that a training that goes on is the one that never stopped.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from earmark.puzzles.grids import PuzzleSet
from earmark.puzzles.hrm.model import Carry, Hrm
from earmark.training.sudoku_examples import Draw, draw
from earmark.training.sudoku_loss import loss_of
from earmark.training.sudoku_recipe import SudokuRecipe


class Trainer:
    """A model, its optimiser, the rows that it thinks about, and the average of its weights.

    ``step`` counts the steps that were made; ``loss`` is the last one's, a tensor so that nobody waits for a GPU.
    """

    def __init__(self, recipe: SudokuRecipe, puzzles: PuzzleSet, *, seed: int, device: torch.device) -> None:
        self._recipe, self._puzzles, self._seed, self._device = recipe, puzzles, seed, device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._model = Hrm(recipe.model).to(device)
            self._average = Hrm(recipe.model).to(device)
        self._average.load_state_dict(self._model.state_dict())
        self._average.requires_grad_(requires_grad=False)
        betas = (recipe.beta1, recipe.beta2)
        parameters = self._model.parameters()
        self._optimizer = torch.optim.AdamW(parameters, recipe.learning_rate, betas, weight_decay=recipe.weight_decay)
        self._carry = self._model.begun(recipe.batch_size)
        cells = (recipe.batch_size, recipe.model.seq_len)
        self._clues = torch.zeros(cells, dtype=torch.int64, device=device)
        self._solutions = torch.zeros(cells, dtype=torch.int64, device=device)
        self._num_thought = torch.zeros(recipe.batch_size, dtype=torch.int64, device=device)
        self._is_halted = torch.ones(recipe.batch_size, dtype=torch.bool, device=device)
        self.step = 0
        self.loss = torch.zeros(())

    @property
    def average(self) -> Hrm:
        """The model whose weights are the moving average: what a snapshot holds."""
        return self._average

    def advance(self) -> None:
        """Make one step."""
        recipe = self._recipe
        fresh = draw(
            self._puzzles,
            recipe.batch_size,
            seed=self._seed,
            step=self.step,
            hint_share=recipe.hint_share,
            exploration=recipe.model.halt_exploration_prob,
            most_steps=recipe.model.halt_max_steps,
        )
        self._replace(fresh)
        after, said = self._model(self._carry, self._clues)
        loss, _ = loss_of(said, self._solutions)
        self._learn(loss)
        self._carry = after.detached()
        self._num_thought += 1
        with torch.no_grad():
            fewest = torch.from_numpy(fresh.fewest_steps).to(self._device)
            wants_out = self._model.has_answered(said) & (self._num_thought >= fewest)
            self._is_halted = wants_out | (self._num_thought >= recipe.model.halt_max_steps)
        self.step += 1
        self.loss = loss.detach()

    def state(self) -> dict[str, Any]:
        """All that the next steps depend on, beside recipe, data and seed."""
        return {
            "step": self.step,
            "model": self._model.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "rows": {name: getattr(self, f"_{name}") for name in _ROWS},
            "carry": {"high": self._carry.high, "low": self._carry.low},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` gave. Raises KeyError, TypeError, ValueError or RuntimeError for another's."""
        self._model.load_state_dict(state["model"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        for name in _ROWS:
            own = getattr(self, f"_{name}")
            own.copy_(state["rows"][name])
        self._carry.high.copy_(state["carry"]["high"])
        self._carry.low.copy_(state["carry"]["low"])
        self.step = int(state["step"])

    @torch.no_grad()
    def _replace(self, fresh: Draw) -> None:
        """Put fresh examples where rows have halted, and begin those anew."""
        halted, begun = self._is_halted, self._model.begun(len(self._is_halted))
        self._clues = _where(halted, torch.from_numpy(fresh.clues).to(self._device), self._clues)
        self._solutions = _where(halted, torch.from_numpy(fresh.solutions).to(self._device), self._solutions)
        high, low = _where(halted, begun.high, self._carry.high), _where(halted, begun.low, self._carry.low)
        self._carry = Carry(high, low)
        self._num_thought = self._num_thought.masked_fill(halted, 0)

    def _learn(self, loss: Tensor) -> None:
        recipe = self._recipe
        for group in self._optimizer.param_groups:
            group["lr"] = recipe.learning_rate * min(1.0, (self.step + 1) / recipe.num_warmup_steps)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._model.parameters(), recipe.most_gradient_norm)
        self._optimizer.step()
        # Early on the average is of few steps, so that it is not of the weights before the first one.
        decay = min(recipe.ema_decay, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for kept, new in zip(self._average.parameters(), self._model.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)


_ROWS = ("clues", "solutions", "num_thought", "is_halted")


def _where(rows: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """Rows of ``new`` where ``rows`` is true, else of ``old``."""
    return torch.where(rows.view(-1, *[1] * (old.dim() - 1)), new.to(old.dtype), old)
