"""The device that a solver works on, in words and as torch takes it, and how much of its memory may be taken.

Numbers must be the same each time, so TF32 is off. torch is imported when one of these is called.
"""

from __future__ import annotations

import multiprocessing
import os
import re
from typing import TYPE_CHECKING, Literal

from earmark.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    import torch

_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,3})?", re.ASCII)
DtypeName = Literal["float32", "bfloat16", "float16"]
ATTENTION = "sdpa"
"""How attention is computed; part of a result's identity, since another way rounds in another way."""


def device_of(name: str, *, memory_limit: float | None = None) -> torch.device:
    """The device of that name, ``auto`` being a GPU where torch sees one; of its memory at most the share is taken.

    Raises UsageError where it is not there (never another one in its place), and MissingExtraError without torch.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("model", "hrm", "puzzles", "torch") from error
    if memory_limit is not None and not 0 < memory_limit <= 1:
        raise UsageError(f"--gpu-memory-limit {memory_limit} is not above 0 and at most 1")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not _DEVICE.fullmatch(name):
        raise UsageError(f"there is no device {name!r}", hint="--device cpu, cuda or cuda:0")
    if name == "cpu":
        return torch.device("cpu")
    index = name.partition(":")[2]
    num_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= num_gpus:
        cause = f"torch {torch.__version__} sees {num_gpus or 'no'} GPU{'s' if num_gpus > 1 else ''}"
        raise UsageError(
            f"there is no device {name!r} here", cause=cause, hint="--device cpu; earmark doctor says more"
        )
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device(name)
    if memory_limit is not None:
        torch.cuda.set_per_process_memory_fraction(memory_limit, device)
    return device


def one_thread_in_a_worker() -> None:
    """There is one worker a core, and threads that wait for each other cost more than they gain.

    OMP_NUM_THREADS says otherwise where it is set.
    """
    import torch

    if multiprocessing.parent_process() is not None and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
