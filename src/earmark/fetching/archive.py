"""Archives from strangers, unpacked and looked into.

Knows what an archive can do to whoever unpacks it, and does none of it: a path that leads out, a link, a device, one
name twice (also where only the file system takes two for one), or more bytes than are wanted, counted as they come and
not as a header claims. The folder appears whole, under its name, or not at all.
"""

from __future__ import annotations

import os
import secrets
import shutil
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from earmark.errors import ArchiveError
from earmark.fetching.archive_entries import BLOCK_BYTES, BROKEN, SMALL_BYTES, Entries, Entry, refused
from earmark.fetching.cache import sync_folder
from earmark.fetching.values import DEFAULT_MAX_BYTES

DEFAULT_MAX_RATIO = 200.0
"""Speech packs to a half or not at all, text to a tenth, a table of zeros to a thousandth."""

_AGAIN = "fetch or copy it again: it is cut off, or no archive"
_MAX_MEMBERS = 10_000_000
_LONGEST_NAME = 4096


@dataclass(frozen=True, slots=True)
class Contents:
    """The paths of all files in an archive, in its order, and the bytes of those that were asked for."""

    names: tuple[str, ...]
    read: Mapping[str, bytes]


def extract(
    archive: Path, to: Path, *, max_bytes: int = DEFAULT_MAX_BYTES, max_ratio: float = DEFAULT_MAX_RATIO
) -> None:
    """Unpack ``archive`` into the folder ``to``, which must not exist yet.

    At most ``max_bytes`` in all, and ``max_ratio`` times the size of the archive (beyond the first 16 MiB). A kill
    leaves nothing under ``to``: the same call does it again, and sweeps what the killed one left. Names are those of
    the archive; times and permissions are not kept.

    Raises ArchiveError, and FileExistsError where ``to`` is there. OSError of the disk passes through.
    """
    if to.exists():
        raise FileExistsError(f"{to} exists")
    to.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".tmp-{to.name}-"
    for stale in to.parent.glob(f"{_escaped(prefix)}*"):
        shutil.rmtree(stale)
    temporary = to.parent / f"{prefix}{secrets.token_hex(6)}"
    temporary.mkdir()
    try:
        unpack(archive, temporary, max_bytes=max_bytes, max_ratio=max_ratio)
        os.sync()  # once for all files, and before the name that says that they are whole
        temporary.rename(to)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(to.parent)


def unpack(
    archive: Path, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES, max_ratio: float = DEFAULT_MAX_RATIO
) -> None:
    """``extract`` into an empty folder of the caller's, who removes it: whatever fails leaves what came before."""
    _Unpacking(archive, folder, max_bytes, max_ratio).run()


def look_into(
    archive: Path,
    wanted: Collection[str],
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_ratio: float = DEFAULT_MAX_RATIO,
) -> Contents:
    """What is in ``archive``, with the bytes of the small files ``wanted``, by their paths in it. Writes nothing.

    The archive must keep all rules of ``extract``; a plain one is not read beyond its headers.

    Raises ArchiveError, also for a wanted file of more than 16 MiB. OSError of the disk passes through.
    """
    looking = _Looking(archive, Path(), max_bytes, max_ratio)
    looking.wanted = frozenset(wanted)
    looking.run()
    return Contents(tuple(looking.names), looking.read)


def _escaped(text: str) -> str:
    """The text as a pattern that matches nothing else."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in text)


class _Unpacking:
    """One archive on its way into one folder."""

    def __init__(self, archive: Path, folder: Path, max_bytes: int, max_ratio: float) -> None:
        self._archive = archive
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self._limit = min(max_bytes, max(SMALL_BYTES, int(max_ratio * archive.stat().st_size)))
        self._done_bytes = 0
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def run(self) -> None:
        try:
            for number, entry in enumerate(Entries(self._archive, self._count).entries()):
                if number >= _MAX_MEMBERS:
                    raise self._refused(f"it holds more than {_MAX_MEMBERS:,} files")
                self._place(entry)
        except BROKEN as error:
            raise self._refused(f"it is damaged: {error}", _AGAIN) from error
        except OSError as error:
            if error.errno is None:  # what bz2 and gzip raise
                raise self._refused(f"it is damaged: {error}", _AGAIN) from error
            raise

    def _place(self, entry: Entry) -> None:
        parts = self._checked(entry.name)
        if not parts:
            return  # the folder itself
        folders = ["/".join(parts[:depth]) for depth in range(1, len(parts) + (entry.content is None))]
        self._folders.update(map(_folded, folders))
        path = _folded("/".join(parts))
        if entry.content is not None:
            if path in self._files or path in self._folders:
                raise self._refused(f"{entry.name!r} is in it twice, or is a folder, too")
            self._files.add(path)
        if any(_folded(one) in self._files for one in folders):
            raise self._refused(f"{entry.name!r} is below what is a file in it")
        self._keep(entry, parts)

    def _keep(self, entry: Entry, parts: list[str]) -> None:
        target = self._folder.joinpath(*parts)
        (target if entry.content is None else target.parent).mkdir(parents=True, exist_ok=True)
        if entry.content is not None:
            self._write(entry.content, target)

    def _checked(self, name: str) -> list[str]:
        """The words of a path that stays inside."""
        if len(name) > _LONGEST_NAME or "\0" in name or "\\" in name:
            raise self._refused(f"{name[:100]!r} in it is no name of a file")
        if name.startswith("/") or (len(name) > 1 and name[1] == ":"):
            raise self._refused(f"{name!r} in it is an absolute path")
        parts = PurePosixPath(name).parts
        if ".." in parts:
            raise self._refused(f"{name!r} in it leads out of the folder")
        return [part for part in parts if part != "."]

    def _write(self, content: IO[bytes], target: Path) -> None:
        with target.open("xb") as file:
            while block := content.read(BLOCK_BYTES):
                self._count(len(block))
                file.write(block)

    def _count(self, num_bytes: int) -> None:
        self._done_bytes += num_bytes
        if self._done_bytes <= self._limit:
            return
        if self._limit == self._max_bytes:
            raise self._refused(f"it unpacks to more than {self._max_bytes:,} bytes")
        raise self._refused(f"it unpacks to more than {self._max_ratio:g} times its size, as only an attack does")

    def _refused(self, problem: str, hint: str | None = None) -> ArchiveError:
        return refused(self._archive, problem, hint)


class _Looking(_Unpacking):
    """One archive on its way to nowhere."""

    wanted: frozenset[str] = frozenset()

    def __init__(self, archive: Path, folder: Path, max_bytes: int, max_ratio: float) -> None:
        super().__init__(archive, folder, max_bytes, max_ratio)
        self.names: list[str] = []
        self.read: dict[str, bytes] = {}

    def _keep(self, entry: Entry, parts: list[str]) -> None:
        if entry.content is None:
            return
        path = "/".join(parts)
        self.names.append(path)
        self._count(entry.size_bytes)  # before the rest is passed over, which unpacks it, too
        if path in self.wanted:
            if entry.size_bytes > SMALL_BYTES:
                raise self._refused(f"{entry.name!r} in it is too large for what it is")
            self.read[path] = entry.content.read(SMALL_BYTES)


def _folded(path: str) -> str:
    """What a file system may take for the same name: without case, and with accents written in one way."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
