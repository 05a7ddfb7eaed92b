"""Whether a model will work on a GPU of this machine, asked before any framework is loaded.

It asks the graphics driver itself, in milliseconds, since the driver of a run loads no torch. The answer chooses a size
of batches and a warning, and no more: what a worker finds when it loads the model is what counts.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

DeviceKind = Literal["cpu", "cuda"]

# One forward pass fills a processor with one utterance, and what fits into its caches is faster. What says a token at a
# time reads all its weights for each, so that company is worth more than padding. A GPU wants to be filled.
_CTC_ON_A_PROCESSOR_S = 16.0
_ON_A_PROCESSOR_S = 64.0
_ON_A_GPU_S = 480.0
_LIBRARIES = ("libcuda.so.1", "nvcuda.dll")
_AMD_NODES = Path("/sys/class/kfd/kfd/topology/nodes")
_SUPPOSED: ContextVar[DeviceKind | None] = ContextVar("supposed", default=None)
_AMD_HIDES = ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


def device_kind(device: str, *, needs_torch: bool = True) -> DeviceKind:
    """Where ``device`` (auto, cpu, cuda, cuda:N) is on this machine; ``auto`` is a GPU where there is one.

    With ``needs_torch`` it is one that torch could use, which calls AMD's GPUs cuda, too.
    """
    if device != "auto":
        return "cuda" if device.startswith("cuda") else "cpu"
    if (kind := _SUPPOSED.get()) is not None:
        return kind
    return "cuda" if (_torch_finds_a_gpu() if needs_torch else num_gpus() > 0) else "cpu"


@contextmanager
def supposing(kind: DeviceKind | None) -> Iterator[None]:
    """Within the block ``auto`` is answered as on a machine of this kind: the workers' own, say. None is this one."""
    before = _SUPPOSED.set(kind)
    try:
        yield
    finally:
        _SUPPOSED.reset(before)


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


def _torch_finds_a_gpu() -> bool:
    """A build for AMD's GPUs or for none says so in its version, and there may be no torch at all."""
    try:
        build = version("torch")
    except PackageNotFoundError:
        return False
    if "+rocm" in build:
        return _has_amd_gpu()
    return not build.endswith("+cpu") and num_gpus() > 0


def _has_amd_gpu() -> bool:
    """Whether the kernel lists one, and the environment does not hide all of them."""
    if any(os.environ.get(name, "0").strip() in ("", "-1") for name in _AMD_HIDES):
        return False
    try:
        return any(int(path.read_text()) for path in _AMD_NODES.glob("*/gpu_id"))
    except (OSError, ValueError):
        return False
