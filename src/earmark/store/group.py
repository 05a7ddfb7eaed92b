"""Many files, committed together: written as they come, and made safe before the block that holds them ends.

Knows bytes and names, as ``folder`` does. On a local disk each file is written under a temporary name. A thread syncs
some of them at a time while the next ones are made; at the end the rest are synced, then all are renamed, then each
folder is synced once. So the promise is that of ``Folder.write``, a file being there whole or not at all, and what
follows the block (a part that names the files) follows what it names; but the processor works while the disk does, and
a folder that takes a hundred files is waited for once. In an object store each file is one PUT, several at a time.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from earmark.store.faults import store_errors
from earmark.store.folder import TEMPORARY, Folder, LocalFolder

_PUTS_AT_ONCE = 8
_PUTS_IN_HAND = 32
_SYNCED_TOGETHER = 16
_TWICE = "{} is in the group already"


class FileGroup(Protocol):
    """Files that are not safe yet."""

    def add(self, name: str, data: bytes) -> None:
        """Write a file, which will stand over an older one of that name.

        Raises StoreError, and ValueError for a name that the group has: which bytes would count, nothing says.
        """
        ...


@contextlib.contextmanager
def committing(folder: Folder) -> Iterator[FileGroup]:
    """A group of files of ``folder`` that are all safe when the block ends well. Raises StoreError.

    After an error, or a kill, some of them may be there: each of those is whole.
    """
    if isinstance(folder, LocalFolder):
        with _OnDisk(folder) as group:
            yield group
            group.commit()
        return
    with ThreadPoolExecutor(_PUTS_AT_ONCE, thread_name_prefix="put") as threads:
        puts = _Puts(folder, threads)
        try:
            yield puts
            puts.wait()
        finally:
            threads.shutdown(cancel_futures=True)


class _OnDisk:
    def __init__(self, folder: LocalFolder) -> None:
        self._folder = folder
        self._disk = folder.disk
        self._url = folder.url
        self._folders: dict[str, Path] = {}
        self._temporaries: dict[Path, Path] = {}  # by target
        self._unsynced: list[Path] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sync")  # which starts with the first that it syncs
        self._syncs: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave no temporary file of a group that was not committed."""
        self._thread.shutdown(cancel_futures=True)
        for temporary in self._temporaries.values():
            with contextlib.suppress(OSError):  # a leftover is swept later; the first error matters more
                self._disk.remove(temporary)

    def add(self, name: str, data: bytes) -> None:
        parent, _, base = name.rpartition("/")
        with store_errors(self._url, name):
            folder = self._folder_of(parent)
            temporary = folder / f"{TEMPORARY}{base}-{secrets.token_hex(6)}"
            if folder / base in self._temporaries:
                raise ValueError(_TWICE.format(name))
            self._temporaries[folder / base] = temporary
            with self._disk.open_new(temporary) as file:
                self._disk.write(file, data)
        self._unsynced.append(temporary)
        if len(self._unsynced) == _SYNCED_TOGETHER:
            self._syncs.append(self._thread.submit(self._sync, self._unsynced))
            self._unsynced = []

    def _folder_of(self, name: str) -> Path:
        """The folder of some of the files, which is looked for, and made, once."""
        if name not in self._folders:
            self._folders[name] = self._folder.make_below(name)
        return self._folders[name]

    def commit(self) -> None:
        with store_errors(self._url, "the files of a part"):
            self._sync(self._unsynced)
            for sync in self._syncs:
                sync.result()
            for target, temporary in self._temporaries.items():
                self._disk.replace(temporary, target)
            for parent in sorted({target.parent for target in self._temporaries}):
                self._disk.sync_folder(parent)
            self._temporaries.clear()

    def _sync(self, temporaries: list[Path]) -> None:
        for temporary in temporaries:
            with temporary.open("rb") as file:  # what is synced is the file's, whoever wrote it
                self._disk.sync(file)


class _Puts:
    def __init__(self, folder: Folder, threads: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._threads = threads
        self._futures: deque[Future[None]] = deque()
        self._names: set[str] = set()

    def add(self, name: str, data: bytes) -> None:
        if name in self._names:
            raise ValueError(_TWICE.format(name))
        self._names.add(name)
        if len(self._futures) >= _PUTS_IN_HAND:  # so that a slow network does not fill the memory
            self._futures.popleft().result()
        self._futures.append(self._threads.submit(self._folder.write, name, data))

    def wait(self) -> None:
        for future in self._futures:
            future.result()
