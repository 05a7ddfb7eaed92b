"""Which GPUs this machine has, by its drivers' own programs and files; no framework is loaded."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_DEADLINE_S = 10.0
_QUERY = ("--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")
_AMD_DRIVER = Path("/dev/kfd")
_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU as its driver names it."""

    name: str
    memory_bytes: int | None
    driver: str


def nvidia_gpus() -> tuple[Gpu, ...]:
    """All of this machine's that its driver lists, whatever this process may use; none where it does not answer."""
    lines = _said_by("nvidia-smi", *_QUERY).splitlines()
    cells = [[cell.strip() for cell in line.split(",")] for line in lines]
    return tuple(
        Gpu(name=name, memory_bytes=int(memory) * _MIB if memory.isdecimal() else None, driver=driver)
        for name, memory, driver in (row for row in cells if len(row) == 3)  # noqa: PLR2004  # what was asked for
    )


def newest_cuda() -> tuple[int, int] | None:
    """The newest CUDA that NVIDIA's driver runs, as ``(major, minor)``; None where it does not say."""
    found = re.search(r"CUDA (?:UMD )?Version:\s*(\d+)\.(\d+)", _said_by("nvidia-smi"))
    return (int(found[1]), int(found[2])) if found else None


def has_amd_driver() -> bool:
    """Whether AMD's compute driver is loaded."""
    return _AMD_DRIVER.exists()


def may_use_amd_driver() -> bool:
    """Whether this user may open it: that takes a group, render or video."""
    return os.access(_AMD_DRIVER, os.R_OK | os.W_OK)


def _said_by(program: str, *arguments: str) -> str:
    """What a program prints; nothing where it is not there, fails, or takes too long."""
    path = shutil.which(program)
    if path is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603  # of the driver, found on the path
            [path, *arguments], capture_output=True, text=True, errors="replace", timeout=_DEADLINE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
