from __future__ import annotations

import math

import pytest
import torch

from earmark.puzzles.hrm.model import Said
from earmark.training.sudoku_loss import loss_of


def stablemax(x: float) -> float:
    return x + 1 if x >= 0 else 1 / (1 - x)


def test_the_loss_is_that_of_the_formula():
    """Cell by cell in plain Python: the mean of stablemax cross entropy, and half of what halting is wrong by."""
    logits = [[[2.0, -3.0, 0.0], [0.5, 0.25, -0.125]], [[-1.0, 4.0, 2.0], [0.0, 0.0, 7.0]]]
    solutions, scores = [[0, 1], [1, 2]], [0.7, -1.3]
    said = Said(torch.tensor(logits), torch.tensor(scores), torch.zeros(2))
    loss, is_right = loss_of(said, torch.tensor(solutions))
    total = 0.0
    for row, wanted, score, right in zip(logits, solutions, scores, (0.0, 1.0), strict=True):
        for cell, token in zip(row, wanted, strict=True):
            grown = [stablemax(one) for one in cell]
            total += -math.log(grown[token] / sum(grown)) / 2
        chance = 1 / (1 + math.exp(-score))
        total += -0.5 * (right * math.log(chance) + (1 - right) * math.log(1 - chance))
    assert is_right.tolist() == [False, True]
    assert float(loss) == pytest.approx(total / 2, rel=1e-6)


def test_its_gradient_is_finite_everywhere():
    """Also at 0, where the two branches meet, and far below it."""
    logits = torch.tensor([[[0.0, -1e4, 1e4]]], requires_grad=True)
    loss, _ = loss_of(Said(logits, torch.zeros(1), torch.zeros(1)), torch.tensor([[1]]))
    loss.backward()
    assert torch.isfinite(logits.grad).all()
