"""Whether a model will work on a GPU of this machine, asked before any framework is loaded.

It asks the graphics driver itself, in milliseconds, since the driver of a run loads no torch. The answer chooses a size
of batches and a warning, and no more: what a worker finds when it loads the model is what counts.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

DeviceKind = Literal["cpu", "cuda"]

# One forward pass fills a processor with one utterance, and what fits into its caches is faster. What says a token at a
# time reads all its weights for each, so that company is worth more than padding. A GPU wants to be filled.
_CTC_ON_A_PROCESSOR_S = 16.0
_ON_A_PROCESSOR_S = 64.0
_ON_A_GPU_S = 480.0
_LIBRARIES = ("libcuda.so.1", "nvcuda.dll")


def device_kind(device: str) -> DeviceKind:
    """Where ``device`` (auto, cpu, cuda, cuda:N) is on this machine; ``auto`` is a GPU where torch could use one."""
    if device != "auto":
        return "cuda" if device.startswith("cuda") else "cpu"
    return "cuda" if _torch_is_for_gpus() and num_gpus() else "cpu"


def usual_batch_s(device: DeviceKind, *, is_ctc: bool) -> float:
    """Padded seconds of audio in a batch that suit a model there: docs/design/performance.md says why.

    They were measured with models of Transformers, and are taken for those of other libraries too.
    """
    if device == "cuda":
        return _ON_A_GPU_S
    return _CTC_ON_A_PROCESSOR_S if is_ctc else _ON_A_PROCESSOR_S


@cache
def num_gpus() -> int:
    """NVIDIA GPUs that this process may use; 0 where there is no driver for them."""
    for name in _LIBRARIES:
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int(0)
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
            return count.value
    return 0


def _torch_is_for_gpus() -> bool:
    """A build without CUDA says so in its version, and there may be none at all."""
    try:
        return not version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False
