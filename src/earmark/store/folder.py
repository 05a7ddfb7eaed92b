"""A folder in which every file is there whole or not at all: on a local disk, or in an object store.

Knows bytes and names; knows no table. On a local disk a file is written under a temporary name beside its final one,
synced, renamed, and the folder synced. In an object store it is one PUT, which is all or nothing by itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa

from earmark.errors import FolderError, without_secret
from earmark.fetching.stores import client_of
from earmark.store.disk import Disk
from earmark.store.faults import read_errors, store_errors
from earmark.store.object_folder import ObjectFolder

TEMPORARY = ".tmp-"
_STALE_AFTER_S = 3600.0
_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class Folder(Protocol):
    """Names are relative, with ``/`` between folders. Names that begin with a dot are nobody's results.

    A folder travels by pickle to the workers. Each method raises StoreError where the disk or the network fails.
    """

    @property
    def url(self) -> str:
        """What to call it before people: where it is, without a key or a secret."""
        ...

    def folder(self, name: str) -> Folder:
        """The subfolder ``name``, which need not exist."""
        ...

    def names(self, prefix: str = "") -> list[str]:
        """The committed files of the subfolder ``prefix``, sorted; empty when there is no such subfolder."""
        ...

    def sizes(self, prefix: str) -> dict[str, int]:
        """The same files by name, each with its number of bytes, from one listing."""
        ...

    def entries(self) -> list[str]:
        """The files and folders directly in it, sorted; empty when there is no such folder."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def open(self, name: str) -> Any:  # noqa: ANN401  # a pyarrow NativeFile, which has no type
        """A seekable pyarrow file for reading. Raises FileNotFoundError."""
        ...

    def read(self, name: str) -> bytes:
        """The whole file. Raises FileNotFoundError."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Commit a file, over an older one of that name. Raises StoreError; then the older one still stands."""
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Commit a file unless the name is taken; False if it was."""
        ...

    def replacing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A stream that is committed as ``name`` when the block ends well, and leaves no trace when it does not."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; no error if it is gone."""
        ...


def open_folder(url: str) -> Folder:
    """The folder at a local path, or at an ``s3://`` or ``gs://`` URL.

    Raises FolderError for any other URL, UsageError for what is no URL, and StoreError where a store does not answer.
    """
    if "://" not in url:
        return LocalFolder(Path(url))
    if not url.lower().startswith(("s3://", "gs://")):
        hint = "a local path, s3://bucket/folder or gs://bucket/folder"
        raise FolderError(without_secret(url), "no results are written to such a place", hint=hint)
    with read_errors(url, ""):
        filesystem, path = client_of(url)
    return ObjectFolder(without_secret(url), filesystem, path)


class LocalFolder:
    """A folder on a local or shared file system."""

    def __init__(self, path: Path, *, disk: Disk | None = None) -> None:
        self.path = path
        self.disk = disk or Disk()
        self._lasting: set[str] = set()  # the folders below this one that are known to outlast a power cut

    @property
    def url(self) -> str:
        return str(self.path)

    def folder(self, name: str) -> LocalFolder:
        return LocalFolder(self.path / name, disk=self.disk)

    def names(self, prefix: str = "") -> list[str]:
        base = self.path / prefix
        if not base.is_dir():
            return []
        with read_errors(self.url, prefix):
            found = [path for path in base.iterdir() if path.is_file() and not path.name.startswith(".")]
        return sorted(path.relative_to(self.path).as_posix() for path in found)

    def sizes(self, prefix: str) -> dict[str, int]:
        with read_errors(self.url, prefix):
            return {name: (self.path / name).stat().st_size for name in self.names(prefix)}

    def entries(self) -> list[str]:
        with read_errors(self.url, ""):
            found = list(self.path.iterdir()) if self.path.is_dir() else []
        return sorted(path.name for path in found if not path.name.startswith("."))

    def has(self, name: str) -> bool:
        with read_errors(self.url, name):
            return (self.path / name).is_file()

    def open(self, name: str) -> Any:  # noqa: ANN401  # see Folder
        with read_errors(self.url, name):
            return pa.OSFile(str(self.path / name), "rb")

    def read(self, name: str) -> bytes:
        with read_errors(self.url, name):
            return (self.path / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        with self.replacing(name) as stream:
            stream.write(data)

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[BinaryIO]:
        target = self.path / name
        with self._temporary(target) as temporary:
            with store_errors(self.url, name), self.disk.open_new(temporary) as file:
                yield cast("BinaryIO", _Stream(file, self.disk))
                self.disk.sync(file)
            with store_errors(self.url, name):
                self.disk.replace(temporary, target)
                self.disk.sync_folder(target.parent)

    def create(self, name: str, data: bytes) -> bool:
        target = self.path / name
        with self._temporary(target) as temporary, store_errors(self.url, name):
            with self.disk.open_new(temporary) as file:
                self.disk.write(file, data)
                self.disk.sync(file)
            try:
                self._link(temporary, target)
            except FileExistsError:
                return False
            self.disk.sync_folder(target.parent)
            return True

    def remove(self, name: str) -> None:
        with store_errors(self.url, name):
            self.disk.remove(self.path / name)

    def _link(self, temporary: Path, target: Path) -> None:
        try:
            self.disk.link(temporary, target)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            if target.exists():
                raise FileExistsError(target) from error
            self.disk.replace(temporary, target)

    def make_below(self, name: str) -> Path:
        """The folder ``name`` below this one, for good. Raises OSError.

        Another process may have made it just now and not have synced the folders above it yet. So they are synced here,
        once for each folder that is asked for.
        """
        folder = self.path / name
        if not folder.is_dir():
            self.disk.make_folder(folder)
        if name not in self._lasting:
            for above in reversed(Path(name).parents):
                self.disk.sync_folder(self.path / above)
        self._lasting.add(name)
        return folder

    def make(self) -> None:
        """Make the folder itself, for good. Raises OSError."""
        self.disk.make_folder(self.path)

    def sweep(self, stale_after_s: float = _STALE_AFTER_S) -> None:
        """Remove the temporary files of dead writers: those that nobody touched for so long, by default an hour."""
        found = list(self.path.rglob(f"{TEMPORARY}*"))
        now = self._now() if found else 0.0
        for path in found:
            with contextlib.suppress(FileNotFoundError):
                if now - path.stat().st_mtime > stale_after_s:
                    self.disk.remove(path)

    def _now(self) -> float:
        """The time by the clock of the disk: on a shared one, the writers' clocks may differ from this machine's.

        Where nothing can be written, this machine's.
        """
        try:
            with tempfile.NamedTemporaryFile(dir=self.path, prefix=TEMPORARY) as file:
                return os.fstat(file.fileno()).st_mtime
        except OSError:
            return time.time()

    @contextlib.contextmanager
    def _temporary(self, target: Path) -> Iterator[Path]:
        temporary = target.parent / f"{TEMPORARY}{target.name}-{secrets.token_hex(6)}"
        with store_errors(self.url, target.name):
            self.disk.make_folder(target.parent)
        try:
            yield temporary
        finally:
            with contextlib.suppress(OSError):  # a leftover is swept later; the first error matters more
                self.disk.remove(temporary)


class _Stream:
    """Passes writes on to the disk, one operation each."""

    def __init__(self, file: BinaryIO, disk: Disk) -> None:
        self._file = file
        self.disk = disk
        self.closed = False

    def write(self, data: bytes | memoryview) -> int:
        self.disk.write(self._file, data)
        return len(data)
