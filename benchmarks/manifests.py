"""Opening a manifest: from its name to the table of utterances, as ``earmark eval`` does before it plans.

``python benchmarks/manifests.py [--most N] [--most-text N] [--files N]``: for each kind of manifest and each size, in a
fresh process: open it, find its columns, look for every audio file, check that no id comes twice, and make the three
hashes (of the source, of the data, of a sample of the audio). CPU and wall seconds and the peak memory of the whole
process, imports included. 1,000,000 lines of text must take under 10 s; 10,000,000 rows of Parquet under 20 s and
2 GiB.

The rows are segments of 1,000 recordings, each with an id, a start, a duration, a text of 20 to 100 characters and a
speaker; ``extra`` has two more columns that mean nothing to us. ``files`` has as many files as rows, in folders of
10,000. ``no-duration`` does not state it, so each file's header is read: 20,000 files of 0.1 s. Files are warm: they
were written just before.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from _measure import machine, run

OPEN = """
import sys
from earmark.planning.identity import audio_sample, data_fingerprint
from earmark.sources import open_source
from earmark.verbs.prepare import indexed

source = open_source(sys.argv[1])
utterances = indexed(None, source, missing_audio="error")
print(len(utterances), data_fingerprint(utterances), audio_sample(utterances, source.root))
"""

NUM_RECORDINGS = 1000
FILES_A_FOLDER = 10_000
NUM_PROBED = 20_000
ROWS_AT_ONCE = 250_000
TEXT = "the quick brown fox jumps over the lazy dog and then it sleeps for an hour or two in the shade of a tree"

Rows = Iterator[pa.Table]
"""Some rows at a time."""


def recording(number: int) -> str:
    """The path of the audio of a row that is a piece of a recording."""
    return f"recording{number % NUM_RECORDINGS:03d}.wav"


def file(number: int) -> str:
    """That of a row with a file of its own."""
    return f"{number // FILES_A_FOLDER:04d}/{number:08d}.flac"


def clip(number: int) -> str:
    """That of a row with a file of its own that can be read."""
    return f"{number:05d}.wav"


AUDIO = {"files": file, "no-duration": clip}


def rows(num_rows: int, audio: Callable[[int], str], *, has_duration: bool = True, has_extra: bool = False) -> Rows:
    """The rows of a manifest; ``audio`` gives the path of each."""
    chance = np.random.default_rng(0)
    for first in range(0, num_rows, ROWS_AT_ONCE):
        numbers = range(first, min(first + ROWS_AT_ONCE, num_rows))
        size = len(numbers)
        columns: dict[str, Any] = {
            "id": [f"speaker{n % 251}-chapter{n % 17}-{n:08d}" for n in numbers],
            "audio": [audio(n) for n in numbers],
        }
        if has_duration:
            columns["start"] = np.round(chance.uniform(0, 3000, size), 2)
            columns["duration"] = np.round(np.minimum(35.0, chance.lognormal(1.8, 0.6, size)), 3)
        columns["text"] = [TEXT[:length] for length in chance.integers(20, 100, size).tolist()]
        columns["speaker"] = [str(n % 251) for n in numbers]
        if has_extra:
            columns["chapter"] = [f"chapter {n % 17}" for n in numbers]
            columns["snr"] = np.round(chance.normal(20, 5, size), 2)
        yield pa.table(columns)


def write_parquet(path: Path, tables: Rows) -> None:
    """As one file, compressed as Arrow does by itself."""
    writer: pq.ParquetWriter | None = None
    for table in tables:
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def write_jsonl(path: Path, tables: Rows) -> None:
    """An object a line."""
    with path.open("w", encoding="utf-8") as file:
        for table in tables:
            file.writelines(json.dumps(row) + "\n" for row in table.to_pylist())


def write_csv(path: Path, tables: Rows) -> None:
    """With a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, table in enumerate(tables):
            if number == 0:
                writer.writerow(table.column_names)
            writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))


WRITERS = {".jsonl": write_jsonl, ".csv": write_csv, ".parquet": write_parquet}


def write(manifest: Path, kind: str, num_rows: int) -> None:
    """Write the manifest of a kind in the format of its ending."""
    flags = {"has_duration": kind != "no-duration", "has_extra": kind == "extra"}
    WRITERS[manifest.suffix](manifest, rows(num_rows, AUDIO.get(kind, recording), **flags))


def report(folder: Path, kind: str, suffix: str, num_rows: int) -> None:
    """Write, open in a fresh process, print a row, and remove the manifest.

    Another process writes: what this one had in memory would count as the peak of its children.
    """
    manifest = folder / f"{kind}-{num_rows}{suffix}"
    run([sys.executable, __file__, "--write", str(manifest), "--kind", kind, "--most", str(num_rows)])
    size_mib = manifest.stat().st_size / 2**20
    cost = run([sys.executable, "-c", OPEN, str(manifest)])
    manifest.unlink()
    each = 1e6 * cost.wall_s / num_rows
    figures = f"{size_mib:8.0f} {cost.cpu_s:7.1f} {cost.wall_s:7.1f} {each:8.2f} {cost.peak_mib:9.0f}"
    print(f"{num_rows:>10,}  {kind:<12} {suffix[1:]:<8} {figures}", flush=True)


def segments(folder: Path, most: int, most_text: int) -> None:
    """Rows that are pieces of 1,000 recordings."""
    for number in range(NUM_RECORDINGS):
        soundfile.write(folder / recording(number), np.zeros(160, dtype=np.float32), 16_000)
    for size in (10_000, 100_000, 1_000_000, 10_000_000):
        for suffix in WRITERS:
            if size <= (most if suffix == ".parquet" else most_text):
                report(folder, "segments", suffix, size)
    for suffix in WRITERS:
        report(folder, "extra", suffix, most_text)


def files(folder: Path, num_files: int) -> None:
    """A file a row."""
    for number in range(num_files):
        if number % FILES_A_FOLDER == 0:
            (folder / f"{number // FILES_A_FOLDER:04d}").mkdir()
        (folder / file(number)).touch()
    for suffix in (".jsonl", ".parquet"):
        report(folder, "files", suffix, num_files)


def probed(folder: Path) -> None:
    """A file a row, whose header says how long it is."""
    for number in range(NUM_PROBED):
        soundfile.write(folder / clip(number), np.zeros(1600, dtype=np.float32), 16_000)
    report(folder, "no-duration", ".jsonl", NUM_PROBED)


def main() -> None:
    """Print a row a manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=10_000_000, help="rows of Parquet")
    parser.add_argument("--most-text", type=int, default=1_000_000, help="rows of JSON Lines and CSV")
    parser.add_argument("--files", type=int, default=1_000_000, help="rows with a file each")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.write:
        write(asked.write, asked.kind, asked.most)
        return
    print(machine())
    heads = f"{'MiB':>8} {'CPU s':>7} {'wall s':>7} {'us each':>8} {'peak MiB':>9}"
    print(f"{'rows':>10}  {'kind':<12} {'format':<8} {heads}")
    with tempfile.TemporaryDirectory() as name:
        segments(Path(name), asked.most, asked.most_text)
    with tempfile.TemporaryDirectory() as name:
        files(Path(name), asked.files)
    with tempfile.TemporaryDirectory() as name:
        probed(Path(name))


if __name__ == "__main__":
    main()
