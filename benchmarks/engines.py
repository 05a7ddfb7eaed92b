"""Two workers against one, and what a shard costs, for every engine of one machine.

``python benchmarks/engines.py [--engines inline processes torchrun ray] [--runs N]``: runs of ``evaluate`` over made-up
audio with a double that sleeps 50 ms for each second of audio, and with one that computes as long. Rates are taken
after the first results, so that start-up does not count. Two workers must do at least 1.9 times the work of one asleep,
and on two free cores 1.6 times when they compute (processes: 1.85). The cost of a shard is that of one in which nothing
is done and nothing is written: at most 5 ms (processes) and 15 ms (ray).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import soundfile
from _measure import machine, middle

from earmark.engines import ENGINES
from earmark.engines.options import EngineOptions
from earmark.recognizers.doubles import Echo
from earmark.records import AudioRef, Batch, Probe, Receipt, Segment, Shard, StopCheck, Waveform
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import RunProgressed

ENGINE_NAMES = ("inline", "processes", "torchrun", "ray")
LEAST = {"asleep": {}, "computing": {"processes": 1.85}}
LEAST_OF_OTHERS = {"asleep": 1.9, "computing": 1.6}
MOST_MS = {"processes": 5.0, "ray": 15.0}
_NUM_UTTERANCES = 320
_DURATION_S = 2.0
_WORK_S_PER_AUDIO_S = 0.05
_WARM_UP_RESULTS = 6
_NUM_EMPTY_SHARDS = 500


class Asleep(Echo):
    """Sleeps for a twentieth of the audio."""

    name = "asleep"

    def text(self, waveform: Waveform) -> str:
        """The text, later."""
        time.sleep(waveform.duration_s * _WORK_S_PER_AUDIO_S)
        return super().text(waveform)


class Computing(Echo):
    """Keeps a processor busy for as long, counted in its own seconds of processor time."""

    name = "computing"

    def text(self, waveform: Waveform) -> str:
        """The text, after so much work."""
        until_s = time.thread_time() + waveform.duration_s * _WORK_S_PER_AUDIO_S
        while time.thread_time() < until_s:
            sum(range(1000))
        return super().text(waveform)


DOUBLES = {"asleep": Asleep, "computing": Computing}


@dataclass
class Clock:
    """Notes when how much audio was done."""

    seen: list[tuple[float, float]] = field(default_factory=list)

    def __call__(self, event: object) -> None:
        """Hear one event of a run."""
        if isinstance(event, RunProgressed):
            self.seen.append((time.monotonic(), event.audio_s))

    def rate(self) -> float:
        """Seconds of audio a second, once the first results are in."""
        (began_s, before_s), (ended_s, after_s) = self.seen[_WARM_UP_RESULTS], self.seen[-1]
        return (after_s - before_s) / (ended_s - began_s)


class Nothing:
    """Work in which nothing is done."""

    def __enter__(self) -> Self:
        """Nothing to load."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to free."""

    def __call__(self, shard: Shard, *, rank: int, stop: StopCheck) -> Receipt | None:
        """A receipt for no part."""
        del stop
        return Receipt(
            part="", spec_fingerprint="", batches=(shard.batches[0].id,), num_piece_rows=0, num_rows=1, num_failed=0,
            num_splits=0, audio_s=1.0, compute_s=0.0, wait_s=0.0, worker_s=0.0, rank=rank, device="cpu", host="",
            attempt="", versions={},
        )  # fmt: skip

    def give_up(self, shard: Shard, *, rank: int, reason: str) -> Receipt:
        """Nobody dies here."""
        raise AssertionError(f"{shard} on {rank}: {reason}")

    def probing(self) -> AbstractContextManager[Probe]:
        """Nothing is written, so it meets."""
        return nullcontext(meets)


def meets() -> None:
    """A probe that finds nothing wrong."""


def make_data(folder: Path) -> Path:
    """A manifest of silence, all of one length."""
    soundfile.write(folder / "silence.wav", np.zeros(round(_DURATION_S * 16_000), np.float32), 16_000)
    row = {"audio": str(folder / "silence.wav"), "text": "one two", "duration": _DURATION_S}
    lines = [json.dumps({"id": f"u{number:04d}", **row}) for number in range(_NUM_UTTERANCES)]
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "manifest.jsonl"


def measure_rate(engine: Any, workers: int, kind: str, folder: Path) -> None:  # noqa: ANN401  # a name of evaluate's
    """Print the rate of one run and its hash of scores, as JSON; under torchrun the first rank does."""
    clock = Clock()
    out = folder / f"{engine}-{workers}-{kind}-{time.time_ns()}" if engine != "torchrun" else folder / f"t-{kind}"
    summary = evaluate(
        DOUBLES[kind](), folder / "manifest.jsonl", out=out, engine=engine, workers=workers, observer=clock,
        max_batch_s=_DURATION_S,
    )  # fmt: skip
    if clock.seen:
        print(json.dumps({"rate": clock.rate(), "hash": summary.scores_hash}), flush=True)


def measure_cost(engine: str) -> None:
    """Print the milliseconds that an empty shard costs with one worker."""
    segment = Segment(0, 0, 1, "u", AudioRef("x.wav"))
    shards = (Shard((Batch(number, (segment,)),)) for number in range(_NUM_EMPTY_SHARDS))
    times = [
        time.monotonic()
        for _ in ENGINES.load(engine)(EngineOptions(num_workers=1)).run(Nothing(), shards, stop=lambda: False)
    ]
    print(json.dumps({"cost_ms": (times[-1] - times[0]) / (len(times) - 1) * 1000}), flush=True)


def asked(engine: str, workers: int, *words: str) -> dict[str, Any]:
    """What a process of its own says of one measurement."""
    start = ["-m", "torch.distributed.run", f"--nproc-per-node={workers}"] if engine == "torchrun" else []
    done = subprocess.run(
        [sys.executable, *start, __file__, "--one", engine, str(workers), *words],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def compare(engine: str, kind: str, runs: int) -> None:
    """Print what two workers do against one, taking turns."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    hashes = set()
    for _ in range(runs):
        for workers in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                make_data(Path(folder))
                answer = asked(engine, workers, kind, folder)
            rates[workers].append(answer["rate"])
            hashes.add(answer["hash"])
    least = LEAST[kind].get(engine, LEAST_OF_OTHERS[kind])
    said = f"{middle(rates[2]) / middle(rates[1]):.2f} x (at least {least}), scores {' '.join(sorted(hashes))[:12]}"
    print(
        f"{engine}, {kind}: one {middle(rates[1]):.1f}, two {middle(rates[2]):.1f} audio s a second: {said}", flush=True
    )


def main() -> None:
    """Print a line for each engine and double."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", nargs="+", default=ENGINE_NAMES, choices=ENGINE_NAMES)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    match arguments.one:
        case [engine, workers, kind, folder]:
            measure_rate(engine, int(workers), kind, Path(folder))
            return
        case [engine, _]:
            measure_cost(engine)
            return
    print(machine())
    for engine in arguments.engines:
        if engine != "torchrun":  # its shards are handed over by the ranks themselves
            cost_ms = asked(engine, 1)["cost_ms"]
            print(f"{engine}: a shard costs {cost_ms:.2f} ms (at most {MOST_MS.get(engine, 1.0)})", flush=True)
        for kind in DOUBLES if engine != "inline" else ():
            compare(engine, kind, arguments.runs)


if __name__ == "__main__":
    main()
