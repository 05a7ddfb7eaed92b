"""The device of a model that torch runs: which one it is, how much of its memory may be taken, and giving that back.

Knows no library of models. torch is imported when one of these is called, which is where a model is loaded.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from earmark.errors import RecognizerError

if TYPE_CHECKING:
    import torch

_NO_CUDA_HINT = "--set device=cpu, or install a torch that is built for this machine's driver"


def device_of(name: str) -> torch.device:
    """The device of that name. ``auto`` is a GPU where torch has one. Raises RecognizerError where it is not there."""
    import torch

    is_there = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if is_there else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and not is_there:
        raise RecognizerError(
            f"there is no device {name!r} here", cause=f"torch {torch.__version__} sees no GPU", hint=_NO_CUDA_HINT
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise RecognizerError(f"there is no device {name!r} here", cause=f"torch sees {torch.cuda.device_count()} GPUs")
    return device


def limit_memory(device: torch.device, share: float | None) -> None:
    """From now on, more than this share of the GPU's memory is out of memory for this process."""
    import torch

    if share is not None and device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(share, device.index)  # None: the current one


def empty_cache() -> None:
    """Give a GPU's memory back. A processor's is given back with the last reference to the model."""
    import torch

    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()
