"""A folder in which every file is there whole or not at all: on a local disk, or in an object store.

Knows bytes and names; knows no table. On a local disk a file is written under a temporary name beside its final one,
synced, renamed, and the folder synced. In an object store it is one PUT, which is all or nothing by itself.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa
from pyarrow import fs

from earmark.errors import FolderError, StoreError, without_secret
from earmark.fetching.stores import client_of, store_fault
from earmark.store.disk import Disk

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
    with _reading(url, ""):
        filesystem, path = client_of(url)
    return ObjectFolder(without_secret(url), filesystem, path)


class LocalFolder:
    """A folder on a local or shared file system."""

    def __init__(self, path: Path, *, disk: Disk | None = None) -> None:
        self.path = path
        self.disk = disk or Disk()

    @property
    def url(self) -> str:
        return str(self.path)

    def folder(self, name: str) -> LocalFolder:
        return LocalFolder(self.path / name, disk=self.disk)

    def names(self, prefix: str = "") -> list[str]:
        base = self.path / prefix
        if not base.is_dir():
            return []
        with _reading(self.url, prefix):
            found = [path for path in base.iterdir() if path.is_file() and not path.name.startswith(".")]
        return sorted(path.relative_to(self.path).as_posix() for path in found)

    def entries(self) -> list[str]:
        with _reading(self.url, ""):
            found = list(self.path.iterdir()) if self.path.is_dir() else []
        return sorted(path.name for path in found if not path.name.startswith("."))

    def has(self, name: str) -> bool:
        with _reading(self.url, name):
            return (self.path / name).is_file()

    def open(self, name: str) -> Any:  # noqa: ANN401  # see Folder
        with _reading(self.url, name):
            return pa.OSFile(str(self.path / name), "rb")

    def read(self, name: str) -> bytes:
        with _reading(self.url, name):
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

    def make(self) -> None:
        """Make the folder itself, for good. Raises OSError."""
        self.disk.make_folder(self.path)

    def sweep(self, stale_after_s: float = _STALE_AFTER_S) -> None:
        """Remove the temporary files of dead writers: those that nobody touched for so long, by default an hour."""
        for path in self.path.rglob(f"{TEMPORARY}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > stale_after_s:
                    self.disk.remove(path)

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


class ObjectFolder:
    """A folder in an object store that pyarrow reaches."""

    def __init__(self, url: str, filesystem: Any, path: str) -> None:  # noqa: ANN401  # pyarrow has no types
        self._url = url
        self._fs = filesystem
        self._path = path.rstrip("/")

    @property
    def url(self) -> str:
        return self._url

    def folder(self, name: str) -> ObjectFolder:
        address, question, query = self._url.partition("?")
        return ObjectFolder(f"{address.rstrip('/')}/{name}{question}{query}", self._fs, f"{self._path}/{name}")

    def names(self, prefix: str = "") -> list[str]:
        base = f"{self._path}/{prefix}".rstrip("/")
        with _reading(self.url, prefix):
            found = self._fs.get_file_info(fs.FileSelector(base, allow_not_found=True))
        kept = (info for info in found if info.type == fs.FileType.File and not info.base_name.startswith("."))
        return sorted(info.path.removeprefix(f"{self._path}/") for info in kept)

    def entries(self) -> list[str]:
        with _reading(self.url, ""):
            found = self._fs.get_file_info(fs.FileSelector(self._path, allow_not_found=True))
        return sorted(info.base_name for info in found if not info.base_name.startswith("."))

    def has(self, name: str) -> bool:
        with _reading(self.url, name):
            return bool(self._fs.get_file_info(f"{self._path}/{name}").type == fs.FileType.File)

    def open(self, name: str) -> Any:  # noqa: ANN401  # see Folder
        with _reading(self.url, name):
            return self._fs.open_input_file(f"{self._path}/{name}")

    def read(self, name: str) -> bytes:
        with _reading(self.url, name), self.open(name) as file:
            return bytes(file.read())

    def write(self, name: str, data: bytes) -> None:
        path = f"{self._path}/{name}"
        with store_errors(self.url, name):
            try:
                stream = self._fs.open_output_stream(path)
            except FileNotFoundError:  # a file system that wants folders made; an object store has none
                self._fs.create_dir(path.rpartition("/")[0], recursive=True)
                stream = self._fs.open_output_stream(path)
            with stream:
                stream.write(data)

    def create(self, name: str, data: bytes) -> bool:
        # Without conditional PUTs in pyarrow two first writers can both win. What is created this way (the spec) is
        # refused to anyone who does not agree with it, and those who agree write the same bytes.
        if self.has(name):
            return False
        self.write(name, data)
        return True

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[BinaryIO]:
        # An object store commits a stream that is closed by an error, so the bytes are gathered on the local disk.
        with tempfile.TemporaryFile() as spool:
            yield cast("BinaryIO", spool)
            spool.seek(0)
            self.write(name, spool.read())

    def remove(self, name: str) -> None:
        with store_errors(self.url, name), contextlib.suppress(FileNotFoundError):
            self._fs.delete_file(f"{self._path}/{name}")


class _Stream:
    """Passes writes on to the disk, one operation each."""

    def __init__(self, file: BinaryIO, disk: Disk) -> None:
        self._file = file
        self.disk = disk
        self.closed = False

    def write(self, data: bytes | memoryview) -> int:
        self.disk.write(self._file, data)
        return len(data)


@contextlib.contextmanager
def store_errors(url: str, name: str) -> Iterator[None]:
    """Turn an OSError of writing ``name`` in ``url`` into a StoreError."""
    try:
        yield
    except OSError as error:
        cause, hint = _said(error, url)
        raise StoreError(f"cannot write {name} in {url}", cause=cause, hint=hint) from error


@contextlib.contextmanager
def _reading(url: str, name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        cause, hint = _said(error, url)
        raise StoreError(f"cannot read {name or 'the files'} in {url}", cause=cause, hint=hint) from error


def _said(error: OSError, url: str) -> tuple[str, str | None]:
    """The cause and the hint for what a disk or a store raised."""
    if "://" in url and error.errno is None:
        fault = store_fault(error, url)
        return fault.problem, fault.hint
    return error.strerror or str(error), _hint(error)


def _hint(error: OSError) -> str | None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space and type the same command: what is committed stays"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "give a folder that you may write"
    return None
