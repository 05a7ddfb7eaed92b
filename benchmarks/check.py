"""Looking at the rows of a manifest: ``earmark check --decode none``, so without listening to the audio.

``python benchmarks/check.py [--most N]``: 1,000 rows and ten and a hundred times as many, which are pieces of 200
recordings of 1 s, as JSON Lines, CSV and Parquet. CPU and wall seconds and the peak memory of the whole process,
imports included. Nothing is required: time is to grow with the rows, and memory by some hundred bytes a row.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from _measure import machine, run

_FILES = 200


def main() -> None:
    """Print a line for each kind and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=100_000)
    most = parser.parse_args().most
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(_FILES):
            noise = np.random.default_rng(number).normal(scale=0.05, size=16_000)
            soundfile.write(folder / f"{number}.flac", noise, 16_000)
        for number in (one for one in (1_000, 10_000, 100_000, 1_000_000) if one <= most):
            for suffix, write in WRITERS.items():
                manifest = folder / f"m{suffix}"
                # Elsewhere: the system counts what this process held when it began another as that one's peak.
                writer = multiprocessing.get_context("fork").Process(target=write, args=(manifest, number))
                writer.start()
                writer.join()
                cost = run([sys.executable, "-m", "earmark", "check", str(manifest), "--decode", "none"])
                print(
                    f"{number:>9,} rows {suffix:<8} {cost.cpu_s:6.2f} s CPU {cost.wall_s:6.2f} s wall "
                    f"{cost.peak_mib:6.0f} MiB"
                )


def _rows(number: int) -> Iterator[dict[str, Any]]:
    for one in range(number):
        yield {
            "id": f"utt-{one:07d}",
            "audio": f"{one % _FILES}.flac",
            "start": (one // _FILES) * 0.5 / number,
            "duration": 0.5,
            "text": f"words {one}",
            "speaker": f"s{one % 50}",
        }


def _write_jsonl(path: Path, number: int) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in _rows(number))


def _write_csv(path: Path, number: int) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(next(_rows(1))))
        table.writeheader()
        table.writerows(_rows(number))


def _write_parquet(path: Path, number: int) -> None:
    rows = _rows(number)
    with pq.ParquetWriter(path, pa.Table.from_pylist(list(_rows(1))).schema) as writer:
        while some := list(islice(rows, 10_000)):
            writer.write_table(pa.Table.from_pylist(some))


WRITERS: dict[str, Callable[[Path, int], None]] = {
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}

if __name__ == "__main__":
    main()
