"""What is in the cache, how large it is and when it was last used, and how some of it is thrown away.

Knows the folders of the cache, and nothing of what is in its files. What a running process fetches or unpacks is under
a lock, and stays. What was put there by hand stays, too.
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

KeptKind = Literal["file", "folder", "unpacked", "audio", "download", "listing"]

_FOLDERS: dict[str, KeptKind] = {
    "blobs": "file",
    "snapshots": "folder",
    "unpacked": "unpacked",
    "embedded": "audio",
    "partial": "download",
    "listings": "listing",
}
_LOCKS = {"unpacked": "unpacked-{}", "embedded": "embedded-{}", "snapshots": "{}", "partial": "{}"}
_LINKS = ("audio", "staged")
_TEMPORARY = ".tmp-"
_HOLDS_TEMPORARIES = ("names", "listings", "snapshots", "unpacked", "partial", "embedded/*", "named/*")
"""Not the folders below others of them: what strangers made may have such a name, too."""
_LINK_BEING_MADE = re.compile(r"\.tmp-[0-9a-f]{12}")
_STALE_AFTER_S = 3600.0
"""A temporary file that nobody touched for so long is of a dead process."""


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
    names = _names(folder)
    found = [
        _kept(path, where, kind, names)
        for where, kind in _FOLDERS.items()
        for path in _entries(folder / where)
        if not (where in ("snapshots", "partial") and path.suffix == ".json")
    ]
    return sorted(found, key=lambda one: (-one.size_bytes, one.name, str(one.path)))


def total_bytes(folder: Path) -> int:
    """The bytes of all files in the cache; one that has several names counts once. Raises OSError."""
    sizes = {(found.st_dev, found.st_ino): found.st_size for path in _files(folder) if (found := _stat(path))}
    return sum(sizes.values())


def remove_kept(folder: Path, items: list[Kept]) -> Cleaned:
    """Remove ``items`` from the cache ``folder``, but those that a running process has the lock of. Raises OSError."""
    cache = Cache(folder)
    before = total_bytes(folder)
    removed, in_use = [], []
    for item in items:
        with contextlib.ExitStack() as stack:
            is_free = all(stack.enter_context(cache.locked_at_once(key)) for key in item.locks)
            if is_free and not _is_fresh(item):
                _remove(folder, item)
                removed.append(item)
            else:
                in_use.append(item)
    _drop_dangling(folder)
    return Cleaned(tuple(removed), tuple(in_use), before - total_bytes(folder))


def sweep(folder: Path) -> int:
    """Remove what dead processes left under temporary names. Says how many there were. Raises OSError."""
    found = [path for pattern in _HOLDS_TEMPORARIES for path in folder.glob(f"{pattern}/{_TEMPORARY}*")]
    found += [path for name in _LINKS for path in _files(folder / name) if _LINK_BEING_MADE.fullmatch(path.name)]
    stale = [path for path in found if time.time() - _touched_s(path) > _STALE_AFTER_S]
    for path in stale:
        _delete(path)
    return len(stale)


def _names(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """By digest, and by key: the keys and the names of what was fetched."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in _entries(folder / "names"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            record = json.loads(path.read_bytes())
            pair = (path.stem, str(record["name"]))
            found.setdefault(str(record["sha256"]), []).append(pair)
            found.setdefault(path.stem, []).append(pair)
    return found


def _kept(path: Path, where: str, kind: KeptKind, names: dict[str, list[tuple[str, str]]]) -> Kept:
    stats = [found for one in _files(path) if (found := _stat(one))]
    known = sorted(names.get(path.stem, []))
    locks = tuple(key for key, _ in known) if where == "blobs" else ()
    if where in _LOCKS:
        locks = (_LOCKS[where].format(path.name),)
    return Kept(
        kind,
        min((name for _, name in known), default=_own_name(path)),
        path,
        sum(found.st_size for found in stats),
        max((max(found.st_atime, found.st_mtime) for found in stats), default=0.0),
        locks,
    )


def _own_name(path: Path) -> str:
    """What a folder says of itself, else the beginning of its key."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(path.with_suffix(".json").read_bytes())["name"])
    return path.stem[:12]


def _is_fresh(item: Kept) -> bool:
    """Whether it is a file that somebody has just fetched, and not yet written down what it is called."""
    return item.kind == "file" and not item.locks and time.time() - item.used_s < _STALE_AFTER_S


def _remove(folder: Path, item: Kept) -> None:
    """What says that it is whole goes first, so that a kill leaves nothing that is half there under its name."""
    if item.kind == "file":
        for key in item.locks:
            (folder / "names" / f"{key}.json").unlink(missing_ok=True)
        _delete(folder / "named" / item.path.name)
    if item.kind in ("folder", "download"):
        item.path.with_suffix(".json").unlink(missing_ok=True)
    _delete(item.path)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        hidden = path.with_name(f"{_TEMPORARY}{secrets.token_hex(6)}")
        path.rename(hidden)
        shutil.rmtree(hidden)
    else:
        path.unlink(missing_ok=True)


def _drop_dangling(folder: Path) -> None:
    """Remove links to what is no longer there, and the records of folders that are not."""
    for name in _LINKS:
        for path in _files(folder / name):
            if path.is_symlink() and not path.exists():
                path.unlink(missing_ok=True)
    for path in _entries(folder / "snapshots"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            other = json.loads(path.read_bytes()).get("same_as") if path.suffix == ".json" else None
            if other is not None and not (path.parent / str(other)).is_dir():
                path.unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


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
