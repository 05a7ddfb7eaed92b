"""Where fetched files are kept: by content, each whole or not there, with a record of what every name led to.

::

    blobs/<sha256>               the bytes, read-only
    named/<sha256>/<file name>   the same file under its own name, since readers go by endings
    names/<key>.json             what a name led to when it was last fetched
    partial/<key>                a download that is not done, and partial/<key>.json what it is of
    snapshots/<key>/             a folder, and snapshots/<key>.json when it is whole
    by-hand/<key>-<file name>    put there by a person who has no network
    locks/<key>.lock             one fetcher for a name at a time; and who uses what is here: see ``uses``

Knows the disk, and no network.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import FetchError
from earmark.fetching.names import Place
from earmark.fetching.uses import at_once, lock_of, use
from earmark.fetching.values import Fetched, digest_of

_SHORT_KEY = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What a name led to. ``mtime_ns`` is the blob's: another one means that somebody may have touched it.

    ``fetched_s`` is when, in seconds since 1970. ``etag`` and ``last_modified`` are as the server wrote them; the date
    only where it was old enough to tell this version from the next one.
    """

    name: str
    kind: str
    revision: str | None
    sha256: str
    size_bytes: int
    mtime_ns: int
    fetched_s: float
    etag: str | None = None
    last_modified: str | None = None


def key_of(place: Place, *more: str) -> str:
    """What a place is called in the cache: hex SHA-256 over all of it, but not over a user or a password."""
    facts = [place.kind, place.locator, place.revision, place.file, *more]
    return hashlib.sha256(json.dumps(facts, separators=(",", ":")).encode()).hexdigest()


class Cache:
    """The cache in ``folder``, which is made when something is first kept there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Hold the lock of ``key`` for the length of the block, waiting for it if need be."""
        with lock_of(self._lock(key)):
            yield

    def locked_at_once(self, key: str) -> contextlib.AbstractContextManager[bool]:
        """Hold the lock of ``key`` for the length of the block; False where another has it, who is not waited for."""
        return at_once(self._lock(key))

    def use(self, path: Path) -> None:
        """Say that this process reads ``path`` of the cache from now on: what is cleaned meanwhile is not that."""
        use(self.folder, path)

    def record(self, key: str) -> Record | None:
        """What is known of a name whose bytes are still here and as they were."""
        try:
            record = Record(**json.loads((self.folder / "names" / f"{key}.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        try:
            found = self.blob(record.sha256).stat()
        except OSError:
            return None
        if (found.st_size, found.st_mtime_ns) == (record.size_bytes, record.mtime_ns):
            return record
        return self._read_again(key, record, found.st_mtime_ns)

    def remember(self, key: str, record: Record) -> None:
        """Write down what a name led to, over what it led to before."""
        write_whole(self._place("names", f"{key}.json"), json.dumps(dataclasses.asdict(record), indent=1).encode())

    def blob(self, sha256: str) -> Path:
        """Where the bytes of this digest are, or would be."""
        return self.folder / "blobs" / sha256

    def has(self, sha256: str) -> bool:
        """Whether the bytes of this digest are here, read to be sure."""
        path = self.blob(sha256)
        return path.is_file() and digest_of(path)[0] == sha256

    def admit(self, file: Path, sha256: str) -> int:
        """Move a whole file, whose digest was read from the disk, to its place. Returns its ``mtime_ns``."""
        target = self._place("blobs", sha256)
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
        file.chmod(0o444)
        file.replace(target)
        sync_folder(target.parent)
        return target.stat().st_mtime_ns

    def named(self, sha256: str, file_name: str) -> Path:
        """A path of the bytes that ends in ``file_name``."""
        path = self._place("named", sha256, file_name)
        blob = self.blob(sha256)
        if path.exists() and path.samefile(blob):
            return path
        temporary = path.with_name(f".tmp-{secrets.token_hex(6)}")
        link(blob, temporary)
        temporary.replace(path)
        return path

    def fetched(self, record: Record, place: Place) -> Fetched:
        """What to give to whoever asked."""
        self.use(self.blob(record.sha256))
        path = self.named(record.sha256, place.file_name)
        return Fetched(path, place.name, place.kind, record.revision, record.sha256, record.size_bytes)

    def partial(self, key: str) -> Path:
        """Where a download is gathered."""
        return self._place("partial", key)

    def drop_partial(self, key: str) -> None:
        """Throw a download away, and what was known of it."""
        path = self.partial(key)
        for one in (path, path.with_suffix(".json")):
            one.unlink(missing_ok=True)

    def snapshot(self, key: str) -> Path:
        """Where a fetched folder is, or would be."""
        return self._place("snapshots", key)

    def by_hand(self, key: str, place: Place) -> Path:
        """Where a person may put what cannot be fetched."""
        return self.folder / "by-hand" / f"{key[:_SHORT_KEY]}-{place.file_name}"

    def _read_again(self, key: str, record: Record, mtime_ns: int) -> Record | None:
        """The record of a blob that was touched (the cache was copied, say). One that changed is thrown away."""
        if not self.has(record.sha256):
            self.blob(record.sha256).unlink(missing_ok=True)
            return None
        sound = dataclasses.replace(record, mtime_ns=mtime_ns)
        with contextlib.suppress(OSError):  # a cache that is read-only serves all the same
            self.remember(key, sound)
        return sound

    def _lock(self, key: str) -> Path:
        return self._place("locks", f"{key}.lock")

    def _place(self, *names: str) -> Path:
        path = self.folder.joinpath(*names)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def link(blob: Path, path: Path) -> None:
    """Give a blob a second name: a hard link, or a symbolic one where there are none."""
    for is_last in (False,) * 8 + (True,):
        try:
            path.hardlink_to(blob)
        except FileNotFoundError:
            # The same bytes came by another name just then, and took the place of a file that had no other name.
            if is_last or not blob.exists():
                raise
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV):
                raise
            path.symlink_to(blob)
            return
        else:
            return


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file that appears whole, and stays: ``write_file``, and an fsync of the folder."""
    write_file(path, data)
    sync_folder(path.parent)


def write_file(path: Path, data: bytes) -> None:
    """Write a small file that appears whole: a temporary name, fsync, rename. Its folder is synced by the caller."""
    temporary = path.with_name(f".tmp-{secrets.token_hex(6)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Return when the folder's names are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def disk_faults(name: str, cache: Cache) -> Iterator[None]:
    """Turn what the disk refuses into a FetchError that says where, and how to use another place."""
    try:
        yield
    except OSError as error:
        hint = "EARMARK_CACHE=FOLDER keeps fetched files elsewhere"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            hint = f"free some space and type the same command, which goes on where it stopped; or {hint}"
        raise FetchError("disk", name, f"{cache.folder}: {error.strerror or error}", hint=hint) from error
