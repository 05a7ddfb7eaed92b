"""The throughput of two processes on two cores against one.

``python benchmarks/two_processes.py [--runs N]``: wall seconds of whole runs over the open data, start-up, loading and
summary included, taking turns. Must be at least 1.85 on two free cores. What two cores of this machine can do at all is
measured beside it: the bare loop of benchmarks/overhead.py over everything, and two such loops at once over half each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _measure import machine, middle, real_data, run
from overhead import BARE_LOOP


def bare_wall_s(manifest: Path, folder: Path, num_loops: int) -> float:
    """Wall seconds of so many bare loops at once, each over its share of the utterances."""
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    lines = [json.dumps({**row, "audio": str(manifest.parent / row["audio"])}) for row in rows]
    shares = []
    for number in range(num_loops):
        shares.append(folder / f"share-{number}-of-{num_loops}.jsonl")
        shares[-1].write_text("\n".join(lines[number::num_loops]) + "\n", encoding="utf-8")
    started = time.perf_counter()
    commands = [[sys.executable, "-c", BARE_LOOP, str(share), str(len(rows))] for share in shares]
    loops = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    if any(loop.wait() for loop in loops):
        raise SystemExit("a bare loop failed")
    return time.perf_counter() - started


def main() -> None:
    """Print the wall times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    data = real_data() / "manifest.jsonl"
    manifest = str(data)
    print(machine())
    bare: dict[int, list[float]] = {1: [], 2: []}
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
                bare[workers].append(bare_wall_s(data, Path(folder), workers))
                said = f"{workers} worker{'s' * (workers > 1)}: {wall[workers][-1]:.1f} s"
                print(f"run {number}: {said}; {workers} bare: {bare[workers][-1]:.1f} s", flush=True)
    print(f"two bare loops / one = {middle(bare[1]) / middle(bare[2]):.2f} x the throughput")
    print(f"two processes / one = {middle(wall[1]) / middle(wall[2]):.2f} x the throughput (at least 1.85)")


if __name__ == "__main__":
    main()
