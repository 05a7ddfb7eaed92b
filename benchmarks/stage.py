"""What staging costs beside a bare loop, what a second core gains, and what memory does as files become many.

``python benchmarks/stage.py [--clips N] [--runs N] [--most N] [--only cost|cores|memory]``: whole processes over
generated clips of 8 s, taking turns, start-up included. earmark does all that it does: index, checks, SHA-256, sync,
parts, table.

*Cost*, in CPU seconds. The bare loop decodes, takes the mean of the channels, resamples and encodes with soundfile and
soxr, to the coding that earmark chooses, with libsndfile's own settings, and checks and syncs nothing. At most 1.15 x.

*Cores*, in wall seconds: one worker held to one core and two workers on two, over six times ``--clips`` where a clip
is little work, so that start-up is a small part. At least 1.8 x. Beside them one worker that is free to use both cores,
where the thread that syncs, the driver and the disk's own work in the kernel run on the other one. To the disk, and to
memory (``/dev/shm``), where cores alone are left. And two bare loops at once against one after the other, which is what
the machine gives at all: a core that other tenants use is not one.

*Memory*: the peak of a process that works itself, at 1,000 and at ``--most`` clips.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from _measure import Cost, machine, middle, run
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
HOLD = "import os, sys; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); os.execv(sys.argv[1], sys.argv[1:])"
ON_ONE_CORE = [sys.executable, "-c", HOLD]
CLIP_S = 8.0
CLIP_BYTES = 256_044  # as a WAV of 16 bits; of those that are larger there are fewer
TIMES = 6
NUM_FILES = 50
IN_MEMORY = Path("/dev/shm")  # noqa: S108  # a benchmark's files, in a folder of a new name


@dataclass(frozen=True)
class Kind:
    """What clips are like, and what earmark makes of them with ``audio_format``; ``work`` is relative to the least."""

    name: str
    rate_hz: int
    num_channels: int
    suffix: str
    audio_format: str
    staged_suffix: str
    staged_subtype: str
    work: int


KINDS = (
    Kind("16 kHz mono FLAC, to WAV of 16 bits", 16_000, 1, ".flac", "wav", ".wav", "PCM_16", 1),
    Kind("16 kHz mono FLAC, to FLAC of 16 bits", 16_000, 1, ".flac", "flac", ".flac", "PCM_16", 2),
    Kind("44.1 kHz stereo WAV, to WAV of floats", 44_100, 2, ".wav", "wav", ".wav", "FLOAT", 5),
    Kind("44.1 kHz stereo WAV, to FLAC of 24 bits", 44_100, 2, ".wav", "flac", ".flac", "PCM_24", 5),
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


def bare(manifest: Path, out: Path, kind: Kind) -> Cost:
    """The bare loop; what it wrote is removed."""
    cost = run([sys.executable, "-c", BARE_LOOP, str(manifest), str(out), kind.staged_suffix, kind.staged_subtype])
    shutil.rmtree(out)
    return cost


def staged(manifest: Path, out: Path, kind: Kind, *more: str, launcher: Sequence[str] = ()) -> Cost:
    """The same by earmark."""
    flags = ["--to", str(out), "--audio-format", kind.audio_format, "--progress", "none", *more]
    cost = run([*launcher, sys.executable, "-m", "earmark", "stage", str(manifest), *flags])
    shutil.rmtree(out)
    return cost


def beside_the_bare_loop(folder: Path, kind: Kind, num_clips: int, num_runs: int) -> None:
    """Print the ratio of CPU seconds."""
    manifest = write_data(folder / f"{kind.rate_hz}", kind, num_clips)
    loop, ours = [], []
    for _ in range(num_runs):
        loop.append(bare(manifest, folder / "out", kind).cpu_s)
        ours.append(staged(manifest, folder / "out", kind, "--engine", "inline").cpu_s)
    ratio = middle(ours) / middle(loop)
    print(f"{kind.name}: bare {middle(loop):.1f} CPU s, earmark {middle(ours):.1f}: {ratio:.3f} x (at most 1.15)")


def two_cores(folder: Path, target: Path, kind: Kind, num_clips: int, num_runs: int) -> None:
    """Print what two workers gain over one, and what two bare loops gain, writing below ``target``."""
    manifest = write_data(folder / f"{kind.rate_hz}", kind, num_clips)
    half = write_data(folder / f"{kind.rate_hz}", kind, num_clips // 2)
    out = target / "out"
    held, one, two, pairs = [], [], [], []
    for _ in range(num_runs):
        held.append(staged(manifest, out, kind, "--workers", "1", launcher=ON_ONE_CORE))
        one.append(staged(manifest, out, kind, "--workers", "1"))
        two.append(staged(manifest, out, kind, "--workers", "2"))
        pairs.append(gain_of_a_pair(half, target, kind))
    held_s, one_s, two_s = (middle([cost.wall_s for cost in costs]) for costs in (held, one, two))
    held_cpu_s, two_cpu_s = (middle([cost.cpu_s for cost in costs]) for costs in (held, two))
    print(
        f"{kind.name}, {num_clips:,} clips: one core {held_s:.1f} s ({held_cpu_s:.1f} CPU s), two {two_s:.1f} s "
        f"({two_cpu_s:.1f}): {held_s / two_s:.2f} x (at least 1.8); one worker on both {one_s:.1f} s: "
        f"{one_s / two_s:.2f} x; two bare loops {middle(pairs):.2f} x",
        flush=True,
    )


def gain_of_a_pair(manifest: Path, target: Path, kind: Kind) -> float:
    """How many times the throughput of a bare loop two of them have that run at once."""
    alone_s = bare(manifest, target / "bare", kind).wall_s
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(lambda name: bare(manifest, target / name, kind).wall_s, ("first", "second")))
    return 2 * alone_s / max(both)


def cores(folder: Path, kinds: Sequence[Kind], num_clips: int, num_runs: int) -> None:
    """Print the gain to the disk, and to memory where there is room."""
    print("to the disk:", flush=True)
    for kind in kinds:
        two_cores(folder, folder, kind, TIMES * num_clips // kind.work, num_runs)
    needed = 2 * TIMES * num_clips * CLIP_BYTES
    if not IN_MEMORY.is_dir() or shutil.disk_usage(IN_MEMORY).free < needed:
        print(f"to memory: not measured, as {IN_MEMORY} has no room of {needed / 1e9:.0f} GB")
        return
    print(f"to memory ({IN_MEMORY}):", flush=True)
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as target:
        for kind in kinds:
            two_cores(folder, Path(target), kind, TIMES * num_clips // kind.work, num_runs)


def memory(folder: Path, kind: Kind, most: int) -> None:
    """Print the peak memory of the driver, which works itself, at two sizes."""
    for num_clips in (1_000, most):
        manifest = write_data(folder / f"{kind.rate_hz}", kind, num_clips)
        cost = staged(manifest, folder / "out", kind, "--engine", "inline")
        print(f"{num_clips:>7,} clips: peak {cost.peak_mib:.0f} MiB, {cost.wall_s:.0f} s", flush=True)


def main() -> None:
    """Print the ratios and the peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1_500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--most", type=int, default=20_000)
    parser.add_argument("--only", choices=["cost", "cores", "memory"])
    arguments = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.only in (None, "cost"):
            for kind in KINDS:
                beside_the_bare_loop(folder, kind, arguments.clips, arguments.runs)
        if arguments.only in (None, "cores"):
            cores(folder, [KINDS[0], KINDS[1], KINDS[3]], arguments.clips, arguments.runs)
        if arguments.only in (None, "memory"):
            memory(folder, KINDS[0], arguments.most)
    print(f"load after {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
