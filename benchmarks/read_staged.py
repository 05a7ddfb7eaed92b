"""Reading a staged set for a run, beside ``datasets.Audio`` decoding the same audio from Parquet, on one core.

``python benchmarks/read_staged.py [--clips N] [--runs N] [--real] [--python PYTHON]...``: CPU milliseconds a clip,
the best of some runs. For ``datasets`` only decoding counts, of bytes that were read from Parquet before; for earmark,
opening and reading the files as well. Both give mono at 16 kHz. The audio is made up, 8 s a clip, as data sets keep it;
with ``--real`` come the real utterances of the tests. The target is 3 x.

``datasets`` decodes in the Python that each ``--python`` names (this one). From version 4 on it does so by torchcodec,
which needs torch and the libraries of ffmpeg; version 3 by soundfile and librosa. Where it cannot decode, its own words
say why. The last line of each kind is no ``datasets``: the steps of version 3 (soundfile on the bytes, the mean of the
channels, resampling) in float32, with soxr at the quality that earmark uses, and nothing around them.

The float32 of each staged set are compared bit for bit with those that earmark reads from the original files, and with
those of each peer. Where the original is of 16 kHz and without loss they must be the same. Resamplers and decoders of
MP3 differ among themselves.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import soxr
from _measure import machine, real_data
from numpy.typing import NDArray
from stage import speech_like

from earmark.audio.decode import RESAMPLER, decode
from earmark.audio.encode import AudioFormat
from earmark.records import SAMPLE_RATE_HZ
from earmark.sources import open_source
from earmark.verbs.stage import stage

KINDS = {
    "48 kHz MP3 (as Common Voice)": (48_000, 1, ".mp3"),
    "16 kHz MP3": (16_000, 1, ".mp3"),
    "44.1 kHz stereo WAV": (44_100, 2, ".wav"),
    "16 kHz WAV": (16_000, 1, ".wav"),
    "16 kHz FLAC (as LibriSpeech)": (16_000, 1, ".flac"),
}
FORMS: tuple[AudioFormat, ...] = ("flac", "wav")
OF_DATASETS = """
import importlib.metadata, sys, time
import datasets, numpy as np, pyarrow.parquet as pq
from datasets import Audio
feature = Audio(sampling_rate=16000)
rows = pq.read_table(sys.argv[1]).to_pylist()
def read(row):
    return feature.decode_example({"path": row["path"], "bytes": row["bytes"]})["array"]
heard = [np.asarray(read(row), np.float32) for row in rows]
np.savez(sys.argv[3], *heard)
costs = []
for _ in range(int(sys.argv[2])):
    began = time.process_time()
    for row in rows:
        read(row)
    costs.append(time.process_time() - began)
names = ["datasets", "torchcodec" if int(datasets.__version__.split(".")[0]) > 3 else "soundfile"]
print(1000 * min(costs) / len(rows), *(f"{name} {importlib.metadata.version(name)}" for name in names), sep=", ")
"""

Sounds = Sequence[NDArray[np.float32]]


@dataclass(frozen=True)
class Peer:
    """Who decodes each time: what it takes for a clip, and what it hears."""

    name: str
    cost_ms: float
    heard: Sounds


def write_originals(folder: Path, rate_hz: int, num_channels: int, suffix: str, num_clips: int) -> None:
    """Audio files that sound like speech."""
    folder.mkdir()
    for number in range(num_clips):
        soundfile.write(folder / f"{number:05d}{suffix}", speech_like(rate_hz, num_channels, number), rate_hz)


def paths_of(data: str) -> list[str]:
    """The audio files of the data, in their order."""
    source = open_source(data)
    return [str(Path(source.root, utterance.audio.uri)) for utterance in source.utterances()]


def best_ms(read: Callable[[str], object], items: Iterable[str], num_runs: int) -> float:
    """CPU milliseconds an item of the best run; what is read is let go at once, as a run does."""
    costs, items = [], list(items)
    for _ in range(num_runs):
        began = time.process_time()
        for item in items:
            read(item)
        costs.append(time.process_time() - began)
    return 1000 * min(costs) / len(items)


def read(path: str) -> NDArray[np.float32]:
    """As a run reads it."""
    return decode(path, max_decoded_s=60)


def like_version_3(table: Path, num_runs: int) -> Peer:
    """Decode every row's bytes with soundfile, and resample them with soxr."""
    data = {row["path"]: row["bytes"] for row in pq.read_table(table).to_pylist()}

    def read_bytes(name: str) -> NDArray[np.float32]:
        samples, rate_hz = soundfile.read(io.BytesIO(data[name]), dtype="float32", always_2d=True)
        mono = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
        if rate_hz != SAMPLE_RATE_HZ:
            mono = soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ, quality=RESAMPLER)
        clipped: NDArray[np.float32] = np.clip(mono, -1, 1)
        return clipped

    return Peer("soundfile and soxr", best_ms(read_bytes, data, num_runs), [read_bytes(name) for name in data])


def of_datasets(python: str, table: Path, num_runs: int) -> Peer | None:
    """``datasets.Audio`` in another process; None, and a line with its own words, where it cannot decode."""
    heard = table.with_name("heard.npz")
    done = subprocess.run(
        [python, "-c", OF_DATASETS, str(table), str(num_runs), str(heard)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"  datasets cannot decode here: {done.stderr.strip().splitlines()[-1]}")
        return None
    cost_ms, name = done.stdout.strip().split(", ", 1)
    with np.load(heard) as arrays:
        return Peer(name, float(cost_ms), [arrays[key] for key in arrays])


def difference(ours: Sounds, theirs: Sounds) -> str:
    """How the samples differ, in words."""
    if any(len(one) != len(other) for one, other in zip(ours, theirs, strict=True)):
        return "other lengths"
    largest = max(float(np.abs(one - other).max()) for one, other in zip(ours, theirs, strict=True))
    return f"float32 differ by at most {largest:.1g}" if largest else "the same float32"


def compare(scratch: Path, name: str, folder: Path, pythons: Sequence[str], num_runs: int) -> None:
    """Print the ratios of one kind of audio."""
    scratch.mkdir()
    paths = paths_of(f"folder:{folder}")
    table = scratch / "audio.parquet"
    pq.write_table(pa.Table.from_pylist([{"path": path, "bytes": Path(path).read_bytes()} for path in paths]), table)
    originals = [read(path) for path in paths]
    seconds = sum(len(samples) for samples in originals) / SAMPLE_RATE_HZ
    print(f"{name}: {len(paths)} clips of {seconds / len(paths):.1f} s, {kilobytes(paths, seconds)}", flush=True)
    peers = [*(of_datasets(python, table, num_runs) for python in pythons), like_version_3(table, num_runs)]
    for form in FORMS:
        to = scratch / form
        codings = stage(f"folder:{folder}", str(to), audio_format=form).codings
        staged = paths_of(str(to))
        heard = [read(path) for path in staged]
        ours_ms = best_ms(read, staged, num_runs)
        was = difference(heard, originals)
        print(f"  staged {form} ({', '.join(codings)}, {kilobytes(staged, seconds)}): {ours_ms:.2f} ms")
        print(f"    the originals: {was}")
        for peer in filter(None, peers):
            ratio = f"{peer.cost_ms / ours_ms:.1f} x, {difference(heard, peer.heard)}"
            print(f"    {peer.name}, {peer.cost_ms:.2f} ms: {ratio}", flush=True)


def kilobytes(paths: Sequence[str], seconds: float) -> str:
    """What a second takes on disk."""
    return f"{sum(Path(path).stat().st_size for path in paths) / seconds / 1000:.1f} kB/s"


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--python", action="append", default=[])
    parser.add_argument("--real", action="store_true", help="the real utterances of the tests, too")
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(machine())
    pythons = asked.python or [sys.executable]
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, kind) in enumerate(KINDS.items()):
            folder = Path(scratch, f"{number}-originals")
            write_originals(folder, *kind, asked.clips)
            compare(Path(scratch, str(number)), name, folder, pythons, asked.runs)
        if asked.real:
            compare(Path(scratch, "real"), "LibriSpeech", real_data() / "LibriSpeech", pythons, asked.runs)


if __name__ == "__main__":
    main()
