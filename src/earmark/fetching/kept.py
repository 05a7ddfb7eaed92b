"""What is in the cache, how large it is and when it was last used.

Knows the folders of the cache, and nothing of what is in its files. What was put there by hand is not listed, nor is
whatever has a name that the cache does not give, since its folder may be one that somebody had other things in.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

KeptKind = Literal["file", "folder", "unpacked", "audio", "download", "listing"]

KEY = re.compile("[0-9a-f]{64}")
SHORT_KEY = re.compile("[0-9a-f]{32}")
JSON_NAME = re.compile(r"[0-9a-f]{64}\.json")
_FOLDERS: dict[str, tuple[KeptKind, re.Pattern[str]]] = {
    "blobs": ("file", KEY),
    "snapshots": ("folder", KEY),
    "unpacked": ("unpacked", KEY),
    "embedded": ("audio", SHORT_KEY),
    "partial": ("download", KEY),
    "listings": ("listing", JSON_NAME),
}
_LOCKS = {"unpacked": "unpacked-{}", "embedded": "embedded-{}", "snapshots": "{}", "partial": "{}"}
_SETTLED_NS = 2_000_000_000
"""A folder that was written so long before it was read tells a later writing by its time, on any disk."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing in the cache: where it is, and what it was fetched as (or the beginning of its key).

    ``used_s`` is when any of it was last read or written, in seconds since 1970, as exactly as the disk says it.
    ``locks`` are the keys of those who may be at work on it.
    """

    kind: KeptKind
    name: str
    path: Path
    size_bytes: int
    used_s: float
    locks: tuple[str, ...] = field(default=(), repr=False)


def kept_in(folder: Path) -> list[Kept]:
    """Everything in the cache ``folder``, the largest first. Raises OSError where it cannot be read."""
    names = Names(folder)
    found = [
        _kept(path, where, kind, names)
        for where, (kind, form) in _FOLDERS.items()
        for path in entries(folder / where, form)
    ]
    return sorted(found, key=lambda one: (-one.size_bytes, one.name, str(one.path)))


def total_bytes(folder: Path) -> int:
    """The bytes of all files in the cache; one that has several names counts once. Raises OSError."""
    sizes = {(found.st_dev, found.st_ino): found.st_size for path in files(folder) if (found := stat(path))}
    return sum(sizes.values())


class Names:
    """The keys and names of what was fetched, by digest and by key: as they are now; read again only if changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "names"
        self._read_ns = 0
        self._written_ns = -1
        self._found: dict[str, list[tuple[str, str]]] = {}

    def of(self, stem: str) -> list[tuple[str, str]]:
        """Those of a digest, or of a key, sorted."""
        found = stat(self._folder)
        written_ns = found.st_mtime_ns if found is not None else 0
        if written_ns != self._written_ns or self._read_ns - written_ns < _SETTLED_NS:
            self._written_ns, self._read_ns = written_ns, time.time_ns()
            self._found = self._read()
        return sorted(self._found.get(stem, []))

    def _read(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for path in entries(self._folder, JSON_NAME):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                record = json.loads(path.read_bytes())
                pair = (path.stem, str(record["name"]))
                found.setdefault(str(record["sha256"]), []).append(pair)
                found.setdefault(path.stem, []).append(pair)
        return found


def _kept(path: Path, where: str, kind: KeptKind, names: Names) -> Kept:
    known = names.of(path.stem)
    locks = tuple(key for key, _ in known) if where == "blobs" else ()
    if where in _LOCKS:
        locks = (_LOCKS[where].format(path.name),)
    size_bytes, used_s = size_and_use(path)
    name = min((name for _, name in known), default=_own_name(path) if kind == "folder" else path.stem[:12])
    return Kept(kind, name, path, size_bytes, used_s, locks)


def size_and_use(path: Path) -> tuple[int, float]:
    """The bytes of a file, or of all below a folder, and when one of them, or it, was last read, written or used."""
    stats = [found for one in files(path) if (found := stat(one))]
    used_s = max((max(found.st_atime, found.st_mtime) for found in stats), default=0.0)
    if path.is_dir() and (found := stat(path)):  # its other time is of whoever lists it, as this does
        used_s = max(used_s, found.st_mtime)
    return sum(found.st_size for found in stats), used_s


def _own_name(path: Path) -> str:
    """What a folder says of itself, else the beginning of its key."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(path.with_suffix(".json").read_bytes())["name"])
    return path.stem[:12]


def entries(folder: Path, form: re.Pattern[str]) -> list[Path]:
    """What is in a folder under a name of this form, sorted."""
    if folder.is_dir():
        with contextlib.suppress(FileNotFoundError):  # another process has just removed it
            return sorted(path for path in folder.iterdir() if form.fullmatch(path.name))
    return []


def files(path: Path) -> Iterator[Path]:
    """The file itself, or all files below a folder."""
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for place, _, names in os.walk(path):
        yield from (Path(place, name) for name in names)


def stat(path: Path) -> os.stat_result | None:
    """None where another process has just removed it."""
    with contextlib.suppress(FileNotFoundError):
        return path.lstat()
    return None
