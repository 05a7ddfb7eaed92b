"""The device of a model that torch runs: which one it is, how it computes, how much of its memory may be taken.

Numbers must be the same each time, so TF32 and the search for the fastest algorithm are off in this process. A worker
process computes with one thread on a processor, unless OMP_NUM_THREADS says otherwise: there is one worker a core, and
threads that wait for each other cost many times what they gain.

Knows no library of models. torch is imported when one of these is called, which is where a model is loaded.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from earmark.errors import OutOfMemoryError, RecognizerError, first_line

if TYPE_CHECKING:
    import torch

Given = TypeVar("Given")
Answer = TypeVar("Answer")
DTYPES = ("float32", "float16", "bfloat16")
"""What a model on torch computes in."""
DAMAGED_HINT = "fetch or save the model again: one of its files may be damaged; -vv shows all that was said"
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


def prepared_device(name: str, memory_share: float | None) -> torch.device:
    """``device_of`` that name, with this process set up to compute there. Raises RecognizerError as that does."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    device = device_of(name)
    limit_memory(device, memory_share)
    if device.type == "cpu" and multiprocessing.parent_process() is not None and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    return device


def check_numbers(place: str, weights: Iterable[tuple[str, Any]]) -> None:
    """Raise RecognizerError where a tensor among ``weights``, pairs of a name and a value, holds NaN or infinity.

    ``place`` is the model's name in messages. What no training step moves counts too, but is saved: the means and
    variances of batch norm spoil a model as a weight does.
    """
    import torch

    for name, weight in weights:
        if isinstance(weight, torch.Tensor) and not bool(torch.isfinite(weight).all()):
            raise RecognizerError(
                f"the weights of {place} are no numbers",
                cause=f"{name} holds NaN or infinity",
                hint="fetch the model again, or --set dtype=float32 or bfloat16 where float16 is too small for it",
            )


def within_memory(ask: Callable[[Given], Answer], given: Given, num_utterances: int) -> Answer:
    """What ``ask`` answers. Raises OutOfMemoryError, the memory given back, where the device is full."""
    import torch

    try:
        return ask(given)
    except RuntimeError as error:  # a GPU's has a class of its own, a processor's is told by its words
        if not isinstance(error, torch.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
            raise
        full = first_line(error)
    # Out of the handler by now: its traceback held the tensors of the failed call.
    empty_cache()
    raise OutOfMemoryError(f"{num_utterances} utterances do not fit", cause=full)


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
