"""A folder in an object store, where a file is one PUT, which is all or nothing by itself. It knows no table."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from pyarrow import fs

from earmark.store.faults import read_errors, store_errors


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
        return sorted(self.sizes(prefix))

    def sizes(self, prefix: str) -> dict[str, int]:
        base = f"{self._path}/{prefix}".rstrip("/")
        with read_errors(self.url, prefix):
            found = self._fs.get_file_info(fs.FileSelector(base, allow_not_found=True))
        kept = (info for info in found if info.type == fs.FileType.File and not info.base_name.startswith("."))
        return {info.path.removeprefix(f"{self._path}/"): int(info.size) for info in kept}

    def entries(self) -> list[str]:
        with read_errors(self.url, ""):
            found = self._fs.get_file_info(fs.FileSelector(self._path, allow_not_found=True))
        return sorted(info.base_name for info in found if not info.base_name.startswith("."))

    def has(self, name: str) -> bool:
        with read_errors(self.url, name):
            return bool(self._fs.get_file_info(f"{self._path}/{name}").type == fs.FileType.File)

    def open(self, name: str) -> Any:  # noqa: ANN401  # see Folder
        with read_errors(self.url, name):
            return self._fs.open_input_file(f"{self._path}/{name}")

    def read(self, name: str) -> bytes:
        with read_errors(self.url, name), self.open(name) as file:
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
