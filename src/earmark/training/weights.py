"""The weights of a model: how many are learnt, and one number for all, to prove that two models are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn, uint8


def weights_hash(modules: Mapping[str, Any]) -> str:
    """Hex SHA-256 over all parameters and buffers, by name: equal where each number is the same, to the bit."""
    found = hashlib.sha256()
    for name in sorted(modules):
        if isinstance(modules[name], nn.Module):
            for inner, tensor in sorted(modules[name].state_dict().items()):
                if isinstance(tensor, Tensor):
                    found.update(f"{name}.{inner} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
                    found.update(tensor.detach().cpu().contiguous().view(-1).view(uint8).numpy().tobytes())
    return found.hexdigest()


def num_learnt(modules: Mapping[str, Any]) -> int:
    """The numbers that are learnt, of all parameters."""
    parts = [one for one in modules.values() if isinstance(one, nn.Module)]
    return sum(one.numel() for part in parts for one in part.parameters() if one.requires_grad)
