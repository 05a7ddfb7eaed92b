"""Running a command and reading what the operating system says of it: CPU seconds, wall seconds, peak memory."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one finished process and its children."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def run(command: Sequence[str], *, environment: dict[str, str] | None = None) -> Cost:
    """Run to the end; output is thrown away. Raises SystemExit with the output if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{output.decode(errors='replace')}")
    wall_s = time.perf_counter() - began
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss / 1024)


def machine() -> str:
    """The processor, the cores and the load, in a line."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, load before {os.getloadavg()[0]:.1f}"


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def real_data() -> Path:
    """The folder with real speech. Raises SystemExit where there is none."""
    folder = Path(os.environ.get("EARMARK_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "open"
    if not (folder / "manifest.jsonl").is_file():
        sys.exit(f"no manifest.jsonl in {folder}: EARMARK_TEST_DATA=FOLDER says where open/ is")
    return folder
