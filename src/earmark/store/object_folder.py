"""A folder in an object store, where a file is one PUT, which is all or nothing by itself. It knows no table.

A store that answered before and is out of reach now is waited for, a minute for each operation: a run of hours is not
lost by a server that starts anew. One that never answered is likely a wrong address, which is said at once.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TypeVar, cast

from pyarrow import fs

from earmark.fetching.stores import store_fault
from earmark.store.faults import read_errors, store_errors

_PATIENCE_S = 60.0
_PAUSE_S = 1.0
_T = TypeVar("_T")


class ObjectFolder:
    """A folder in an object store that pyarrow reaches."""

    def __init__(self, url: str, filesystem: Any, path: str, *, has_answered: bool = False) -> None:  # noqa: ANN401  # pyarrow has no types
        self._url = url
        self._fs = filesystem
        self._path = path.rstrip("/")
        self._has_answered = has_answered

    @property
    def url(self) -> str:
        return self._url

    def folder(self, name: str) -> ObjectFolder:
        address, question, query = self._url.partition("?")
        url = f"{address.rstrip('/')}/{name}{question}{query}"
        return ObjectFolder(url, self._fs, f"{self._path}/{name}", has_answered=self._has_answered)

    def names(self, prefix: str = "") -> list[str]:
        return sorted(self.sizes(prefix))

    def sizes(self, prefix: str) -> dict[str, int]:
        base = f"{self._path}/{prefix}".rstrip("/")
        with read_errors(self.url, prefix):
            found = self._listed(base)
        kept = (info for info in found if info.type == fs.FileType.File and not info.base_name.startswith("."))
        return {info.path.removeprefix(f"{self._path}/"): int(info.size) for info in kept}

    def entries(self) -> list[str]:
        with read_errors(self.url, ""):
            found = self._listed(self._path)
        return sorted(info.base_name for info in found if not info.base_name.startswith("."))

    def has(self, name: str) -> bool:
        with read_errors(self.url, name):
            found = self._patiently(lambda: self._fs.get_file_info(f"{self._path}/{name}"))
            return bool(found.type == fs.FileType.File)

    def open(self, name: str) -> Any:  # noqa: ANN401  # see Folder
        with read_errors(self.url, name):
            return self._patiently(lambda: self._fs.open_input_file(f"{self._path}/{name}"))

    def read(self, name: str) -> bytes:
        with read_errors(self.url, name):
            return self._patiently(lambda: self._read(f"{self._path}/{name}"))

    def write(self, name: str, data: bytes) -> None:
        with store_errors(self.url, name):
            self._patiently(lambda: self._write(f"{self._path}/{name}", data))

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
            self._patiently(lambda: self._fs.delete_file(f"{self._path}/{name}"))

    def _listed(self, base: str) -> list[Any]:
        return self._patiently(lambda: cast("list[Any]", self._fs.get_file_info(_everything_in(base))))

    def _read(self, path: str) -> bytes:
        with self._fs.open_input_file(path) as file:
            return bytes(file.read())

    def _write(self, path: str, data: bytes) -> None:
        try:
            stream = self._fs.open_output_stream(path)
        except FileNotFoundError:  # a file system that wants folders made; an object store has none
            self._fs.create_dir(path.rpartition("/")[0], recursive=True)
            stream = self._fs.open_output_stream(path)
        with stream:
            stream.write(data)

    def _patiently(self, operation: Callable[[], _T]) -> _T:
        """Do it, and again while a store that answered before is out of reach. Each is harmless when done twice."""
        ends = time.monotonic() + (_PATIENCE_S if self._has_answered else 0.0)
        while True:
            try:
                done = operation()
            except FileNotFoundError:
                self._has_answered = True
                raise
            except OSError as error:
                if time.monotonic() >= ends or store_fault(error, self._url).kind != "unreachable":
                    raise
                time.sleep(_PAUSE_S)
            else:
                self._has_answered = True
                return done


def _everything_in(base: str) -> Any:  # noqa: ANN401  # pyarrow has no types
    return fs.FileSelector(base, allow_not_found=True)
