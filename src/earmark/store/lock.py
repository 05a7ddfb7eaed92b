"""One writer for a run folder at a time. The lock is the operating system's, so a dead holder does not keep it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from earmark.errors import FolderError, RunLockedError
from earmark.store.folder import Folder, LocalFolder
from earmark.store.layout import LOCK


@contextlib.contextmanager
def locked(folder: Folder, *, waits: bool = False) -> Iterator[None]:
    """Hold the folder's lock for the length of the block.

    Where another living process has it, ``waits`` until it is free, or else raises RunLockedError, naming the holder.
    Raises FolderError if there can be no such folder. An object store has no locks: there the parts of two runs cannot
    collide, and at worst work is done twice.
    """
    if not isinstance(folder, LocalFolder):
        yield
        return
    path = folder.path / LOCK
    try:
        folder.make()
        # Without flock a lock would be a mere file, which a dead holder keeps: better an error than that.
        lock = FileLock(path, timeout=-1 if waits else 0, fallback_to_soft=False, preserve_lock_file=True)
        lock.acquire()
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


def _holder_file(lock: Path) -> Path:
    return lock.with_name(f"{LOCK}-holder.json")


def _holder(lock: Path) -> str:
    try:
        facts = json.loads(_holder_file(lock).read_text())
    except (OSError, ValueError):
        return "another process"
    is_ours = isinstance(facts, dict) and {"pid", "host"} <= facts.keys()
    return f"process {facts['pid']} on {facts['host']}" if is_ours else "another process"
