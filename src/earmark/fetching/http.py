"""A file from a URL, downloaded into a partial file that can be gone on with after a kill.

Knows HTTP and one partial file; knows no cache. RFC 9110: ranges are asked for with If-Range and a strong validator, so
that the two halves of a file are halves of one version. A file whose length nobody states could be cut unseen, and is
refused.
"""

from __future__ import annotations

import contextlib
import re
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from earmark.errors import FetchError
from earmark.fetching.arrival import Arrival, Wanted
from earmark.fetching.body import NUMBER, ChangedError, body_of, check_coding, stated_length, unpacked
from earmark.fetching.cache import Record
from earmark.fetching.connection import Endpoint, TransientFault, open_url
from earmark.fetching.names import Place
from earmark.fetching.partial import begin, discard, facts_of, size_of
from earmark.fetching.values import FetchOptions, FetchProgress

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_MAX_FAILURES = 5
_MAX_RESTARTS = 3
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_MUCH_BYTES = 1 << 20
_SURE_AFTER_S = 60.0
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(f"bytes ({NUMBER})-({NUMBER})/({NUMBER})")
_NO_RANGE = re.compile(rf"bytes \*/({NUMBER})")


def arrive(
    place: Place,
    partial: Path,
    kept: Record | None,
    options: FetchOptions,
    wanted: Wanted,
    endpoint: Endpoint | None = None,
) -> Arrival | None:
    """Bring the file to ``partial``; None where it is still what ``kept`` says.

    ``wanted`` is what it must be, and is checked by the caller; where any of it is known, a length need not be stated.
    ``endpoint`` says that the user named the server. Goes on with what is in ``partial``, and tries a few times. Raises
    FetchError, and OSError of the disk.
    """
    attempt = _Attempt(place, partial, kept, options, wanted, endpoint)
    tries = _Tries(place, partial)
    while True:
        before = size_of(partial)
        try:
            return attempt.run()
        except ChangedError as change:
            discard(partial)
            tries.count_restart(change)
        except TransientFault as fault:
            tries.count_failure(fault, size_of(partial) - before)


pause = time.sleep
"""Between two attempts; tests do not wait."""


class _Tries:
    """How often one download did not end well, and when that is too often."""

    def __init__(self, place: Place, partial: Path) -> None:
        self._place = place
        self._partial = partial
        self._num_failures = self._num_restarts = 0

    def count_restart(self, change: ChangedError) -> None:
        """Raise FetchError for the last of too many."""
        self._num_restarts += 1
        if self._num_restarts > _MAX_RESTARTS:
            raise FetchError("broken", self._place.name, f"{change}, again and again") from None

    def count_failure(self, fault: TransientFault, num_bytes: int) -> None:
        """Wait, and forget those before where many bytes came; or raise FetchError for the last of too many."""
        self._num_failures = 1 if num_bytes >= _MUCH_BYTES else self._num_failures + 1
        if self._num_failures >= _MAX_FAILURES:
            raise FetchError(fault.kind, self._place.name, fault.problem, hint=self._hint(fault)) from None
        pause(min(fault.wait_s or _FIRST_PAUSE_S * 2 ** (self._num_failures - 1), _LONGEST_PAUSE_S))

    def _hint(self, fault: TransientFault) -> str:
        if size_of(self._partial):
            return "the same command goes on where this stopped"
        return "is there a network?" if fault.kind == "unreachable" else "the same command tries again"


class _Attempt:
    """One request after the other for one file."""

    def __init__(
        self,
        place: Place,
        partial: Path,
        kept: Record | None,
        options: FetchOptions,
        wanted: Wanted,
        endpoint: Endpoint | None,
    ) -> None:
        self._place = place
        self._partial = partial
        self._kept = kept
        self._options = options
        self._wanted = wanted
        self._endpoint = endpoint

    def run(self) -> Arrival | None:
        """Make one request, and take what comes. Raises TransientFault, ChangedError, FetchError and OSError."""
        offset, validator = self._resumable()
        headers = self._headers(offset, validator)
        with contextlib.closing(open_url(self._place, headers, self._options, self._endpoint)) as response:
            if response.status == 304 and self._kept is not None:  # noqa: PLR2004  # HTTP's own numbers, here and below
                return None
            if response.status == 416 and offset and validator:  # noqa: PLR2004
                return self._already_whole(response, offset, validator)
            self._receive(response, offset, validator)
            return _arrival(self._partial, response.headers.get("ETag"), _sure_date(response))

    def _receive(self, response: BaseHTTPResponse, offset: int, validator: str | None) -> None:
        """Take the body, at the end of what is here or in its place."""
        start, total = self._accepted(response, offset, validator)
        check_coding(response, self._place.name)
        self._check_size(total)
        encoding = self._encoding(response)
        if total is None and not encoding and not response.chunked and not self._wanted.is_known:
            raise FetchError("server", self._place.name, "the server does not say how long it is: a cut would not show")
        if start == 0:
            # A piece of what is packed is good for nothing.
            facts = {"validator": None if encoding else _validator(response), "size_bytes": total}
            begin(self._partial, facts)
        with self._partial.open("ab" if start else "wb") as file:
            self._take(response, file, start, total, encoding)

    def _encoding(self, response: BaseHTTPResponse) -> str | None:
        """The compression that nobody asked for; none where it is the file's own, and only named a second time."""
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        return None if encoding == "identity" or self._place.file_name.endswith((".gz", ".tgz")) else encoding

    def _resumable(self) -> tuple[int, str | None]:
        """How much is here already, and the validator of the version that it is of."""
        size, validator = size_of(self._partial), facts_of(self._partial).get("validator")
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
        if status == 200:  # noqa: PLR2004
            return 0, stated_length(response, self._place.name)
        if status == 206 and offset:  # noqa: PLR2004
            found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            is_same = _validator(response) == validator  # a server that does not say so may have ignored If-Range
            if found and is_same and int(found[1]) == offset and int(found[2]) + 1 == int(found[3]):
                return offset, int(found[3])
            raise ChangedError("the server answers with another piece than it was asked for")
        raise self._refusal(response)

    def _already_whole(self, response: BaseHTTPResponse, offset: int, validator: str) -> Arrival:
        """What is here, where nothing of the file is missing; else ChangedError.

        A kill between the last byte and the check leaves that. But a server that ignores If-Range may speak of another
        version, so its length alone says nothing.
        """
        stated = _NO_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        promised, etag = facts_of(self._partial).get("size_bytes"), response.headers.get("ETag")
        sizes = {int(stated[1]) if stated else None, promised, self._wanted.size_bytes} - {None}
        is_known = promised is not None or self._wanted.is_known or etag is not None
        if sizes != {offset} or not is_known or etag not in (None, validator):
            raise ChangedError("the server has no rest of what is here")
        is_date = not validator.startswith('"')
        return _arrival(self._partial, None if is_date else validator, validator if is_date else None)

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
        body = body_of(response, start, total)
        done, limit = start, self._options.max_bytes
        for block in unpacked(body, encoding, self._place.name) if encoding else body:
            done += len(block)
            if done > limit:
                discard(self._partial)
                raise FetchError("too_large", self._place.name, f"it goes on after {limit:,} bytes, which is the most")
            file.write(block)
            file.flush()  # so that a kill loses nothing of it
            self._options.tell(FetchProgress(self._place.name, done, None if encoding else total))


def _validator(response: BaseHTTPResponse) -> str | None:
    """What tells versions apart for certain: a strong ETag, or a date that is old enough (RFC 9110, 8.8.2)."""
    etag = response.headers.get("ETag")
    if etag:
        return None if etag.startswith("W/") else etag
    return _sure_date(response)


def _sure_date(response: BaseHTTPResponse) -> str | None:
    """When the file was changed last, unless it could have been changed again at the same time, by the same date."""
    modified, now = response.headers.get("Last-Modified"), response.headers.get("Date")
    try:
        age_s = (parsedate_to_datetime(now or "") - parsedate_to_datetime(modified or "")).total_seconds()
    except (TypeError, ValueError):
        return None
    return modified if age_s >= _SURE_AFTER_S else None


def _arrival(partial: Path, etag: str | None, modified: str | None) -> Arrival:
    return Arrival(partial, etag.removeprefix("W/").strip('"') if etag else None, etag, modified)
