"""What is in the cache, how large it is and when it was last used, and how some of it is thrown away.

Knows the folders of the cache, and nothing of what is in its files. What a running process fetches or unpacks is under
a lock, and stays; and so does all that was used since the oldest process that uses the cache began. What was put there
by hand stays, too; and so does whatever has a name that the cache does not give, since its folder may be one that
somebody had other things in.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from earmark.fetching.cache import Cache
from earmark.fetching.uses import oldest_use_s, remove_free_locks

KeptKind = Literal["file", "folder", "unpacked", "audio", "download", "listing"]

_KEY = re.compile("[0-9a-f]{64}")
_SHORT = re.compile("[0-9a-f]{32}")
_JSON = re.compile(r"[0-9a-f]{64}\.json")
_FOLDERS: dict[str, tuple[KeptKind, re.Pattern[str]]] = {
    "blobs": ("file", _KEY),
    "snapshots": ("folder", _KEY),
    "unpacked": ("unpacked", _KEY),
    "embedded": ("audio", _SHORT),
    "partial": ("download", _KEY),
    "listings": ("listing", _JSON),
}
_LOCKS = {"unpacked": "unpacked-{}", "embedded": "embedded-{}", "snapshots": "{}", "partial": "{}"}
_LINKS = {"audio": _SHORT, "staged": _KEY}
_TEMPORARY = ".tmp-"
_BEING_MADE = re.compile(r"\.tmp-([0-9a-f]{64}-)?[0-9a-f]{12}")
_HOLD_TEMPORARIES = ("names", "listings", "snapshots", "unpacked", "partial", "embedded", "named")
_HOLD_THEM_BELOW = {"embedded": _SHORT, "named": _KEY}
"""Not the folders below others: what strangers made may have such a name, too."""
_STALE_AFTER_S = 3600.0
"""A temporary file that nobody touched for so long is of a dead process."""
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


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was removed, what stays because a running process has it, and by how many bytes the cache became smaller."""

    removed: tuple[Kept, ...]
    in_use: tuple[Kept, ...]
    freed_bytes: int


def kept_in(folder: Path) -> list[Kept]:
    """Everything in the cache ``folder``, the largest first. Raises OSError where it cannot be read."""
    names = _Names(folder)
    found = [
        _kept(path, where, kind, names)
        for where, (kind, form) in _FOLDERS.items()
        for path in _entries(folder / where, form)
    ]
    return sorted(found, key=lambda one: (-one.size_bytes, one.name, str(one.path)))


def total_bytes(folder: Path) -> int:
    """The bytes of all files in the cache; one that has several names counts once. Raises OSError."""
    sizes = {(found.st_dev, found.st_ino): found.st_size for path in _files(folder) if (found := _stat(path))}
    return sum(sizes.values())


def remove_kept(folder: Path, items: list[Kept]) -> Cleaned:
    """Remove ``items`` from the cache ``folder``, but those that another process uses. Raises OSError.

    That is one that holds the lock of an item, or that has read it, written it or taken it by another name since it was
    listed; or that runs, and may have used the item since it began. The lock files that nobody holds are removed, too.
    """
    cache, names = Cache(folder), _Names(folder)
    before, since_s = total_bytes(folder), oldest_use_s(folder)
    removed: list[Kept] = []
    in_use: list[Kept] = []
    for item in items:
        with contextlib.ExitStack() as stack:
            is_free = all(stack.enter_context(cache.locked_at_once(key)) for key in item.locks)
            is_free = is_free and item.used_s < since_s and not _is_fresh(item) and _is_as_listed(item, names)
            (removed if is_free and _remove(folder, item) else in_use).append(item)
    _drop_dangling(cache)
    remove_free_locks(folder)
    return Cleaned(tuple(removed), tuple(in_use), before - total_bytes(folder))


def sweep(folder: Path) -> int:
    """Remove what dead processes left under temporary names. Says how many there were. Raises OSError."""
    places = [folder / name for name in _HOLD_TEMPORARIES]
    places += [path for name, form in _HOLD_THEM_BELOW.items() for path in _entries(folder / name, form)]
    found = [path for place in places for path in _entries(place, _BEING_MADE)]
    found += [path for path in _links(folder) if _BEING_MADE.fullmatch(path.name)]
    stale = [path for path in found if time.time() - _touched_s(path) > _STALE_AFTER_S]
    for path in stale:
        _delete(path)
    return len(stale)


class _Names:
    """The keys and names of what was fetched, by digest and by key: as they are now; read again only if changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "names"
        self._read_ns = 0
        self._written_ns = -1
        self._found: dict[str, list[tuple[str, str]]] = {}

    def of(self, stem: str) -> list[tuple[str, str]]:
        """Those of a digest, or of a key, sorted."""
        found = _stat(self._folder)
        written_ns = found.st_mtime_ns if found is not None else 0
        if written_ns != self._written_ns or self._read_ns - written_ns < _SETTLED_NS:
            self._written_ns, self._read_ns = written_ns, time.time_ns()
            self._found = self._read()
        return sorted(self._found.get(stem, []))

    def _read(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for path in _entries(self._folder, _JSON):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                record = json.loads(path.read_bytes())
                pair = (path.stem, str(record["name"]))
                found.setdefault(str(record["sha256"]), []).append(pair)
                found.setdefault(path.stem, []).append(pair)
        return found


def _kept(path: Path, where: str, kind: KeptKind, names: _Names) -> Kept:
    known = names.of(path.stem)
    locks = tuple(key for key, _ in known) if where == "blobs" else ()
    if where in _LOCKS:
        locks = (_LOCKS[where].format(path.name),)
    size_bytes, used_s = _size_and_use(path)
    name = min((name for _, name in known), default=_own_name(path) if kind == "folder" else path.stem[:12])
    return Kept(kind, name, path, size_bytes, used_s, locks)


def _size_and_use(path: Path) -> tuple[int, float]:
    """The bytes of a file, or of all below a folder, and when one of them, or it, was last read, written or used."""
    stats = [found for one in _files(path) if (found := _stat(one))]
    used_s = max((max(found.st_atime, found.st_mtime) for found in stats), default=0.0)
    if path.is_dir() and (found := _stat(path)):  # its other time is of whoever lists it, as this does
        used_s = max(used_s, found.st_mtime)
    return sum(found.st_size for found in stats), used_s


def _own_name(path: Path) -> str:
    """What a folder says of itself, else the beginning of its key."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(path.with_suffix(".json").read_bytes())["name"])
    return path.stem[:12]


def _is_fresh(item: Kept) -> bool:
    """Whether it is a file that somebody has just fetched, and not yet written down what it is called."""
    return item.kind == "file" and not item.locks and time.time() - item.used_s < _STALE_AFTER_S


def _is_as_listed(item: Kept, names: _Names) -> bool:
    """Whether nobody used it since, or took it by another name. To be asked when its locks are held."""
    if item.kind == "file" and not {key for key, _ in names.of(item.path.name)}.issubset(item.locks):
        return False
    return _size_and_use(item.path) == (item.size_bytes, item.used_s)


def _remove(folder: Path, item: Kept) -> bool:
    """Take it out of its place, whole; and put it back where somebody used it just before: False."""
    hidden = _hidden(folder / "partial")
    hidden.parent.mkdir(exist_ok=True)
    item.path.rename(hidden)
    if _size_and_use(hidden) != (item.size_bytes, item.used_s):
        hidden.rename(item.path)
        return False
    if item.kind == "file":
        _delete(folder / "named" / item.path.name)
    if item.kind in ("folder", "download"):
        item.path.with_suffix(".json").unlink(missing_ok=True)
    _delete(hidden)
    return True


def _hidden(folder: Path) -> Path:
    return folder / f"{_TEMPORARY}{secrets.token_hex(6)}"


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        hidden = _hidden(path.parent)
        path.rename(hidden)
        shutil.rmtree(hidden)
    else:
        path.unlink(missing_ok=True)


def _drop_dangling(cache: Cache) -> None:
    """Remove links to what is no longer there, and the records of files and folders that are not."""
    for path in _links(cache.folder):
        if path.is_symlink() and not path.exists():
            path.unlink(missing_ok=True)
    for path in _entries(cache.folder / "names", _JSON):
        if not _leads_somewhere(path, "sha256", cache.folder / "blobs"):
            with cache.locked_at_once(path.stem) as is_free:
                if is_free and not _leads_somewhere(path, "sha256", cache.folder / "blobs"):
                    path.unlink(missing_ok=True)
    for path in _entries(cache.folder / "snapshots", _JSON):
        if not _leads_somewhere(path, "same_as", path.parent):
            path.unlink(missing_ok=True)


def _leads_somewhere(record: Path, field_name: str, folder: Path) -> bool:
    """Whether what a record names is in ``folder``; true where it names nothing, or cannot be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return (folder / str(json.loads(record.read_bytes())[field_name])).exists()
    return True


def _entries(folder: Path, form: re.Pattern[str]) -> list[Path]:
    """What is in a folder under a name of this form, sorted."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if form.fullmatch(path.name))


def _links(folder: Path) -> Iterator[Path]:
    """Everything in the folders of links."""
    for name, form in _LINKS.items():
        for path in _entries(folder / name, form):
            yield from _files(path)


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or all files below a folder."""
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for place, _, names in os.walk(path):
        yield from (Path(place, name) for name in names)


def _stat(path: Path) -> os.stat_result | None:
    """None where another process has just removed it."""
    with contextlib.suppress(FileNotFoundError):
        return path.lstat()
    return None


def _touched_s(path: Path) -> float:
    """When a file, or the last one in a folder, was written; now where another process has just removed it."""
    found = [one for one in map(_stat, [path, *_files(path)]) if one is not None]
    return max((one.st_mtime for one in found), default=time.time())
