"""A file from a URL, downloaded into a partial file that can be gone on with after a kill.

Knows HTTP and one partial file; knows no cache. RFC 9110: ranges are asked for with If-Range and a strong validator, so
that the two halves of a file are halves of one version. A file whose length nobody states could be cut unseen, and is
refused; a server that sends another number of bytes than it promised is not believed.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
import zlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from earmark.errors import FetchError
from earmark.fetching.arrival import Arrival
from earmark.fetching.cache import Record, write_whole
from earmark.fetching.connection import Endpoint, TransientFault, open_url
from earmark.fetching.names import Place
from earmark.fetching.values import FetchOptions, FetchProgress

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_MAX_FAILURES = 5
_MAX_RESTARTS = 3
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_MUCH_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 18
_SURE_AFTER_S = 60.0
_DRIP_S = 60.0
_DRIP_BYTES = 60_000
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def arrive(
    place: Place,
    partial: Path,
    kept: Record | None,
    options: FetchOptions,
    *,
    is_checked: bool,
    endpoint: Endpoint | None = None,
) -> Arrival | None:
    """Bring the file to ``partial``; None where it is still what ``kept`` says.

    ``is_checked`` says that a digest or a size is known, so that a length need not be stated; ``endpoint``, that the
    user named the server. Goes on with what is in ``partial``, and tries a few times. Raises FetchError, and OSError of
    the disk.
    """
    attempt = _Attempt(place, partial, kept, options, endpoint, is_checked=is_checked)
    num_failures = num_restarts = 0
    while True:
        before = _size(partial)
        try:
            return attempt.run()
        except _ChangedError as change:
            partial.unlink(missing_ok=True)
            num_restarts += 1
            if num_restarts > _MAX_RESTARTS:
                raise FetchError("broken", place.name, f"{change}, again and again") from None
        except TransientFault as fault:
            num_failures = 1 if _size(partial) - before >= _MUCH_BYTES else num_failures + 1
            if num_failures >= _MAX_FAILURES:
                raise FetchError(fault.kind, place.name, fault.problem, hint=_hint(fault, partial)) from None
            pause(min(fault.wait_s or _FIRST_PAUSE_S * 2 ** (num_failures - 1), _LONGEST_PAUSE_S))


pause = time.sleep
"""Between two attempts; tests do not wait."""


class _ChangedError(Exception):
    """What was downloaded so far is of another version of the file."""


class _Attempt:
    """One request after the other for one file."""

    def __init__(
        self,
        place: Place,
        partial: Path,
        kept: Record | None,
        options: FetchOptions,
        endpoint: Endpoint | None,
        *,
        is_checked: bool,
    ) -> None:
        self._place = place
        self._partial = partial
        self._facts = partial.with_suffix(".json")
        self._kept = kept
        self._options = options
        self._endpoint = endpoint
        self._is_checked = is_checked

    def run(self) -> Arrival | None:
        """Make one request, and take what comes. Raises TransientFault, _ChangedError, FetchError and OSError."""
        offset, validator = self._resumable()
        headers = self._headers(offset, validator)
        with contextlib.closing(open_url(self._place, headers, self._options, self._endpoint)) as response:
            if response.status == 304 and self._kept is not None:  # noqa: PLR2004  # HTTP's own numbers
                return None
            start, total = self._accepted(response, offset, validator)
            self._check_size(total)
            etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
            encoding = self._encoding(response)
            if start == 0:
                validator = None if encoding else _validator(response)  # a piece of what is packed is good for nothing
                write_whole(self._facts, json.dumps({"validator": validator}).encode())
            with self._partial.open("ab" if start else "wb") as file:
                self._take(response, file, start, total, encoding)
        revision = etag.removeprefix("W/").strip('"') if etag else None
        return Arrival(self._partial, revision, etag, modified)

    def _encoding(self, response: BaseHTTPResponse) -> str | None:
        """The compression that nobody asked for; none where it is the file's own, and only named a second time."""
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        return None if encoding == "identity" or self._place.file_name.endswith((".gz", ".tgz")) else encoding

    def _resumable(self) -> tuple[int, str | None]:
        """How much is here already, and the validator of the version that it is of."""
        size = _size(self._partial)
        try:
            validator = json.loads(self._facts.read_bytes())["validator"]
        except (OSError, ValueError, KeyError, TypeError):
            validator = None
        return (size, validator) if size and isinstance(validator, str) else (0, None)

    def _headers(self, offset: int, validator: str | None) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", "User-Agent": "earmark"}
        if offset and validator:
            return {**headers, "Range": f"bytes={offset}-", "If-Range": validator}
        if self._kept is not None and self._kept.etag:
            headers["If-None-Match"] = self._kept.etag
        elif self._kept is not None and self._kept.last_modified:
            headers["If-Modified-Since"] = self._kept.last_modified
        return headers

    def _accepted(self, response: BaseHTTPResponse, offset: int, validator: str | None) -> tuple[int, int | None]:
        """Where the body starts in the file, and the length of the whole file; None: nobody says. Else it raises."""
        status = response.status
        if status == 200:  # noqa: PLR2004  # HTTP's own numbers, here and below
            return 0, _length(response)
        if status == 206 and offset:  # noqa: PLR2004
            found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            is_same = _validator(response) == validator  # a server that does not say so may have ignored If-Range
            if found and is_same and int(found[1]) == offset and int(found[2]) + 1 == int(found[3]):
                return offset, int(found[3])
            raise _ChangedError("the server answers with another piece than it was asked for")
        if status == 416 and offset:  # noqa: PLR2004
            raise _ChangedError("the server's file is shorter than what is here of it")
        raise self._refusal(response)

    def _refusal(self, response: BaseHTTPResponse) -> Exception:
        said = f"the server answered {response.status} {response.reason or ''}".rstrip()
        if response.status in _TRANSIENT:
            asked = response.headers.get("Retry-After", "")
            return TransientFault("server", said, wait_s=float(asked) if asked.isdecimal() else None)
        if response.status in (401, 403, 407):
            hint = "https://USER:PASSWORD@HOST/... gives a password" if self._place.kind == "url" else None
            return FetchError("denied", self._place.name, said, hint=hint)
        return FetchError("missing" if response.status in (404, 410) else "server", self._place.name, said)

    def _check_size(self, size_bytes: int | None) -> None:
        limit = self._options.max_bytes
        if size_bytes is not None and size_bytes > limit:
            problem = f"it is {size_bytes:,} bytes, and no file is to be larger than {limit:,}"
            raise FetchError("too_large", self._place.name, problem)

    def _take(
        self, response: BaseHTTPResponse, file: BinaryIO, start: int, total: int | None, encoding: str | None
    ) -> None:
        """Write the body to the end of ``file``, counting."""
        body = _body(response, start, total)
        done, limit = start, self._options.max_bytes
        for block in self._decoded(body, encoding, start) if encoding else body:
            done += len(block)
            if done > limit:
                self._partial.unlink(missing_ok=True)
                raise FetchError("too_large", self._place.name, f"it goes on after {limit:,} bytes, which is the most")
            file.write(block)
            file.flush()  # so that a kill loses nothing of it
            self._options.tell(FetchProgress(self._place.name, done, None if encoding else total))
        if total is None and not encoding and not response.chunked and not self._is_checked:
            self._partial.unlink(missing_ok=True)
            raise FetchError("server", self._place.name, "the server does not say how long it is: a cut would not show")

    def _decoded(self, body: Iterator[bytes], encoding: str, start: int) -> Iterator[bytes]:
        """Undo a compression that nobody asked for, in blocks of bounded size; the file is what was compressed."""
        if encoding not in ("gzip", "x-gzip") or start:
            raise FetchError("server", self._place.name, f"it comes with the content encoding {encoding!r}")
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            for packed in body:
                left = packed
                while left:
                    yield decoder.decompress(left, _BLOCK_BYTES)
                    left = decoder.unconsumed_tail
            yield decoder.flush()
        except zlib.error as error:
            raise FetchError("server", self._place.name, f"its content encoding is damaged: {error}") from None
        if not decoder.eof or decoder.unused_data:
            raise _ChangedError("its content encoding does not end where the body does")


def _body(response: BaseHTTPResponse, start: int, total: int | None) -> Iterator[bytes]:
    """The bytes as they come. Raises TransientFault where they end too early, or go on after the promised end."""
    from urllib3.exceptions import HTTPError

    plain = getattr(response, "_original_response", None)
    if total is not None and plain is not None:
        plain.length = None  # or the standard library would hide what comes after the promised end
    done = start
    drip = _Drip(start)
    while True:
        try:
            block = response.read1(_BLOCK_BYTES, decode_content=False)
        except (HTTPError, OSError) as error:
            if done == total:
                return  # all is here: the server only did not hang up
            problem = f"the connection broke after {done:,} bytes: {str(error).rpartition(': ')[2]}"
            raise TransientFault("broken", problem) from None
        if not block:
            break
        done += len(block)
        if total is not None and done > total:
            raise _ChangedError(f"the server sends more than the {total:,} bytes that it promised")
        drip.check(done)
        yield block
    if total is not None and done < total:
        raise TransientFault("broken", f"the connection ended after {done:,} of {total:,} bytes")


class _Drip:
    """Notices a server that sends just enough not to stall: under a kilobyte a second for a minute."""

    def __init__(self, done_bytes: int) -> None:
        self._since_s = time.monotonic()
        self._since_bytes = done_bytes

    def check(self, done_bytes: int) -> None:
        if done_bytes - self._since_bytes >= _DRIP_BYTES:
            self._since_s, self._since_bytes = time.monotonic(), done_bytes
        elif time.monotonic() - self._since_s > _DRIP_S:
            few = done_bytes - self._since_bytes
            raise TransientFault("broken", f"the server sent {few:,} bytes in {_DRIP_S:.0f} s")


def _length(response: BaseHTTPResponse) -> int | None:
    stated = response.headers.get("Content-Length", "")
    return int(stated) if stated.isdecimal() and not response.chunked else None


def _validator(response: BaseHTTPResponse) -> str | None:
    """What tells versions apart for certain: a strong ETag, or a date that is old enough (RFC 9110, 8.8.2)."""
    etag = response.headers.get("ETag")
    if etag:
        return None if etag.startswith("W/") else etag
    modified, now = response.headers.get("Last-Modified"), response.headers.get("Date")
    try:
        age_s = (parsedate_to_datetime(now or "") - parsedate_to_datetime(modified or "")).total_seconds()
    except (TypeError, ValueError):
        return None
    return modified if age_s >= _SURE_AFTER_S else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _hint(fault: TransientFault, partial: Path) -> str:
    if _size(partial):
        return "the same command goes on where this stopped"
    return "is there a network?" if fault.kind == "unreachable" else "the same command tries again"
