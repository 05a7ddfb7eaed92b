"""Which processes use what the cache holds, so that cleaning it takes nothing from under them.

::

    locks/use-<digits>.lock   held by a process from its first use until it ends; its time is that of the first use

What a process uses is also given the time of that use, since many disks write down a reading once a day or never. So
all that was used since the oldest of these processes began may be wanted still. Only its owner may give a file a time:
what belongs to another user than one of these processes may be wanted, too, whatever its time. Nothing else is; but of
a process that may not write in ``locks``, nobody knows. Times are compared, so the clocks of machines that share a
cache must agree.

Knows the disk, and nothing of what is in the cache.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

_MARK = re.compile(r"use-[0-9a-f]{16}\.lock")
_LOCK = re.compile(r"([0-9a-f]{64}|unpacked-[0-9a-f]{64}|embedded-[0-9a-f]{32}|use-[0-9a-f]{16})\.lock")
_HELD: dict[tuple[int, Path], BaseFileLock] = {}
"""The marks of this process, by its number: a fork has none of its own yet."""
_MARKING = threading.Lock()


def lock_of(path: Path) -> BaseFileLock:
    """A lock of the operating system, which a dead holder does not keep; an error where the disk has none."""
    from filelock import FileLock

    # A mere file would be kept by a dead holder. In a thread of a pool it is to last longer than the thread.
    return FileLock(path, fallback_to_soft=False, preserve_lock_file=True, thread_local=False)


def use(folder: Path, path: Path) -> None:
    """Say that this process reads the file or folder ``path`` of the cache ``folder`` from now on, until it ends.

    Whether it is there still is to be looked at afterwards. A cache that this process may only read takes no mark, and
    is read all the same: its owner should not clean it meanwhile.
    """
    with contextlib.suppress(OSError):
        _mark(folder)
    with contextlib.suppress(OSError):
        found = path.stat()
        os.utime(path) if path.is_dir() else os.utime(path, ns=(time.time_ns(), found.st_mtime_ns))


@dataclass(frozen=True, slots=True)
class Living:
    """The other processes that use a cache: when the oldest began to, in seconds since 1970, and their user ids."""

    since_s: float = float("inf")
    owners: frozenset[int] = frozenset()

    def may_use(self, used_s: float, owner: int | None) -> bool:
        """Whether one of them may read what was last used at ``used_s`` and belongs to the user id ``owner``."""
        return used_s >= self.since_s or not self.owners <= {owner}


def living(folder: Path) -> Living:
    """The processes that use the cache ``folder``, but for this one. Raises OSError."""
    own = {lock.lock_file for (process, _), lock in _HELD.items() if process == os.getpid()}
    held = [found for path in _locks(folder, _MARK) if str(path) not in own and (found := _held(path)) is not None]
    if not held:
        return Living()
    return Living(min(one.st_mtime for one in held), frozenset(one.st_uid for one in held))


def remove_free_locks(folder: Path) -> None:
    """Remove the lock files that nobody holds, also those of processes that died. Raises OSError."""
    for path in _locks(folder, _LOCK):
        with at_once(path) as is_free, contextlib.suppress(PermissionError):  # another user's
            if is_free:
                path.unlink(missing_ok=True)  # whoever opened it just now sees that it has no name, and makes another


@contextlib.contextmanager
def at_once(path: Path) -> Iterator[bool]:
    """Hold the lock at ``path`` for the length of the block; False where another has it, who is not waited for.

    One of another user that may not be opened counts as held: who has it cannot be asked.
    """
    from filelock import Timeout

    lock = lock_of(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, PermissionError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _mark(folder: Path) -> None:
    key = (os.getpid(), folder)
    with _MARKING:
        if key in _HELD:
            return
        path = folder / "locks" / f"use-{secrets.token_hex(8)}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_of(path)
        lock.acquire()
        os.utime(path)
        _HELD[key] = lock
        atexit.register(_unmark, key)


def _unmark(key: tuple[int, Path]) -> None:
    """At the end of a process, unless it is killed, or a fork of the one that made the mark."""
    if key[0] == os.getpid():
        lock = _HELD.pop(key)
        with contextlib.suppress(OSError):
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _held(path: Path) -> os.stat_result | None:
    """When a mark was made, and whose it is; None where nobody holds it."""
    with contextlib.suppress(FileNotFoundError):
        found = path.stat()
        with at_once(path) as is_free:
            return None if is_free else found
    return None


def _locks(folder: Path, form: re.Pattern[str]) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return sorted(path for path in (folder / "locks").iterdir() if form.fullmatch(path.name))
    return []
