"""A model made of the weights of a checkpoint, and its weights as the bytes of a file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from earmark.errors import CheckpointError
from earmark.puzzles.hrm.checkpoint import Checkpoint, check_whole
from earmark.puzzles.hrm.model import Hrm
from earmark.puzzles.hrm.state_dict import read_weights

_NUM_LISTED = 3


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
