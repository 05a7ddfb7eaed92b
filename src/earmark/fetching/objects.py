"""Files of an object store, by the same client that writes results there. Knows ``s3:`` and ``gs:``, and no cache."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from earmark.errors import FetchError
from earmark.fetching.arrival import Arrival
from earmark.fetching.cache import Record
from earmark.fetching.names import Place
from earmark.fetching.partial import begin, discard, facts_of, size_of
from earmark.fetching.stores import client_of, no_bucket, store_fault
from earmark.fetching.values import FetchOptions, FetchProgress

_BLOCK_BYTES = 1 << 23
"""A request each; most clips are smaller."""
_MAX_RESTARTS = 3
_MARKS = (0x9E, 0x61)
_LIKE_MD5 = re.compile('"[0-9a-f]{32}"')
_WITHOUT_MD5: set[str] = set()
"""Buckets of this process where such an ETag was something else."""


@dataclass(frozen=True, slots=True)
class Object:
    """One object below a prefix: its path in it, its size, and when it was written."""

    path: str
    size_bytes: int
    written_ns: int


def arrive(place: Place, partial: Path, kept: Record | None, options: FetchOptions) -> Arrival | None:
    """Bring the object to ``partial``; None where it is still what ``kept`` says.

    Goes on with what is in ``partial`` where the object has the same ETag. A small object takes two requests, as the
    client begins each with one for the size: a third is only for an ETag that is not the MD5 of the bytes. Where it
    looks like one, the object is read twice, and must be the same: only the first time in a bucket, since all ETags of
    one that is encrypted with KMS look so, and the client does not say which is. Raises FetchError, and OSError of the
    disk.
    """
    with _faults(place):
        filesystem, path = client_of(place.locator, place.user)
    taken: _Taken | None = None
    problem: str | None = None
    for _ in range(_MAX_RESTARTS):
        with _opened(filesystem, path, place) as opened:
            if kept is not None and opened.etag is not None and opened.etag == kept.etag:
                return None
            if opened.size_bytes > options.max_bytes:
                problem = f"it is {opened.size_bytes:,} bytes, and no file is to be larger than {options.max_bytes:,}"
                raise FetchError("too_large", place.name, problem)
            before, taken = taken, _take(opened, partial, place, options)
        problem = _problem(taken, before, path.partition("/")[0])
        if problem is None and (taken.is_known or _is_unchanged(filesystem, path, place, opened)):
            etag = opened.etag
            return Arrival(partial, etag.strip('"') if etag else None, etag)
        discard(partial)
    raise FetchError("broken", place.name, problem or "it changes again and again while it is read")


@dataclass(frozen=True, slots=True)
class _Taken:
    """What was read of an object: its ETag then, its size, the bytes that came, and their MD5 if they came at once."""

    etag: str | None
    size_bytes: int
    done_bytes: int
    md5: str | None

    @property
    def is_known(self) -> bool:
        """Whether the bytes are known to be of this very version."""
        return self.md5 is not None and self.etag == f'"{self.md5}"'


def _problem(taken: _Taken, before: _Taken | None, bucket: str) -> str | None:
    """What is wrong with what was read. ``before`` is what was read the time before."""
    if taken.done_bytes != taken.size_bytes:
        return f"its server says {taken.size_bytes:,} bytes, and sends less"
    if taken.md5 is None or taken.is_known or not _LIKE_MD5.fullmatch(taken.etag or "") or bucket in _WITHOUT_MD5:
        return None
    if taken == before:
        _WITHOUT_MD5.add(bucket)
        return None
    return f"its MD5 is {taken.md5}, its ETag {taken.etag}, and no two readings of it are the same"


@dataclass(frozen=True, slots=True)
class _Opened:
    """An object that can be read, and what the answer to the first request said of it."""

    file: Any
    etag: str | None
    size_bytes: int


@contextlib.contextmanager
def _opened(filesystem: Any, path: str, place: Place) -> Iterator[_Opened]:  # noqa: ANN401  # pyarrow has no types
    with _faults(place, filesystem, path):
        file = filesystem.open_input_file(path)
    with contextlib.closing(file):
        with _faults(place):
            said = file.metadata() or {}
            size_bytes = int(file.size())
        etag = next((value for key, value in said.items() if _text(key).lower() == "etag"), None)
        yield _Opened(file, _text(etag) if etag is not None else None, size_bytes)


def _take(opened: _Opened, partial: Path, place: Place, options: FetchOptions) -> _Taken:
    """Write what is not there yet to the end of ``partial``."""
    done = start = _resumable(partial, opened.etag, opened.size_bytes)
    digest = hashlib.md5(usedforsecurity=False)
    with partial.open("ab" if start else "wb") as file:
        for block in _blocks(opened, place, start):
            file.write(block)
            file.flush()  # so that a kill loses nothing of it
            digest.update(block)
            done += len(block)
            options.tell(FetchProgress(place.name, done, opened.size_bytes))
    return _Taken(opened.etag, opened.size_bytes, done, None if start else digest.hexdigest())


def _is_unchanged(filesystem: Any, path: str, place: Place, before: _Opened) -> bool:  # noqa: ANN401  # see above
    with _opened(filesystem, path, place) as now:
        return (now.etag, now.size_bytes) == (before.etag, before.size_bytes)


def listing(place: Place) -> list[Object]:
    """Every object below the prefix, sorted by path. Raises FetchError, also where there is none."""
    with _faults(place):
        filesystem, path = client_of(place.locator, place.user)
        base = path.rstrip("/")
        found = filesystem.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
    files = [info for info in found if info.type == fs.FileType.File]
    if not files:
        raise FetchError("missing", place.name, "there is no object below it")
    return sorted(
        (Object(info.path.removeprefix(f"{base}/"), info.size, info.mtime_ns or 0) for info in files),
        key=lambda one: one.path,
    )


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _resumable(partial: Path, etag: str | None, size_bytes: int) -> int:
    """How many bytes of this very object are here. Writes down of what the partial file is from now on."""
    facts = {"object_etag": etag}
    start = size_of(partial) if etag is not None and facts_of(partial) == facts else 0
    if 0 < start <= size_bytes:
        return start
    begin(partial, facts)
    return 0


def _blocks(opened: _Opened, place: Place, start: int) -> Iterator[bytearray]:
    """The bytes from ``start`` on; they end early where the server sends less than it says."""
    while start < opened.size_bytes:
        num_bytes = min(_BLOCK_BYTES, opened.size_bytes - start)
        with _faults(place):
            found = (_block(opened.file, start, num_bytes, mark) for mark in _MARKS)
            block = next((one for one in found if one is not None), None)
        if block is None:
            return
        yield block
        start += num_bytes


def _block(file: Any, start: int, num_bytes: int, mark: int) -> bytearray | None:  # noqa: ANN401  # see above
    """All of a block; None where its last byte did not come, or is ``mark``: then it is read with another mark.

    The client of ``s3:`` says that it has read all that it asked for, however little came.
    """
    block = bytearray(num_bytes)
    block[-1] = mark
    if file.tell() != start:  # to the client of gs: each seek is another request, for all of the rest
        file.seek(start)
    is_whole = file.readinto(block) == num_bytes and block[-1] != mark
    return block if is_whole else None


@contextlib.contextmanager
def _faults(place: Place, filesystem: Any = None, path: str = "") -> Iterator[None]:  # noqa: ANN401  # see above
    """Raise FetchError for what the client raises. With the client, a bucket that is not there is told from a key."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        fault = store_fault(error, place.locator)
        bucket = path.partition("/")[0]
        if fault.kind == "missing" and filesystem is not None and not _has(filesystem, bucket):
            fault = no_bucket(bucket, place.locator)
        raise FetchError(fault.kind, place.name, fault.problem, hint=fault.hint) from None


def _has(filesystem: Any, bucket: str) -> bool:  # noqa: ANN401  # see above
    """Whether the bucket is there; it counts as there where nobody says."""
    try:
        return bool(filesystem.get_file_info(bucket).type != fs.FileType.NotFound)
    except (OSError, pa.ArrowException):
        return True
