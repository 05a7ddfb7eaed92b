"""What runs in a container: one shard done and made durable on a Volume, or a function called where the audio is.

Both sides are of one version of earmark, so values travel as they are. A recognizer stays loaded from one shard to the
next. A part is a file of its own on the Volume, so that no two containers ever write one file, and it is committed
before anybody is told of it.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.engines.distant import MovableWork
from earmark.errors import EarmarkError, sentence_of
from earmark.records import Receipt, Shard

_PARTS = "parts"


@dataclass(frozen=True, slots=True)
class Task:
    """A shard to be done: ``work`` is a pickled MovableWork, ``folder`` where its part goes, ``volume`` what holds it.

    No Volume is committed where ``volume`` is None.
    """

    ticket: int
    work: bytes
    shard: Shard
    rank: int
    folder: str
    volume: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the task with that ticket: a receipt with its part, an error that ends the run, or a failure.

    A ``failure`` is a sentence; the shard may be tried again. Where not ``is_loaded``, nobody has tried it yet: the
    work itself could not be entered.
    """

    ticket: int
    receipt: Receipt | None = None
    part: bytes = b""
    error: EarmarkError | None = None
    failure: str = ""
    is_loaded: bool = True


class _Loaded:
    """The work that this container has entered, if any: a container serves one run, so one is enough."""

    def __init__(self) -> None:
        self._digest = ""
        self._work: MovableWork | None = None

    def get(self, task: Task) -> MovableWork:
        digest = hashlib.sha256(task.work + task.folder.encode()).hexdigest()
        if self._work is None or digest != self._digest:
            self.leave()
            work: MovableWork = pickle.loads(task.work)  # noqa: S301  # our own, from the driver that started us
            self._work, self._digest = work.at(task.folder).__enter__(), digest
        return self._work

    def leave(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.__exit__(None, None, None)


_loaded = _Loaded()


def do(task: Task) -> Answer:
    """Do a shard, commit its part to the Volume, and give it back.

    An error of ours is an answer, so that nobody tries again what cannot succeed. So is anything else that is raised:
    in Modal's map it would be an exception that does not say whose it is.
    """
    is_loaded = False
    try:
        work = _loaded.get(task)
        is_loaded = True
        receipt = work(task.shard, rank=task.rank, stop=_never)
        if receipt is None:
            return Answer(task.ticket)
        commit(task.volume)
        return Answer(task.ticket, receipt, work.part(receipt))
    except EarmarkError as error:
        commit(task.volume)  # what was done before it lasts, too
        return Answer(task.ticket, error=error)
    except Exception as error:  # noqa: BLE001  # a recognizer may raise anything; the driver hears what it was
        return Answer(task.ticket, failure=sentence_of(error), is_loaded=is_loaded)


def leave() -> None:
    """Let go of what was loaded."""
    _loaded.leave()


def call(function: Callable[..., Any], arguments: Sequence[Any], named: Mapping[str, Any], volume: str | None) -> Any:  # noqa: ANN401  # whatever it gives
    """Call a function of earmark's here, and commit what it wrote. An error of ours is given, not raised."""
    try:
        found = function(*arguments, **named)
    except EarmarkError as error:
        found = error
    commit(volume)
    return found


def parts_in(folder: str, have: Sequence[str]) -> list[tuple[str, bytes]]:
    """The parts in ``folder`` whose names are not among those that somebody has, with their bytes; a few at a time."""
    found: list[tuple[str, bytes]] = []
    size_bytes = 0
    known = set(have)
    for path in sorted(Path(folder, _PARTS).glob("*.parquet")):
        name = f"{_PARTS}/{path.name}"
        if name in known or path.name.startswith("."):
            continue
        found.append((name, path.read_bytes()))
        size_bytes += len(found[-1][1])
        if size_bytes > _MOST_BYTES:
            break
    return found


_MOST_BYTES = 64 * 2**20


def commit(volume: str | None) -> None:
    """Make what was written to a mounted Volume last, and seen by everybody."""
    if volume is not None:
        import modal

        modal.Volume.from_name(volume).commit()


def _never() -> bool:
    """A container hears of no stop: the driver gives it nothing more."""
    return False
