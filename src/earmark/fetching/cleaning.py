"""How some of the cache is thrown away: only what the cache made, and nothing that somebody may be reading.

What a running process fetches or unpacks is under a lock, and stays; and so does what one of those that use the cache
may have used, as ``uses`` tells. Of several users each removes what it may, and passes over what is another's.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from earmark.fetching.cache import Cache
from earmark.fetching.kept import (
    JSON_NAME,
    KEY,
    SHORT_KEY,
    Kept,
    Names,
    entries,
    files,
    size_and_use,
    stat,
    total_bytes,
)
from earmark.fetching.uses import living, remove_free_locks

_LINKS = {"audio": SHORT_KEY, "staged": KEY}
_TEMPORARY = ".tmp-"
_BEING_MADE = re.compile(r"\.tmp-([0-9a-f]{64}-)?[0-9a-f]{12}")
_HOLD_TEMPORARIES = ("names", "listings", "snapshots", "unpacked", "partial", "embedded", "named")
_HOLD_THEM_BELOW = {"embedded": SHORT_KEY, "named": KEY}
"""Not the folders below others: what strangers made may have such a name, too."""
_STALE_AFTER_S = 3600.0
"""A temporary file that nobody touched for so long is of a dead process."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was removed, and by how many bytes the cache became smaller.

    ``in_use`` stays because a running process has it, or may have it; ``not_ours`` because only another user may
    remove it.
    """

    removed: tuple[Kept, ...]
    in_use: tuple[Kept, ...]
    not_ours: tuple[Kept, ...]
    freed_bytes: int


def remove_kept(folder: Path, items: list[Kept]) -> Cleaned:
    """Remove ``items`` from the cache ``folder``, but those that another process uses. Raises OSError.

    That is one that holds the lock of an item, or that has read it, written it or taken it by another name since it was
    listed; or that runs, and may have used the item since it began. The lock files that nobody holds are removed, too.
    """
    cleaning = _Cleaning(folder)
    before = total_bytes(folder)
    left = [(one, cleaning.reason_to_leave(one)) for one in items]
    _drop_dangling(Cache(folder))
    remove_free_locks(folder)
    removed, in_use, not_ours = (tuple(one for one, why in left if why == reason) for reason in (None, "use", "owner"))
    return Cleaned(removed, in_use, not_ours, before - total_bytes(folder))


def sweep(folder: Path) -> int:
    """Remove what dead processes left under temporary names. Says how many there were. Raises OSError."""
    places = [folder / name for name in _HOLD_TEMPORARIES]
    places += [path for name, form in _HOLD_THEM_BELOW.items() for path in entries(folder / name, form)]
    found = [path for place in places for path in entries(place, _BEING_MADE)]
    found += [path for path in _links(folder) if _BEING_MADE.fullmatch(path.name)]
    num_swept = 0
    for path in found:
        if time.time() - _touched_s(path) > _STALE_AFTER_S:
            with _passing_over(path):
                num_swept += _delete(path)
    return num_swept


class _Cleaning:
    """One look at who uses the cache, and the removal of one item after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache = Cache(folder)
        self._names = Names(folder)
        self._living = living(folder)

    def reason_to_leave(self, item: Kept) -> Literal["use", "owner", "gone"] | None:
        """Remove it, and say None; or say why not."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(FileNotFoundError))
            item.path.lstat()
            is_free = all(stack.enter_context(self._cache.locked_at_once(key)) for key in item.locks)
            if not is_free or self._may_be_used(item) or _is_fresh(item) or not _is_as_listed(item, self._names):
                return "use"
            with _passing_over(item.path):
                return None if _remove(self._folder, item) else "use"
            return "owner"
        return "gone"  # another clean took it

    def _may_be_used(self, item: Kept) -> bool:
        return self._living.may_use(item.used_s, _owner(item.path))


def _owner(path: Path) -> int | None:
    """The user id of whom it belongs to; None where it is gone."""
    found = stat(path)
    return None if found is None else found.st_uid


@contextlib.contextmanager
def _passing_over(path: Path) -> Iterator[None]:
    """Leave what another user alone may remove. Where the disk refuses this user's own, PermissionError passes."""
    try:
        yield
    except PermissionError:
        if _owner(path) == os.geteuid():
            raise


def _is_fresh(item: Kept) -> bool:
    """Whether it is a file that somebody has just fetched, and not yet written down what it is called."""
    return item.kind == "file" and not item.locks and time.time() - item.used_s < _STALE_AFTER_S


def _is_as_listed(item: Kept, names: Names) -> bool:
    """Whether nobody used it since, or took it by another name. To be asked when its locks are held."""
    if item.kind == "file" and not {key for key, _ in names.of(item.path.name)}.issubset(item.locks):
        return False
    return size_and_use(item.path) == (item.size_bytes, item.used_s)


def _remove(folder: Path, item: Kept) -> bool:
    """Take it out of its place, whole; and put it back where somebody used it just before: False."""
    hidden = _hidden(folder / "partial")
    hidden.mkdir(parents=True)  # new, and so not stale to another clean, whatever the age of what comes into it
    taken = hidden / item.path.name
    try:
        item.path.rename(taken)
        if size_and_use(taken) != (item.size_bytes, item.used_s):
            taken.rename(item.path)
            return False
    finally:
        with contextlib.suppress(OSError):
            hidden.rmdir()  # where nothing is in it
    if item.kind == "file":
        _delete(folder / "named" / item.path.name)
    if item.kind in ("folder", "download"):
        item.path.with_suffix(".json").unlink(missing_ok=True)
    _delete(hidden)
    return True


def _hidden(folder: Path) -> Path:
    return folder / f"{_TEMPORARY}{secrets.token_hex(6)}"


def _delete(path: Path) -> bool:
    """Whether it, or all of it, was there still: another clean may be at the same."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            hidden = _hidden(path.parent)
            path.rename(hidden)
            shutil.rmtree(hidden)
        else:
            path.unlink()
        return True
    return False


def _drop_dangling(cache: Cache) -> None:
    """Remove links to what is no longer there, and the names and records of files and folders that are not."""
    _drop_nameless(cache)
    for path in _links(cache.folder):
        if path.is_symlink() and not path.exists():
            _unlink(path)
    for path in entries(cache.folder / "names", JSON_NAME):
        if not _leads_somewhere(path, "sha256", cache.folder / "blobs"):
            with cache.locked_at_once(path.stem) as is_free:
                if is_free and not _leads_somewhere(path, "sha256", cache.folder / "blobs"):
                    _unlink(path)
    for path in entries(cache.folder / "snapshots", JSON_NAME):
        if not _leads_somewhere(path, "same_as", path.parent):
            _unlink(path)


def _drop_nameless(cache: Cache) -> None:
    """Remove the second names of files whose first one a clean took before it was killed: they hold the bytes."""
    names = Names(cache.folder)
    for path in entries(cache.folder / "named", KEY):
        if cache.blob(path.name).exists():
            continue
        keys = [key for key, _ in names.of(path.name)]
        with contextlib.ExitStack() as stack:  # another clean may be about to put the file back, which has the locks
            is_free = all(stack.enter_context(cache.locked_at_once(key)) for key in keys)
            is_left = is_free if keys else time.time() - _moved_s(path) > _STALE_AFTER_S
            if is_left and not cache.blob(path.name).exists():
                with _passing_over(path):
                    _delete(path)


def _unlink(path: Path) -> None:
    with _passing_over(path):
        path.unlink(missing_ok=True)


def _leads_somewhere(record: Path, field_name: str, folder: Path) -> bool:
    """Whether what a record names is in ``folder``; true where it names nothing, or cannot be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return (folder / str(json.loads(record.read_bytes())[field_name])).exists()
    return True


def _links(folder: Path) -> Iterator[Path]:
    """Everything in the folders of links."""
    for name, form in _LINKS.items():
        for path in entries(folder / name, form):
            yield from files(path)


def _moved_s(folder: Path) -> float:
    """When a file in a folder was written, used or renamed, by this or another name; 0 where there is none."""
    return max((found.st_ctime for one in files(folder) if (found := stat(one))), default=0.0)


def _touched_s(path: Path) -> float:
    """When a file, or the last one in a folder, was written; now where another process has just removed it."""
    found = [one for one in map(stat, [path, *files(path)]) if one is not None]
    return max((one.st_mtime for one in found), default=time.time())
