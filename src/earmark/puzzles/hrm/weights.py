"""The weights of a checkpoint, read without running anything that a file may hold, and a model made of them."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earmark.errors import CheckpointError, first_line
from earmark.puzzles.hrm.checkpoint import Checkpoint, check_whole
from earmark.puzzles.hrm.model import Hrm

_PREFIXES = ("_orig_mod.", "model.")
"""Words before a key: of a compiled model, and of the published loss around it."""
_NUM_LISTED = 3


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


def state_bytes(model: Hrm) -> bytes:
    """The model's state dict under the published keys, as torch.save writes it; the same weights, the same bytes."""
    stream = io.BytesIO()
    torch.save({f"model.{key}": value.detach().cpu() for key, value in model.state_dict().items()}, stream)
    return stream.getvalue()


def load_model(checkpoint: Checkpoint, *, device: torch.device, dtype: torch.dtype) -> Hrm:
    """The checkpoint's model, ready to answer on ``device`` in ``dtype``.

    Raises CheckpointError where the file is another than was looked at, and for weights that are missing, too many, of
    another shape, or no numbers.
    """
    path = Path(checkpoint.path)
    if check_whole(path) != checkpoint.sha256:
        raise CheckpointError("changed", str(path), "it is another file than when it was looked at")
    weights = read_weights(path)
    with torch.device("meta"):
        model = Hrm(checkpoint.settings)
    _check_shapes(path, {key: tuple(one.shape) for key, one in model.state_dict().items()}, weights)
    for key, weight in weights.items():
        if not bool(torch.isfinite(weight).all()):
            raise CheckpointError("numbers", str(path), f"its weight {key} holds NaN or infinity")
    # Copied, so that the model does not change with the file.
    ready = {key: weight.detach().to(device=device, dtype=dtype, copy=True) for key, weight in weights.items()}
    model.load_state_dict(ready, assign=True)
    return model.eval().requires_grad_(requires_grad=False)


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


def _check_shapes(path: Path, expected: Mapping[str, tuple[int, ...]], weights: Mapping[str, Tensor]) -> None:
    """Raise CheckpointError naming the first keys that differ, with the shape that is there and that should be."""
    said = [f"{key} {list(shape)} is missing" for key, shape in expected.items() if key not in weights]
    for key, weight in weights.items():
        if key not in expected:
            said.append(f"{key[:120]} {list(weight.shape)} is unexpected")
        elif tuple(weight.shape) != expected[key]:
            said.append(f"{key} is {list(weight.shape)}, expected {list(expected[key])}")
    if said:
        rest = f"; and {len(said) - _NUM_LISTED} more" if len(said) > _NUM_LISTED else ""
        hint = f"{path.parent}/all_config.yaml describes another model, or the file is another model's"
        raise CheckpointError("shape", str(path), "; ".join(said[:_NUM_LISTED]) + rest, hint=hint)
