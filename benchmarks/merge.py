"""Merge thousands of mistakes files: `earmark.reports.merge` against pandas, and against itself with fewer files.

    python benchmarks/merge.py [--files 4000] [--rows 250]

Each way runs in a fresh process. CPU seconds are the child's user and system time with its imports; peak RSS is the
kernel's. pandas does what a script of ten lines does: read every file, concatenate, write.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _measure import Cost, machine, run

from earmark.reports.merge import merge_mistakes
from earmark.reports.mistakes import Mistake, MistakesExport
from earmark.store import layout
from earmark.store.folder import LocalFolder

FEW_FILES = 500


def main() -> None:
    """Print CPU, peak memory and their ratios."""
    arguments = _arguments()
    if arguments.child:
        WAYS[arguments.child](arguments.inputs, arguments.output)
        return
    with tempfile.TemporaryDirectory() as scratch:
        few, many = Path(scratch, "few"), Path(scratch, "many")
        make_files(few, FEW_FILES, arguments.rows)
        make_files(many, arguments.files, arguments.rows)
        ours_few, ours, pandas = (
            _measure(way, folder) for way, folder in (("earmark", few), ("earmark", many), ("pandas", many))
        )
    print(machine())
    for label, cost in (
        (f"earmark, {FEW_FILES:,} files", ours_few),
        (f"earmark, {arguments.files:,} files", ours),
        (f"pandas, {arguments.files:,} files", pandas),
    ):
        print(f"{label:24} {cost.cpu_s:7.2f} CPU s {cost.peak_mib:8.0f} MiB peak RSS")
    print(f"pandas / earmark         {pandas.cpu_s / ours.cpu_s:7.2f} x     {pandas.peak_mib / ours.peak_mib:8.2f} x")


def make_files(folder: Path, num_files: int, rows_per_file: int) -> None:
    """Write mistakes files of one run, every row another text of about 15 words."""
    random = np.random.default_rng(0)
    words = np.array(
        ["".join(random.choice(list("aeioubcdfghklmnprst"), size)) for size in random.integers(2, 9, 20_000)]
    )
    export = MistakesExport(LocalFolder(folder), run8="abc12345", num_ranks=1)
    for first in range(0, num_files * rows_per_file, rows_per_file):
        texts = [" ".join(row) for row in words[random.integers(0, len(words), (rows_per_file, 15))]]
        mistakes = [
            Mistake(index, text, text[3:], f"S:{text}", len(text) % 17 / 16, len(text) % 91 / 90, 0)
            for index, text in enumerate(texts, start=first)
        ]
        export.add(0, range(first, first + rows_per_file), mistakes)
        export.flush()


def merge_ours(inputs: str, output: str) -> None:
    """Merge as `earmark merge` does."""
    merge_mistakes(LocalFolder(Path(inputs)), output)


def merge_pandas(inputs: str, output: str) -> None:
    """Merge as a script with pandas does."""
    import pandas as pd  # not in the other way's process

    frames = []
    for path in sorted(Path(inputs).glob("*.parquet")):
        frame = pd.read_parquet(path)
        frame["source_file"] = path.name
        frame["batch_id"] = path.name.split("_")[2]
        frames.append(frame)
    pd.concat(frames, ignore_index=True).to_parquet(output, index=False)


WAYS: dict[str, Callable[[str, str], None]] = {"earmark": merge_ours, "pandas": merge_pandas}


def _measure(way: str, folder: Path) -> Cost:
    """In a fresh process, to an output that is not there yet: a merge keeps an older output's rows."""
    inputs, output = str(folder / layout.MISTAKES), str(folder / f"{way}.parquet")
    return run([sys.executable, __file__, "--child", way, "--inputs", inputs, "--output", output])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--rows", type=int, default=250)
    for name in ("--child", "--inputs", "--output"):  # for the fresh processes
        parser.add_argument(name, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
