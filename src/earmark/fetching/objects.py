"""Files of an object store, through the same client that writes results there. Knows ``s3:`` and ``gs:``, and no cache.

Addresses and keys come from where that client looks for them: the URL, its query, and the usual variables, among them
AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from earmark.errors import FetchError, UsageError, without_secret
from earmark.fetching.arrival import Arrival
from earmark.fetching.cache import Record, write_whole
from earmark.fetching.names import Place
from earmark.fetching.values import FetchOptions, FetchProgress

_BLOCK_BYTES = 1 << 20
_MAX_RESTARTS = 3


@dataclass(frozen=True, slots=True)
class Object:
    """One object below a prefix: its path in it, its size, and when it was written."""

    path: str
    size_bytes: int
    written_ns: int


def arrive(place: Place, partial: Path, kept: Record | None, options: FetchOptions) -> Arrival | None:
    """Bring the object to ``partial``; None where it is still what ``kept`` says.

    Goes on with what is in ``partial`` where the object has the same ETag. Raises FetchError, and OSError of the disk.
    """
    filesystem, path = _opened(place)
    for _ in range(_MAX_RESTARTS):
        etag, size_bytes = _facts(filesystem, path, place)
        if kept is not None and etag is not None and etag == kept.etag:
            return None
        if size_bytes > options.max_bytes:
            problem = f"it is {size_bytes:,} bytes, and no file is to be larger than {options.max_bytes:,}"
            raise FetchError("too_large", place.name, problem)
        start = _resumable(partial, etag, size_bytes)
        with partial.open("ab" if start else "wb") as file:
            done = start
            for block in _blocks(filesystem, path, place, start):
                file.write(block)
                file.flush()  # so that a kill loses nothing of it
                done += len(block)
                options.tell(FetchProgress(place.name, done, size_bytes))
        if _facts(filesystem, path, place) == (etag, size_bytes) and done == size_bytes:
            return Arrival(partial, etag.strip('"') if etag else None, etag)
        partial.unlink()  # it was written again in the meantime
    raise FetchError("broken", place.name, "it changes again and again while it is read")


def listing(place: Place) -> list[Object]:
    """Every object below the prefix, sorted by path. Raises FetchError, also where there is none."""
    filesystem, path = _opened(place)
    base = path.rstrip("/")
    with _faults(place):
        found = filesystem.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
    files = [info for info in found if info.type == fs.FileType.File]
    if not files:
        raise FetchError("missing", place.name, "there is no object below it")
    return sorted(
        (Object(info.path.removeprefix(f"{base}/"), info.size, info.mtime_ns or 0) for info in files),
        key=lambda one: one.path,
    )


def _opened(place: Place) -> tuple[Any, str]:
    user = f"{place.user}@" if place.user else ""
    try:
        filesystem, path = fs.FileSystem.from_uri(place.locator.replace("://", f"://{user}", 1))
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"cannot use {place.name}", cause=without_secret(str(error))) from None
    return filesystem, path


def _facts(filesystem: Any, path: str, place: Place) -> tuple[str | None, int]:  # noqa: ANN401  # pyarrow has no types
    with _faults(place), filesystem.open_input_file(path) as file:
        said = file.metadata() or {}
        etag = next((value for key, value in said.items() if _text(key).lower() == "etag"), None)
        return (_text(etag) if etag is not None else None), int(file.size())


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _resumable(partial: Path, etag: str | None, size_bytes: int) -> int:
    """How many bytes of this very object are here. Writes down of what the partial file is from now on."""
    facts = partial.with_suffix(".json")
    try:
        is_same = etag is not None and json.loads(facts.read_bytes()) == {"object_etag": etag}
        start = partial.stat().st_size
    except (OSError, ValueError):
        is_same, start = False, 0
    if is_same and 0 < start <= size_bytes:
        return start
    partial.unlink(missing_ok=True)
    write_whole(facts, json.dumps({"object_etag": etag}).encode())
    return 0


def _blocks(filesystem: Any, path: str, place: Place, start: int) -> Iterator[bytes]:  # noqa: ANN401  # see above
    with _faults(place):
        file = filesystem.open_input_file(path)
    with contextlib.closing(file):
        file.seek(start)
        while True:
            with _faults(place):
                block = file.read(_BLOCK_BYTES)
            if not block:
                return
            yield block


@contextlib.contextmanager
def _faults(place: Place) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise FetchError("missing", place.name, "there is no such object") from None
    except PermissionError as error:
        raise FetchError("denied", place.name, _first_line(error), hint=_KEYS) from None
    except (OSError, pa.ArrowException) as error:
        said = _first_line(error)
        is_denied = "ACCESS_DENIED" in said or "403" in said
        kind = "denied" if is_denied else "unreachable" if "NETWORK_CONNECTION" in said else "server"
        raise FetchError(kind, place.name, said, hint=_KEYS if is_denied else None) from None


_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY give a key for s3:, GOOGLE_APPLICATION_CREDENTIALS for gs:"


def _first_line(error: Exception) -> str:
    return without_secret(str(error).splitlines()[0] if str(error) else type(error).__name__)
