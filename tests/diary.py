"""Work of the engines' tests that does what its shards say, and keeps a diary of it in empty files.

Workers import this module to know their work, again and again, so it imports little; above all no pytest.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import UnknownNameError
from earmark.records import AudioRef, Batch, Engine, Receipt, Segment, Shard

PATIENCE_S = 20.0


def shard(*batches: str, number: int = 0) -> Shard:
    """A shard of batches, each given as the ids of its segments, ``"a b"``."""
    return Shard(
        tuple(
            Batch(number + place, tuple(Segment(0, 0, 1, word, AudioRef("x.wav")) for word in words.split()))
            for place, words in enumerate(batches)
        )
    )


def plain_shards(num_shards: int) -> list[Shard]:
    return [shard(f"s{number}", number=number) for number in range(num_shards)]


def ids(of: Shard) -> list[str]:
    return [segment.id for batch in of.batches for segment in batch.segments]


def wait_until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return answer


def is_running(pid: int) -> bool:
    """Whether there is such a process; a dead one that nobody has waited for is not running."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # one that is waited for between the opening and the reading gives another than one that is gone
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def fits_everywhere() -> None:
    """A probe that finds nothing wrong."""


@dataclass
class Diary:
    """Work that keeps a diary of empty files, and does what the ids of a shard's segments say."""

    folder: str
    entering: str = ""

    def note(self, what: str) -> None:
        Path(self.folder, f"{what}~{time.monotonic_ns()}~{os.getpid()}").touch()

    def noted(self, what: str) -> list[str]:
        """The entries of one kind, in the order of time, without it."""
        found = (path.name.split("~") for path in Path(self.folder).iterdir())
        return [name for _, name in sorted((int(when), name) for name, when, _ in found if name.startswith(what))]

    def pids(self, what: str) -> list[int]:
        found = (path.name.split("~") for path in Path(self.folder).iterdir())
        return [pid for _, pid in sorted((int(when), int(pid)) for name, when, pid in found if name.startswith(what))]

    def __enter__(self):
        self.note("entered")
        if self.entering == "exit":
            os._exit(3)
        if self.entering == "raise":
            raise UnknownNameError("checkpoint", "bset", ["best", "last"])
        if self.entering == "every-other-time" and len(self.noted("entered")) % 2:
            os._exit(3)
        if self.entering == "only-one-fits":
            try:
                Path(self.folder, "seat~0~0").touch(exist_ok=False)
            except FileExistsError:
                self.note("did-not-fit")
                os._exit(3)
        return self

    def __exit__(self, kind, error, trace):
        self.note("left")

    def __call__(self, shard, *, rank, stop):
        if stop():
            return None
        for word in ids(shard):
            self.note(f"began {word} on {rank}")
            self.do(word.partition("-")[0], word, stop)
        self.note(f"done {' '.join(ids(shard))}")
        return self.receipt(shard, rank)

    def do(self, action: str, word: str, stop: Callable[[], bool]) -> None:
        """Follow the first part of a segment's id; most ids say nothing."""
        if action in ("SIGKILL", "SIGSEGV"):
            os.kill(os.getpid(), signal.Signals[action])
        elif action in ("raise", "surprise"):
            raise UnknownNameError("word", word, ["best", "last"]) if action == "raise" else LookupError(word)
        elif action == "exit":
            os._exit(7)
        elif action == "once" and len(self.noted(f"began {word}")) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            self.wait(action, stop)

    def wait(self, action: str, stop: Callable[[], bool]) -> None:
        if action == "together":
            assert wait_until(lambda: len(self.noted("began together")) > 1)
        elif action == "patient":
            wait_until(lambda: len(self.noted("did-not-fit")) > 2)
        elif action == "stopping":
            assert wait_until(stop)
            self.note("heard stopping-a")
            os.kill(os.getpid(), signal.SIGKILL)
        elif action == "forever":
            time.sleep(1000)

    def give_up(self, shard, *, rank, reason):
        self.note(f"gave up {' '.join(ids(shard))}")
        return self.receipt(shard, rank, reason)

    def probing(self):
        return contextlib.nullcontext(fits_everywhere)

    def receipt(self, shard: Shard, rank: int, reason: str = "") -> Receipt:
        return Receipt(
            part=" ".join(ids(shard)),
            spec_fingerprint="f",
            batches=tuple(batch.id for batch in shard.batches if not batch.is_split),
            num_piece_rows=0,
            num_rows=shard.num_segments,
            num_failed=shard.num_segments if reason else 0,
            num_splits=0,
            audio_s=0.0,
            compute_s=0.0,
            wait_s=0.0,
            worker_s=0.0,
            rank=rank,
            device=reason,
            host=str(os.getpid()),
            attempt="",
            versions={},
        )


def never() -> bool:
    return False


def run(engine: Engine, work: Diary, shards: list[Shard]) -> list[Receipt]:
    return list(engine.run(work, iter(shards), stop=never))
