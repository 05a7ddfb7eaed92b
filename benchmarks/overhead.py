"""How much earmark adds to a bare loop that decodes the same audio and calls the same recognizer.

``python benchmarks/overhead.py [--limit N] [--runs N]``: CPU seconds of whole processes, start-up, planning, commits,
scoring and summary included, taking turns. Must be at most 1.05.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from _measure import machine, middle, real_data, run

BARE_LOOP = """
import json, sys
from pathlib import Path
import numpy as np, soundfile, soxr
from pocketsphinx import Decoder

decoder = Decoder(loglevel="FATAL")
manifest = Path(sys.argv[1])
for line in manifest.read_text().splitlines()[: int(sys.argv[2])]:
    samples, rate = soundfile.read(manifest.parent / json.loads(line)["audio"], dtype="float32", always_2d=True)
    mono = soxr.resample(samples.mean(axis=1), rate, 16000) if rate != 16000 else samples[:, 0]
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(np.clip(np.rint(mono * 32768), -32768, 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    print(decoder.hyp().hypstr if decoder.hyp() else "")
"""


def main() -> None:
    """Print the two costs and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=74)
    parser.add_argument("--runs", type=int, default=2)
    arguments = parser.parse_args()
    manifest = str(real_data() / "manifest.jsonl")
    print(machine())
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.runs):
            bare.append(run([sys.executable, "-c", BARE_LOOP, manifest, str(arguments.limit)]).cpu_s)
            command = [
                "eval",
                "pocketsphinx",
                "--data",
                manifest,
                "--limit",
                str(arguments.limit),
                "--engine",
                "inline",
            ]
            out = str(Path(folder) / str(number))
            ours.append(run([sys.executable, "-m", "earmark", *command, "--out", out]).cpu_s)
            print(f"run {number}: bare loop {bare[-1]:.1f} CPU s, earmark {ours[-1]:.1f} CPU s")
    print(f"{arguments.limit} utterances: earmark / bare loop = {middle(ours) / middle(bare):.3f} (at most 1.05)")


if __name__ == "__main__":
    main()
