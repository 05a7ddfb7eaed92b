"""Audio bytes inside tables, written out once as files in the cache, a group of rows at a time.

::

    embedded/<identity of the table>/00002-000017.flac   row 17 of group 2
    embedded/<identity of the table>/00002.json          the names of the group's files: all are there, whole

Everything behind it reads plain files. It knows no utterance.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pyarrow as pa

from earmark.errors import ManifestError
from earmark.fetching.cache import Cache, disk_faults, sync_folder, write_file, write_whole

if TYPE_CHECKING:
    from earmark.sources.embedded_tables import EmbeddedTable

FOLDER = "embedded"

_ROWS_AT_ONCE = 16  # of audio in memory, beside what one page of the file holds
_BEGINNINGS = ((b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"ID3", ".mp3"), (b"\xff\xfb", ".mp3"), (b"\xff\xf3", ".mp3"))
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")


class EmbeddedAudio:
    """The audio files of one table, whose bytes are known by ``identity``, in the cache folder ``cache``."""

    def __init__(self, cache: Path, identity: str, name: str) -> None:
        self._cache = Cache(cache)
        self._identity = identity
        self._name = name

    def uris(self, table: EmbeddedTable, group: int, column: str) -> list[str]:
        """Say where each row's audio of a group is, relative to ``FOLDER`` of the cache, in their order.

        They are written first where they are not there; one process writes at a time. A row without bytes has no file.
        Raises FetchError where the disk refuses, and ManifestError where the file is damaged.
        """
        with disk_faults(self._name, self._cache):
            self._cache.use(self._folder)
            names = self._kept(group)
            if names is None:
                with self._cache.locked(f"{FOLDER}-{self._identity}"):
                    names = self._kept(group)
                    if names is None:
                        names = self._written(table, group, column)
        return [f"{self._identity}/{name}" for name in names]

    @property
    def _folder(self) -> Path:
        return self._cache.folder / FOLDER / self._identity

    def _facts(self, group: int) -> Path:
        return self._folder / f"{group:05d}.json"

    def _kept(self, group: int) -> list[str] | None:
        """The names of a group that is whole; None where it is not, or somebody took a file away."""
        try:
            facts = json.loads(self._facts(group).read_bytes())
            with os.scandir(self._folder) as entries:
                there = {entry.name for entry in entries}
            return list(facts["names"]) if there.issuperset(facts["written"]) else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _written(self, table: EmbeddedTable, group: int, column: str) -> list[str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        names, written = [], []
        for row, (content, path) in enumerate(self._cells(table, group, column)):
            name = f"{group:05d}-{row:06d}{_ending(content or b'', path)}"
            names.append(name)
            if content is not None:
                write_file(self._folder / name, content)
                written.append(name)
        sync_folder(self._folder)
        write_whole(self._facts(group), json.dumps({"names": names, "written": written}).encode())
        return names

    def _cells(self, table: EmbeddedTable, group: int, column: str) -> Iterator[tuple[bytes | None, str | None]]:
        """The bytes and the path of each row. What Arrow cannot read is no fault of the cache: ManifestError."""
        try:
            for batch in table.batches(group, [column], _ROWS_AT_ONCE):
                for cell in batch.column(0).to_pylist():
                    yield (None, None) if cell is None else (cell.get("bytes"), cell.get("path"))
        except (OSError, pa.ArrowException) as error:
            raise unreadable(self._name, error) from error


def unreadable(name: str, error: Exception) -> ManifestError:
    """What to say of a file that Arrow cannot read."""
    kind = "Arrow" if name.endswith(".arrow") else "Parquet"
    return ManifestError(name, f"cannot be read as {kind}: {str(error).splitlines()[0]}")


def _ending(content: bytes, path: str | None) -> str:
    """The ending that the bytes say, else a harmless one of the path."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return ".wav"
    for beginning, ending in _BEGINNINGS:
        if content.startswith(beginning):
            return ending
    ending = PurePath(path or "").suffix
    return ending.lower() if _ENDING.fullmatch(ending) else ".audio"
