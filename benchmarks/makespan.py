"""How well the planner's queue keeps 1 to 1,024 workers busy, simulated, and what planning costs at ten million.

``python benchmarks/makespan.py``: for three corpora of the scale of LibriSpeech's test sets, planned and cut into
shards by the real planner, how long the last worker takes, as a multiple of the lower bound: all the work evenly, or
the longest batch. With workers of one speed, and with one in four at half of it. An utterance costs 20 ms and a
hundredth of its length, a shard 5 ms beside its work, which the bound leaves out; mean of five corpora. At most 1.05 up
to 64 workers, one utterance at a time and in batches of 64 s. ``--utterance-s`` is another cost of an utterance: the
planner does not know it, nor any speed.

``python benchmarks/makespan.py --planning``: CPU seconds and peak memory of cutting batches and handing out all shards
of 1 and 10 million utterances, in fresh processes. Both should be flat for each utterance.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from _measure import machine
from numpy.typing import NDArray

from earmark import schema
from earmark.planning.makespan import lower_bound_s, makespan_s
from earmark.planning.plan import make_plan, shard_rows
from earmark.planning.queue_order import in_turn
from earmark.spec import BatchingKind, BatchingSpec, DataSpec, RecognizerSpec, RunSpec

NUM_UTTERANCES = 10_480
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
PROMISED_UP_TO = 64
PROMISED = 1.05
AUDIO_PER_S = 100.0
SHARD_S = 0.005
PIECE_S = 30.0
"""What a model such as Whisper takes in one piece: longer audio is cut before it is planned."""
SEEDS = 5

Durations = NDArray[np.float64]

PLANNING = """
import sys, time, resource
import numpy as np
import pyarrow as pa
from earmark import schema
from earmark.planning.plan import make_plan, shard_rows
from earmark.planning.queue_order import in_turn
from earmark.spec import BatchingSpec, DataSpec, RecognizerSpec, RunSpec
number = int(sys.argv[1])
duration_s = np.random.default_rng(0).lognormal(np.log(6.2), 0.6, number).clip(1.3, 35.0)
columns = {name: pa.nulls(number, schema.UTTERANCES.field(name).type) for name in schema.UTTERANCES.names}
columns |= {"index": np.arange(number), "duration_s": duration_s}
table = pa.table({name: columns[name] for name in schema.UTTERANCES.names})
spec = RunSpec(
    recognizer=RecognizerSpec(name="x", version="1"),
    data=DataSpec(name="", fingerprint="", audio_sample="", num_utterances=number),
    batching=BatchingSpec(),
)
before_s, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
plan = make_plan(table, schema.SEGMENTS.empty_table(), spec)
num_shards = sum(1 for _ in shard_rows(in_turn(plan, 64), 64))
took_s, peak = time.process_time() - before_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{number:>11,} {num_shards:>7,} {took_s:8.2f} {1e6 * took_s / number:9.3f} {peak - before:9.0f} "
      f"{(peak - before) * 2**20 / number:10.0f}")
"""


def librispeech(chance: np.random.Generator) -> Durations:
    """Log-normal around 6.2 s, from 1.3 to 35 s."""
    return chance.lognormal(np.log(6.2), 0.6, NUM_UTTERANCES).clip(1.3, 35.0)


def heavy_tailed(chance: np.random.Generator) -> Durations:
    """Pareto from 2 s, up to an hour."""
    return ((chance.pareto(1.15, NUM_UTTERANCES) + 1.0) * 2.0).clip(0.3, 3_600.0)


def concatenated(chance: np.random.Generator) -> Durations:
    """Nine commands of about 2 s for each recording of about 300 s, one corpus behind the other."""
    short = chance.lognormal(np.log(2.0), 0.3, NUM_UTTERANCES * 9 // 10)
    return np.concatenate([short, chance.lognormal(np.log(300.0), 0.4, NUM_UTTERANCES - len(short))])


def in_pieces(duration_s: Durations) -> Durations:
    """What is longer than a model takes, in equal pieces that it takes."""
    num_pieces = np.ceil(duration_s / PIECE_S).astype(int)
    return np.repeat(duration_s / num_pieces, num_pieces)


CORPORA: dict[str, Callable[[np.random.Generator], Durations]] = {
    "LibriSpeech-like": librispeech,
    "heavy tail, whole": heavy_tailed,
    "heavy tail, 30 s": lambda chance: in_pieces(heavy_tailed(chance)),
    "concatenated, whole": concatenated,
    "concatenated, 30 s": lambda chance: in_pieces(concatenated(chance)),
}


def planned(duration_s: Durations, kind: BatchingKind) -> pa.Table:
    """The plan of utterances of these lengths, by the real planner; batches of 64 s of padded audio."""
    table = pa.Table.from_pylist([{"index": 0, "id": "x", "audio": "x"}], schema.UTTERANCES).take([0] * len(duration_s))
    for name, values in (("index", np.arange(len(duration_s))), ("duration_s", duration_s)):
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    spec = RunSpec(
        recognizer=RecognizerSpec(name="simulated", version="1", batching=kind),
        data=DataSpec(name="", fingerprint="", audio_sample="", num_utterances=len(duration_s)),
        batching=BatchingSpec(max_batch_s=64.0),
    )
    return make_plan(table, schema.SEGMENTS.empty_table(), spec)


def ratio(plan: pa.Table, speeds: list[float], utterance_s: float) -> float:
    """The makespan as a multiple of the lower bound."""
    queue = in_turn(plan, len(speeds))
    ends_s = np.concatenate([[0.0], np.cumsum(utterance_s + queue.plan["duration_s"].to_numpy() / AUDIO_PER_S)])
    shard_costs_s = (ends_s[stop] - ends_s[row] for row, stop in shard_rows(queue, len(speeds)))
    batch_costs_s = np.diff(ends_s[np.append(0, queue.stops)])
    return makespan_s(shard_costs_s, speeds, dispatch_s=SHARD_S) / lower_bound_s(batch_costs_s, speeds)


def speeds_of(num_workers: int, *, is_mixed: bool) -> list[float]:
    """One worker in four at half speed, the last of each four; or all alike."""
    return [0.5 if is_mixed and rank % 4 == 3 else 1.0 for rank in range(num_workers)]  # noqa: PLR2004  # of four


def rows(utterance_s: float) -> Iterator[tuple[str, list[float]]]:
    """A row a corpus, kind of batch and mixture of speeds: its name and the ratios."""
    for kind, batches in (("single", "one by one"), ("masked", "64 s batches")):
        for name, corpus in CORPORA.items():
            plans = [planned(corpus(np.random.default_rng(seed)), kind) for seed in range(SEEDS)]  # type: ignore[arg-type]
            for is_mixed in (False, True):
                found = [
                    float(np.mean([ratio(plan, speeds_of(number, is_mixed=is_mixed), utterance_s) for plan in plans]))
                    for number in WORKERS
                ]
                yield f"{name}, {batches}{', mixed' if is_mixed else ''}", found


def main() -> None:
    """Print the table; exit with 1 where the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planning", action="store_true")
    parser.add_argument("--utterance-s", type=float, default=0.02)
    arguments = parser.parse_args()
    print(machine())
    if arguments.planning:
        print(
            f"{'utterances':>11} {'shards':>7} {'CPU s':>8} {'us each':>9} {'peak MiB':>9} {'bytes each':>10}",
            flush=True,
        )
        for number in (1_000_000, 10_000_000):
            show(number)
        return
    print(f"{'':<44}" + "".join(f"{number:>6}" for number in WORKERS))
    worst = 0.0
    for name, found in rows(arguments.utterance_s):
        print(f"{name:<44}" + "".join(f"{value:6.2f}" for value in found), flush=True)
        worst = max(worst, *found[: WORKERS.index(PROMISED_UP_TO) + 1])
    print(f"worst up to {PROMISED_UP_TO} workers: {worst:.3f}, promised {PROMISED}")
    sys.exit(worst > PROMISED)


def show(number: int) -> None:
    """Plan so many utterances in a fresh process, which says what it took."""
    import subprocess

    subprocess.run([sys.executable, "-c", PLANNING, str(number)], check=True)


if __name__ == "__main__":
    main()
