"""What staging costs beside a bare loop, what a second core gains, and what memory does as files become many.

``python benchmarks/stage.py [--clips N] [--runs N] [--most N]``: CPU seconds of whole processes over generated clips of
8 s, taking turns, start-up included. The bare loop decodes, takes the mean of the channels, resamples and encodes with
soundfile and soxr, to the coding that earmark chooses, with libsndfile's own settings, and checks and syncs nothing.
earmark does all that it does: index, checks, SHA-256, sync, parts, table. At most 1.15 x the bare loop, at least 1.8 x
the throughput on two free cores, and the same peak memory at 1,000 and at ``--most`` clips.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from _measure import machine, middle, run
from numpy.typing import NDArray

BARE_LOOP = """
import json, sys
from pathlib import Path
import numpy as np, soundfile, soxr

manifest, out, suffix, subtype = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
out.mkdir()
for number, line in enumerate(manifest.read_text().splitlines()):
    samples, rate = soundfile.read(manifest.parent / json.loads(line)["audio"], dtype="float32", always_2d=True)
    mono = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
    mono = np.clip(soxr.resample(mono, rate, 16000), -1, 1) if rate != 16000 else mono
    soundfile.write(out / f"{number:08d}{suffix}", mono, 16000, subtype=subtype)
"""
CLIP_S = 8.0
NUM_FILES = 50


@dataclass(frozen=True)
class Kind:
    """What clips are like, and what earmark makes of them with ``audio_format``."""

    name: str
    rate_hz: int
    num_channels: int
    suffix: str
    audio_format: str
    staged_suffix: str
    staged_subtype: str


KINDS = (
    Kind("16 kHz mono FLAC, to WAV of 16 bits", 16_000, 1, ".flac", "wav", ".wav", "PCM_16"),
    Kind("16 kHz mono FLAC, to FLAC of 16 bits", 16_000, 1, ".flac", "flac", ".flac", "PCM_16"),
    Kind("44.1 kHz stereo WAV, to WAV of floats", 44_100, 2, ".wav", "wav", ".wav", "FLOAT"),
    Kind("44.1 kHz stereo WAV, to FLAC of 24 bits", 44_100, 2, ".wav", "flac", ".flac", "PCM_24"),
)


def speech_like(rate_hz: int, num_channels: int, seed: int) -> NDArray[np.float64]:
    """Harmonics of a gliding voice with pauses and a little noise, shape (num_frames, num_channels)."""
    chance = np.random.default_rng(seed)
    time_s = np.arange(round(CLIP_S * rate_hz)) / rate_hz
    phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(2 * np.pi * 0.5 * time_s + seed)) / rate_hz
    voice = sum(np.sin(number * phase) / number**1.5 for number in range(1, 12))
    envelope = np.clip(np.sin(2 * np.pi * 1.7 * time_s + seed), 0, None)
    noise = chance.normal(scale=0.002, size=(len(time_s), num_channels))
    samples: NDArray[np.float64] = (0.12 * voice * envelope)[:, None] + noise
    return samples


def write_data(folder: Path, kind: Kind, num_clips: int) -> Path:
    """A manifest of ``num_clips`` utterances over some files: earmark decodes each file as often as it is named."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(NUM_FILES):
        path = folder / f"{number}{kind.suffix}"
        if not path.exists():
            soundfile.write(path, speech_like(kind.rate_hz, kind.num_channels, number), kind.rate_hz, subtype="PCM_16")
    manifest = folder / f"{num_clips}.jsonl"
    rows = (
        {"id": f"clip-{n}", "audio": f"{n % NUM_FILES}{kind.suffix}", "duration": CLIP_S, "text": "a b"}
        for n in range(num_clips)
    )
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return manifest


def stage(manifest: Path, out: Path, kind: Kind, *more: str) -> list[str]:
    """The command that stages a manifest."""
    flags = ["--to", str(out), "--audio-format", kind.audio_format, "--progress", "none", *more]
    return [sys.executable, "-m", "earmark", "stage", str(manifest), *flags]


def beside_the_bare_loop(folder: Path, kind: Kind, num_clips: int, num_runs: int) -> None:
    """Print the ratio of CPU seconds."""
    manifest = write_data(folder / f"{kind.rate_hz}", kind, num_clips)
    bare, ours = [], []
    for _ in range(num_runs):
        out = folder / "out"
        command = [sys.executable, "-c", BARE_LOOP, str(manifest), str(out), kind.staged_suffix, kind.staged_subtype]
        bare.append(run(command).cpu_s)
        shutil.rmtree(out)
        ours.append(run(stage(manifest, out, kind, "--engine", "inline")).cpu_s)
        shutil.rmtree(out)
    ratio = middle(ours) / middle(bare)
    print(f"{kind.name}: bare {middle(bare):.1f} CPU s, earmark {middle(ours):.1f}: {ratio:.3f} x (at most 1.15)")


def two_cores(folder: Path, kind: Kind, num_clips: int, num_runs: int) -> None:
    """Print the ratio of wall seconds."""
    manifest = write_data(folder / f"{kind.rate_hz}", kind, num_clips)
    wall: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(num_runs):
        for workers, seconds in wall.items():
            out = folder / "out"
            seconds.append(run(stage(manifest, out, kind, "--workers", workers)).wall_s)
            shutil.rmtree(out)
    ratio = middle(wall["1"]) / middle(wall["2"])
    each = ", ".join(f"{workers} worker{'s' * (workers > '1')} {middle(wall[workers]):.1f} s" for workers in wall)
    print(f"{kind.name}: {each}: {ratio:.2f} x the throughput (at least 1.8)")


def memory(folder: Path, kind: Kind, most: int) -> None:
    """Print the peak memory of the driver, which works itself, at two sizes."""
    for num_clips in (1_000, most):
        out = folder / "out"
        manifest = write_data(folder / f"{kind.rate_hz}", kind, num_clips)
        cost = run(stage(manifest, out, kind, "--engine", "inline"))
        shutil.rmtree(out)
        print(f"{num_clips:>7,} clips: peak {cost.peak_mib:.0f} MiB, {cost.wall_s:.0f} s")


def main() -> None:
    """Print the ratios and the peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=3_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--most", type=int, default=20_000)
    arguments = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in KINDS:
            beside_the_bare_loop(folder, kind, arguments.clips, arguments.runs)
        two_cores(folder, KINDS[0], arguments.clips, arguments.runs)
        memory(folder, KINDS[0], arguments.most)


if __name__ == "__main__":
    main()
