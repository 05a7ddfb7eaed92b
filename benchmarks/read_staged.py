"""Reading a staged set for a run, beside ``datasets.Audio`` decoding the same audio from Parquet, on one core.

``python benchmarks/read_staged.py [--clips N] [--runs N] [--python PYTHON]``: CPU milliseconds an utterance of 8 s, the
best of some runs, decoding alone: the files are open to neither before, and both give float32 mono at 16 kHz. For
audio as data sets keep it, and for both formats of a staged set.

``datasets`` decodes in the Python that ``--python`` names (this one). From version 4 on it decodes with torchcodec,
which needs torch and the libraries of ffmpeg; version 3 with soundfile and librosa. Where it cannot decode, its own
words say why, and only the second column stands.

That second column is no ``datasets``: it does what version 3 does (bytes from Parquet, soundfile, the mean of the
channels, resampling) with soxr at the quality that earmark uses. The float32 of the staged set are compared bit for bit
with those that earmark reads from the original files, and with this column's: libsndfile gives an MP3 in blocks and in
one go with differences of the last bit. The target is 3 x.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import soxr
from _measure import machine
from numpy.typing import NDArray
from stage import speech_like

from earmark.audio.decode import RESAMPLER, decode
from earmark.audio.encode import AudioFormat
from earmark.records import SAMPLE_RATE_HZ
from earmark.sources import open_source
from earmark.verbs.stage import stage

KINDS = {
    "48 kHz MP3 (Common Voice)": (48_000, 1, ".mp3"),
    "44.1 kHz stereo WAV": (44_100, 2, ".wav"),
    "16 kHz FLAC (LibriSpeech)": (16_000, 1, ".flac"),
}
FORMS: tuple[AudioFormat, ...] = ("auto", "wav")
OF_DATASETS = """
import sys, time
import datasets, pyarrow.parquet as pq
from datasets import Audio
feature = Audio(sampling_rate=16000)
rows = pq.read_table(sys.argv[1]).to_pylist()
def read():
    for row in rows:
        sound = feature.decode_example({"path": row["path"], "bytes": row["bytes"]})
        samples = sound["array"]
read()
costs = []
for _ in range(int(sys.argv[2])):
    began = time.process_time()
    read()
    costs.append(time.process_time() - began)
print(datasets.__version__, 1000 * min(costs) / len(rows))
"""


def write_originals(folder: Path, rate_hz: int, num_channels: int, suffix: str, num_clips: int) -> Path:
    """Audio files, and a Parquet table of their bytes as the hub has them."""
    folder.mkdir()
    rows = []
    for number in range(num_clips):
        path = folder / f"{number:05d}{suffix}"
        soundfile.write(path, speech_like(rate_hz, num_channels, number), rate_hz)
        rows.append({"path": path.name, "bytes": path.read_bytes()})
    pq.write_table(pa.Table.from_pylist(rows), folder / "audio.parquet")
    return folder / "audio.parquet"


def best_ms(read: Callable[[], object], num_clips: int, num_runs: int) -> float:
    """CPU milliseconds a clip of the best run."""
    costs = []
    for _ in range(num_runs):
        began = time.process_time()
        read()
        costs.append(time.process_time() - began)
    return 1000 * min(costs) / num_clips


def as_version_3_does(table: Path) -> list[NDArray[np.float32]]:
    """Decode every row's bytes with soundfile, and resample them with soxr."""
    heard = []
    for row in pq.read_table(table).to_pylist():
        samples, rate_hz = soundfile.read(io.BytesIO(row["bytes"]), dtype="float32", always_2d=True)
        mono = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
        if rate_hz != SAMPLE_RATE_HZ:
            mono = soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ, quality=RESAMPLER)
        heard.append(np.clip(mono, -1, 1))
    return heard


def read_all(paths: Sequence[str]) -> list[NDArray[np.float32]]:
    """Every file as a run reads it."""
    return [decode(path, max_decoded_s=60) for path in paths]


def of_datasets(python: str, table: Path, num_runs: int) -> float | None:
    """What ``datasets.Audio`` takes in another process; None, and a line with its own words, where it cannot."""
    done = subprocess.run(
        [python, "-c", OF_DATASETS, str(table), str(num_runs)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"  datasets cannot decode here: {done.stderr.strip().splitlines()[-1]}")
        return None
    version, cost_ms = done.stdout.split()
    print(f"  datasets {version}: {float(cost_ms):.2f} ms")
    return float(cost_ms)


def compare(folder: Path, name: str, python: str, num_clips: int, num_runs: int) -> None:
    """Print the ratios of one kind of audio."""
    print(name, flush=True)
    table = write_originals(folder, *KINDS[name], num_clips)
    theirs_ms = of_datasets(python, table, num_runs)
    truth = as_version_3_does(table)
    like_ms = best_ms(lambda: as_version_3_does(table), num_clips, num_runs)
    for form in FORMS:
        to = folder.with_name(f"{folder.name}-{form}")
        codings = stage(f"folder:{folder}", to, audio_format=form).codings
        paths = [str(Path(to, u.audio.uri)) for u in open_source(str(to)).utterances()]
        ours = read_all(paths)
        originals = read_all([str(path) for path in sorted(folder.glob(f"*{KINDS[name][2]}"))])
        is_same = all(np.array_equal(one, other) for one, other in zip(ours, originals, strict=True))
        largest = max(float(np.abs(one - other).max()) for one, other in zip(ours, truth, strict=True))
        ours_ms = best_ms(partial(read_all, paths), num_clips, num_runs)
        ratio = "" if theirs_ms is None else f"{theirs_ms / ours_ms:.1f} x faster than datasets, "
        print(
            f"  staged {form} ({', '.join(codings)}): {ours_ms:.2f} ms: {ratio}{like_ms / ours_ms:.1f} x than its "
            f"steps with soundfile and soxr ({like_ms:.2f} ms), whose float32 differ by at most {largest:.1g}; "
            f"{'the same' if is_same else 'NOT the same'} float32 as from the original files",
            flush=True,
        )


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--python", default=sys.executable)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        for number, kind in enumerate(KINDS):
            compare(Path(name, str(number)), kind, arguments.python, arguments.clips, arguments.runs)


if __name__ == "__main__":
    main()
