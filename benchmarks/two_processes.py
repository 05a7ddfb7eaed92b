"""The throughput of two processes on two cores against one.

``python benchmarks/two_processes.py [--runs N]``: wall seconds of whole runs over the open data, start-up, loading and
summary included, taking turns. Must be at least 1.85 on two free cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from _measure import machine, middle, real_data, run


def main() -> None:
    """Print the wall times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    manifest = str(real_data() / "manifest.jsonl")
    print(machine())
    wall: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.runs):
            for workers in (1, 2):
                out = str(Path(folder) / f"{number}-{workers}")
                command = [
                    "eval",
                    "pocketsphinx",
                    "--data",
                    manifest,
                    "--engine",
                    "processes",
                    "--workers",
                    str(workers),
                ]
                wall[workers].append(run([sys.executable, "-m", "earmark", *command, "--out", out]).wall_s)
                print(f"run {number}: {workers} worker{'s' * (workers > 1)}: {wall[workers][-1]:.1f} s")
    print(f"two processes / one = {middle(wall[1]) / middle(wall[2]):.2f} x the throughput (at least 1.85)")


if __name__ == "__main__":
    main()
