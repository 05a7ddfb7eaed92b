"""What the Brains of all recipes have in common: the optimizer, the device, and no step from a loss that is no number.

A Brain is an ordinary one of SpeechBrain: what a batch is worth (``compute_objectives``) is all that it says about
distribution, and that is a weight for each row.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar

import torch
from speechbrain.core import Brain
from torch import Tensor, nn

from earmark.errors import RecognizerError, UsageError, first_line
from earmark.training.recipe import OptimizerRecipe, Recipe

Made = TypeVar("Made", bound="FiniteBrain")


class FiniteBrain(Brain):  # type: ignore[misc]  # SpeechBrain has no types
    """A Brain that refuses a loss that is no number."""

    def check_loss_isfinite(self, loss: Tensor) -> None:
        """Raise RecognizerError before such a loss reaches the weights."""
        if not torch.isfinite(loss):
            raise RecognizerError(f"the loss is {loss.item()}, from which nothing can be learnt")


def brain_of(kind: type[Made], modules: Mapping[str, Any], recipe: Recipe, device: torch.device) -> Made:
    """A Brain of this kind with these modules, and the recipe's optimizer. Raises UsageError for its arguments."""
    rule = recipe.optimizer
    return kind(
        dict(modules),
        _optimizer_of(rule),
        run_opts={
            "device": str(device),
            "precision": {"float32": "fp32", "bfloat16": "bf16"}[recipe.precision],
            "grad_accumulation_factor": rule.accumulate,
            "max_grad_norm": rule.most_gradient_norm,
            "distributed_backend": "gloo" if device.type == "cpu" else "nccl",
        },
    )


def _optimizer_of(rule: OptimizerRecipe) -> partial[torch.optim.Optimizer]:
    """What makes it. It is tried on one number, so that a wrong argument is known before anything is begun."""
    known = {"AdamW": torch.optim.AdamW, "Adam": torch.optim.Adam, "SGD": torch.optim.SGD}
    kind = known.get(rule.rule, torch.optim.Adadelta)
    made = partial(kind, lr=rule.learning_rate, weight_decay=rule.weight_decay, **rule.arguments)
    try:
        made([nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError) as error:
        said = ", ".join(rule.arguments)
        raise UsageError(f"torch's {rule.rule} does not take the arguments {said}", cause=first_line(error)) from error
    return made
