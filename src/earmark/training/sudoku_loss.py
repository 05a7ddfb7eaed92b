"""What a step of the recursion is blamed for: its cells, and what it believes of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody calls it
from torch import Tensor

from earmark.puzzles.hrm.model import Said

_HALTING_WEIGHT = 0.5


def loss_of(said: Said, solutions: Tensor) -> tuple[Tensor, Tensor]:
    """The mean loss of the rows, and which of them are right in every cell.

    ``solutions`` int64 (rows, cells). Cells count with the cross entropy of stablemax (Prieto et al. 2025,
    arXiv:2501.04697); the score of halting is taught whether the answer is right.
    """
    with torch.no_grad():
        is_right = (said.logits.argmax(dim=-1) == solutions).all(dim=-1)
    cells = -_log_stablemax(said.logits.double()).gather(-1, solutions.unsqueeze(-1)).squeeze(-1)
    halting = F.binary_cross_entropy_with_logits(said.q_halt, is_right.to(said.q_halt.dtype), reduction="none")
    return (cells.mean(dim=-1) + _HALTING_WEIGHT * halting).mean(), is_right


def _log_stablemax(logits: Tensor) -> Tensor:
    """As log-softmax, with x + 1 from 0 on and 1 / (1 - x) below in the place of the exponential."""
    grown = torch.where(logits >= 0, logits + 1, 1 / (1 - logits.clamp(max=0)))
    return torch.log(grown / grown.sum(dim=-1, keepdim=True))
