"""Planning and resuming from ten thousand to a million utterances.

``python benchmarks/plan.py [--most N]``: for each size, in fresh processes: plan (read the JSONL manifest, check every
file and id, write the utterances, the spec and the plan, hand out the first shard), and resume with half of the batches
done (read the same back, find what is left, hand out the first shard). CPU and wall seconds and the peak memory of the
whole process, imports included. A million must take under 30 s and 1 GiB; the cost for each utterance should be flat.

The utterances are pieces of a hundred small files. The half that is done is made here, and not measured.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from _measure import machine, run

STAGE = """
import sys
from earmark.planning.plan import shards
from earmark.recognizers.doubles import Slow
from earmark.reports.live import LiveScores
from earmark.reports.mistakes import MistakesExport
from earmark.sources import open_source
from earmark.spec import BatchingSpec
from earmark.store.reader import done_batches
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.verbs.prepare import indexed, prepare

source = open_source(sys.argv[1])
store = RunStore.at(sys.argv[2])
recognizer = Slow()
utterances = indexed(store, source, missing_audio="error")
run = prepare(store, recognizer, source, utterances, BatchingSpec())
progress = store.progress(run.spec)
done = done_batches(store.folder, run.plan, progress)
export = MistakesExport(store.folder, run8=run.spec.fingerprint()[:8], num_ranks=1)
LiveScores(store.folder, run.utterances, load_normalizer("none"), export).catch_up(progress.receipts, run.plan)
queue = shards(run.utterances, run.plan, run.audio_root, done, num_workers=8)
first = next(queue)
print(len(run.plan), int(done.sum()), first.num_segments)
"""

HALF = """
import sys
from itertools import islice
from earmark.planning.plan import shards
from earmark.recognizers.doubles import Slow
from earmark.records import Hypothesis
from earmark.reports.mistakes import MistakesExport
from earmark.sources import open_source
from earmark.spec import BatchingSpec
from earmark.store.reader import done_batches
from earmark.store.run import RunStore
from earmark.verbs.prepare import indexed, prepare
from earmark.worker import Transcription

source = open_source(sys.argv[1])
store = RunStore.at(sys.argv[2])
run = prepare(store, Slow(), source, indexed(store, source, missing_audio="error"), BatchingSpec())
work = Transcription(Slow(), run.spec, store.folder, "half")
export = MistakesExport(store.folder, run8=run.spec.fingerprint()[:8], num_ranks=1)
done = done_batches(store.folder, run.plan, store.progress(run.spec))
committed = 0
for shard in shards(run.utterances, run.plan, run.audio_root, done, num_workers=8):
    work.give_up(shard, rank=0, reason="not transcribed: a benchmark's stand-in")
    export.add(0, [segment.index for batch in shard.batches for segment in batch.segments], [])
    committed += shard.num_segments
    if committed * 2 >= len(run.plan):
        break
export.flush()
"""


def write_manifest(folder: Path, num_utterances: int) -> Path:
    """A manifest of pieces, 1 to 35 s long, with texts of a real length."""
    chance = random.Random(0)
    for number in range(100):
        soundfile.write(folder / f"{number}.wav", np.zeros(16_000, dtype=np.float32), 16_000)
    text = "the quick brown fox jumps over the lazy dog and then it sleeps for an hour or two in the shade of a tree"
    path = folder / f"{num_utterances}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(num_utterances):
            row = {
                "id": f"speaker{number % 251}-chapter{number % 17}-{number:07d}",
                "audio": f"{number % 100}.wav",
                "start": 0.0,
                "duration": round(min(35.0, chance.lognormvariate(1.8, 0.6)), 3),
                "text": text[: 20 + chance.randrange(80)],
                "speaker": str(number % 251),
            }
            file.write(json.dumps(row) + "\n")
    return path


def main() -> None:
    """Print a row a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1_000_000)
    most = parser.parse_args().most
    print(machine())
    print(f"{'utterances':>10}  {'stage':<7} {'CPU s':>7} {'wall s':>7} {'us each':>8} {'peak MiB':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in (size for size in (10_000, 30_000, 100_000, 300_000, 1_000_000) if size <= most):
            manifest, out = str(write_manifest(folder, size)), str(folder / f"run-{size}")
            for stage, script in (("plan", STAGE), ("", HALF), ("resume", STAGE)):
                cost = run([sys.executable, "-c", script, manifest, out])
                if stage:
                    each = 1e6 * cost.cpu_s / size
                    print(
                        f"{size:>10,}  {stage:<7} {cost.cpu_s:7.1f} {cost.wall_s:7.1f} {each:8.1f} {cost.peak_mib:9.0f}"
                    )


if __name__ == "__main__":
    main()
