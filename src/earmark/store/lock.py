"""Who works in a folder. The locks are the operating system's, so a dead holder does not keep one.

One process drives a whole run; or several do, each one a share of it (``Sharing``). The two exclude each other, since
the one would do again what the others are doing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from earmark.errors import FolderError, RunLockedError, StoppedWaitingError
from earmark.records import StopCheck
from earmark.store.folder import Folder, LocalFolder
from earmark.store.layout import LOCK

_GATE = f"{LOCK}-gate"
_SHARE = re.compile(rf"{re.escape(LOCK)}-\d+-of-\d+")


def _never() -> bool:
    return False


def _unheard(holder: str) -> None:
    del holder


@contextlib.contextmanager
def locked(
    folder: Folder,
    *,
    waits: bool = False,
    name: str = LOCK,
    stop: StopCheck = _never,
    on_wait: Callable[[str], None] = _unheard,
) -> Iterator[None]:
    """Hold the folder's lock of this name for the length of the block.

    Where another living process has it, ``waits`` until it is free or ``stop`` says so, and tells ``on_wait`` once who
    the holder is. Raises RunLockedError, naming the holder, where it does not wait or was stopped.

    Raises FolderError if there can be no such folder. An object store has no locks: there the parts of two runs cannot
    collide, and at worst work is done twice.
    """
    if not isinstance(folder, LocalFolder):
        yield
        return
    path = folder.path / name
    try:
        folder.make()
        # Without flock a lock would be a mere file, which a dead holder keeps: better an error than that.
        lock = FileLock(path, timeout=0, fallback_to_soft=False, preserve_lock_file=True)
        try:
            lock.acquire()
        except Timeout:
            if not waits:
                raise
            on_wait(_holder(path))
            lock.acquire(timeout=-1, cancel_check=stop)
    except Timeout as error:
        raise RunLockedError(folder.url, _holder(path)) from error
    except OSError as error:
        raise FolderError(folder.url, error.strerror or str(error), hint="name a folder that you may write") from error
    try:
        with contextlib.suppress(OSError):  # only for people: on a full disk the lock holds without it
            _holder_file(path).write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def alone(folder: Folder) -> Iterator[None]:
    """Be the only one who works in the folder, no driver of a share beside. Raises RunLockedError and FolderError."""
    with locked(folder):
        for name in _shares(folder):
            _check_free(folder, name)
        yield


class Sharing:
    """One of several drivers that share a run: ``name`` says which one, such as ``3-of-16``.

    Beginnings and ends of all of them come one after the other, so that one makes the plan and one the summary. Who
    waits for another one tells ``on_wait`` once who that is, and waits no longer when ``stop`` says so.
    """

    def __init__(
        self, folder: Folder, name: str, *, stop: StopCheck = _never, on_wait: Callable[[str], None] = _unheard
    ) -> None:
        self._folder = folder
        self._stop = stop
        self._on_wait = on_wait
        self._name = f"{LOCK}-{name}"
        self._own = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._own.close()

    @property
    def sees_others(self) -> bool:
        """Whether it is known who else is at work: not in an object store."""
        return isinstance(self._folder, LocalFolder)

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """Take the share's lock, and have nobody else begin or end within the block.

        Raises RunLockedError where a living process has this share, drives the whole run, or has a share of another
        number of drivers, whose work would be done twice; and StoppedWaitingError where it is stopped while it waits.
        """
        with self._gate():
            self._own.enter_context(locked(self._folder, name=self._name))
            _check_free(self._folder, LOCK)
            num_drivers = self._name.rpartition("-")[2]
            for name in _shares(self._folder):
                if name.rpartition("-")[2] != num_drivers:
                    _check_free(self._folder, name)
            yield

    @contextlib.contextmanager
    def ending(self) -> Iterator[bool]:
        """Give the share's lock back. Within the block nobody begins or ends; whether nobody else is at work.

        Raises StoppedWaitingError where it is stopped while it waits.
        """
        with self._gate(), contextlib.ExitStack() as held:
            self._own.close()
            try:
                held.enter_context(alone(self._folder))
            except RunLockedError:
                is_last = False
            else:
                is_last = True
            yield is_last

    def _gate(self) -> contextlib.ExitStack:
        """The lock that whoever begins or ends has, once it is ours."""
        held = contextlib.ExitStack()
        gate = locked(self._folder, waits=True, name=_GATE, stop=self._stop, on_wait=self._on_wait)
        try:
            held.enter_context(gate)
        except RunLockedError as error:
            raise StoppedWaitingError(error.holder) from error
        return held


def _shares(folder: Folder) -> list[str]:
    """The names of the locks of shares that were ever taken."""
    if not isinstance(folder, LocalFolder):
        return []
    return sorted(path.name for path in folder.path.iterdir() if _SHARE.fullmatch(path.name))


def _check_free(folder: Folder, name: str) -> None:
    """Raise RunLockedError where somebody has the lock of this name."""
    if not isinstance(folder, LocalFolder):
        return
    path = folder.path / name
    lock = FileLock(path, timeout=0, fallback_to_soft=False, preserve_lock_file=True)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunLockedError(folder.url, _holder(path)) from error
    lock.release()


def _holder_file(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}-holder.json")


def _holder(lock: Path) -> str:
    try:
        facts = json.loads(_holder_file(lock).read_text())
    except (OSError, ValueError):
        return "another process"
    is_ours = isinstance(facts, dict) and {"pid", "host"} <= facts.keys()
    return f"process {facts['pid']} on {facts['host']}" if is_ours else "another process"
