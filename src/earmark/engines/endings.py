"""How a worker process ended, in words, as far as it can be known from outside. Knows exit codes, and no work."""

from __future__ import annotations

import re
import signal
from pathlib import Path

_MEANWHILE = ", while the kernel killed for want of memory"
_COUNTERS = Path("/proc/vmstat")
"""Of Linux. Its ``oom_kill`` counts what the kernel killed for want of memory, here or in a container."""


def num_memory_kills() -> int | None:
    """How many processes the kernel has killed for want of memory since it started; None where it does not say."""
    try:
        found = re.search(r"^oom_kill (\d+)$", _COUNTERS.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None


def ending(exit_code: int, memory_kills_before: int | None) -> str:
    """How it ended, after "the worker". ``memory_kills_before`` is the kernel's count when it began.

    A kernel that is out of memory sends SIGKILL, as people do; only its count tells them apart.
    """
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    name = signal.Signals(-exit_code).name
    if name != "SIGKILL":
        return f"was killed by {name}"
    now = num_memory_kills()
    if now is None or memory_kills_before is None:
        return "was killed by SIGKILL, perhaps for want of memory"
    return f"was killed by SIGKILL{_MEANWHILE if now > memory_kills_before else ''}"
