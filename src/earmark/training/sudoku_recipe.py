"""How a Sudoku solver is trained: the model's sizes and the numbers of the optimiser, for each size of grid.

Knows no torch. The recipe of 4 x 4 was measured; that of 9 x 9 is its enlargement, and untried.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from earmark.errors import UsageError
from earmark.puzzles.hrm.settings import HrmSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SudokuRecipe:
    """All that decides, with a seed, which weights a number of steps gives.

    ``ema_decay`` is of the average of the weights that snapshots hold. ``hint_share`` of the examples have each blank
    filled in with a chance that is drawn for the example. A snapshot is kept every ``snapshot_every`` steps.
    """

    size: int
    model: HrmSettings
    num_steps: int
    snapshot_every: int
    num_train: int
    num_test: int
    batch_size: int = 128
    learning_rate: float = 2e-3
    num_warmup_steps: int = 100
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    most_gradient_norm: float = 1.0
    hint_share: float = 0.5
    ema_decay: float = 0.98

    def identity(self) -> dict[str, Any]:
        """The fields but ``num_steps``: more steps go on with the same training."""
        return {key: value for key, value in asdict(self).items() if key not in ("num_steps", "model")}


_SMALL = HrmSettings(
    vocab_size=6,
    seq_len=16,
    hidden_size=64,
    num_heads=2,
    num_h_layers=1,
    num_l_layers=1,
    num_h_cycles=1,
    num_l_cycles=2,
    puzzle_emb_ndim=64,
    positions="learned",
    halt_max_steps=8,
    mlp_multiple=64,
    halts_by_sign=True,
    has_full_gradient=True,
)
_LARGE = HrmSettings(
    hidden_size=256,
    num_heads=4,
    num_h_layers=2,
    num_l_layers=2,
    num_h_cycles=2,
    num_l_cycles=2,
    puzzle_emb_ndim=256,
    positions="learned",
    halt_max_steps=16,
    halts_by_sign=True,
    has_full_gradient=True,
)
_RECIPES = {
    4: SudokuRecipe(size=4, model=_SMALL, num_steps=1200, snapshot_every=50, num_train=12_000, num_test=2_000),
    9: SudokuRecipe(
        size=9,
        model=_LARGE,
        num_steps=30_000,
        snapshot_every=1_000,
        num_train=20_000,
        num_test=1_000,
        batch_size=768,
        learning_rate=3e-4,
        num_warmup_steps=1_000,
        ema_decay=0.999,
    ),
}


def recipe_of(size: int) -> SudokuRecipe:
    """The recipe of grids of this size, 4 or 9. Raises UsageError for another."""
    if size not in _RECIPES:
        raise UsageError(f"no solver is trained on grids of size {size}", hint="--size 4, or --size 9 on a GPU")
    return _RECIPES[size]
