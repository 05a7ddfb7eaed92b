"""``cache``: what was fetched and is kept on this machine, and how some of it is thrown away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import FolderError, UsageError
from earmark.fetching import FetchOptions
from earmark.fetching.cleaning import remove_kept, sweep
from earmark.fetching.kept import Kept, kept_in, total_bytes

__all__ = ["CacheReport", "Kept", "cache"]

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class CacheReport:
    """What is in the cache at ``folder``, the largest first, and the bytes of all of it.

    ``removed`` were removed, which freed ``freed_bytes``. ``in_use`` would have been, but a running process has them,
    or may have them; and ``not_ours``, but only another user may do so. ``num_swept`` are temporary files of dead
    processes, which ``clean`` removes as well.
    """

    folder: Path
    items: tuple[Kept, ...]
    size_bytes: int
    removed: tuple[Kept, ...] = ()
    in_use: tuple[Kept, ...] = ()
    not_ours: tuple[Kept, ...] = ()
    freed_bytes: int = 0
    num_swept: int = 0


def cache(*, clean: bool = False, older_than: float | None = None) -> CacheReport:
    """Look at the cache, and with ``clean`` remove what is in it.

    ``older_than`` is in days: only what was not used for so long. What was put there by hand is neither listed nor
    removed, nor is what has a name that the cache does not give. What was used since the oldest other process that uses
    the cache began is not removed either, nor, while one of another user uses it, what that user could not mark as
    used; but this process's own use keeps nothing. A process that may only read the cache is not known of.

    Raises UsageError for days below 0, and FolderError where the disk refuses.
    """
    if older_than is not None and not older_than >= 0:
        raise UsageError(f"--older-than {older_than:g} is no number of days", hint="--older-than 30")
    folder = FetchOptions().folder
    with _faults(folder):
        items = kept_in(folder)
        if older_than is not None:
            items = [one for one in items if time.time() - one.used_s > older_than * _DAY_S]
        if not clean:
            return CacheReport(folder, tuple(items), total_bytes(folder))
        num_swept = sweep(folder)
        cleaned = remove_kept(folder, items)
        return CacheReport(
            folder,
            tuple(kept_in(folder)),
            total_bytes(folder),
            cleaned.removed,
            cleaned.in_use,
            cleaned.not_ours,
            cleaned.freed_bytes,
            num_swept,
        )


@contextlib.contextmanager
def _faults(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "EARMARK_CACHE says where the cache is"
        raise FolderError(str(folder), error.strerror or str(error), hint=hint) from error
