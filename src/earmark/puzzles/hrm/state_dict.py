"""A state dict, read without running anything that a file may hold. Knows nothing of what it is the weights of."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earmark.errors import CheckpointError, first_line

_PREFIXES = ("_orig_mod.", "model.")
"""Words before a key: of a compiled model, and of the published loss around it."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict by their keys without prefixes, mapped from the disk.

    Raises CheckpointError for a file that is no state dict or that asks for anything but tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        problem = f"it holds more than weights, and nothing of it was run: {first_line(error)}"
        raise CheckpointError("damaged", str(path), problem) from error
    except (RuntimeError, EOFError, OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        problem = f"torch cannot read it: {first_line(error)}"
        raise CheckpointError("damaged", str(path), problem, hint="fetch or save it again") from error
    return _named(path, state)


def _named(path: Path, state: Any) -> dict[str, Tensor]:  # noqa: ANN401  # whatever a file holds
    if not isinstance(state, Mapping) or not state:
        raise CheckpointError("damaged", str(path), "it is no state dict")
    weights: dict[str, Tensor] = {}
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor) or value.is_sparse or not _is_real(value):
            raise CheckpointError(
                "damaged", str(path), f"it is no state dict: {str(key)[:80]!r} is no tensor of numbers"
            )
        name = _without_prefix(key)
        if name in weights:
            raise CheckpointError("damaged", str(path), f"two of its weights are {name}")
        weights[name] = value
    return weights


def _is_real(value: Tensor) -> bool:
    return value.is_floating_point() and not value.is_quantized


def _without_prefix(key: str) -> str:
    while (prefix := next((one for one in _PREFIXES if key.startswith(one)), None)) is not None:
        key = key.removeprefix(prefix)
    return key
