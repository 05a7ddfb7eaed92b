"""A training that takes a second: a tiny model, a few rows, a snapshot every other step."""

from __future__ import annotations

from earmark.puzzles.generate import generate
from earmark.training.sudoku_recipe import SudokuRecipe
from tests.puzzles.hrm.checkpoints import LEARNED

RECIPE = SudokuRecipe(
    size=4, model=LEARNED, num_steps=5, snapshot_every=2, num_train=40, num_test=10, batch_size=8, num_warmup_steps=2
)


def puzzles():
    return generate(4, RECIPE.num_train, 0, split="train"), generate(4, RECIPE.num_test, 0, split="test")
