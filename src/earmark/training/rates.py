"""The learning rate of each step. A function of the recipe and of what is already in a checkpoint; keeps no state.

So a training that goes on after a kill has the rates of one that was not killed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.training.events import EpochEnded
    from earmark.training.recipe import OptimizerRecipe


def rate_at(
    rule: OptimizerRecipe, step: int, *, epochs_done: float, num_epochs: int, tried: Sequence[EpochEnded]
) -> float:
    """The rate of the step after ``step`` of them, ``epochs_done`` of ``num_epochs`` in, after the epochs ``tried``."""
    warm = min(1.0, (step + 1) / max(1, rule.warmup_steps))
    left = 1.0
    if rule.decay == "linear":
        left -= epochs_done / num_epochs
    elif rule.decay == "noam":
        left = min(1.0, math.sqrt(rule.warmup_steps / (step + 1)))
    elif rule.decay == "newbob":
        left = _annealed(rule, tried)
    return rule.learning_rate * warm * left


def _annealed(rule: OptimizerRecipe, tried: Sequence[EpochEnded]) -> float:
    """What is left of the rate after epochs that did too little, of which ``annealing_patience`` are spared each time.

    As SpeechBrain's NewBobScheduler counts, by the error rate, or by the loss of a language model.
    """
    left, spared = 1.0, 0
    figures = [_figure(one) for one in tried]
    for before, after in pairwise(figures):
        gain = (before - after) / before if 0 < before < math.inf else float(after < before)
        if gain >= rule.improvement_threshold:
            continue
        if spared < rule.annealing_patience:
            spared += 1
        else:
            left, spared = left * rule.annealing_factor, 0
    return left


def _figure(one: EpochEnded) -> float:
    """What the epoch is worth; less is better."""
    if one.perplexity is not None:
        return math.log(one.perplexity)
    return math.inf if one.wer is None else one.wer
