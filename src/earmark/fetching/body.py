"""The bytes of an answer as they come, counted. Knows HTTP, and neither a file nor a URL.

The HTTP library stops where the server said that it would; here a server that sends another number of bytes than it
promised is not believed, nor one that sends hardly anything.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterator
from http.client import IncompleteRead
from typing import TYPE_CHECKING

from earmark.errors import FetchError
from earmark.fetching.connection import TransientFault

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

NUMBER = "[0-9]{1,18}"
"""As many bytes as a file can have; more digits are no number that anybody counted."""

_BLOCK_BYTES = 1 << 18
_DRIP_S = 60.0
_DRIP_BYTES = 60_000


class ChangedError(Exception):
    """What was downloaded so far is of another version of the file, or is not all of one."""


def check_coding(response: BaseHTTPResponse, name: str) -> None:
    """Raise FetchError where the body has a transfer coding that would stay in it.

    The standard library undoes ``chunked`` where nothing else is said, to the letter; urllib3 calls a body chunked
    where it is among others, too. All else would be taken for the bytes of the file.
    """
    said = ", ".join(response.headers.getlist("Transfer-Encoding"))
    if said and said.lower() != "chunked":
        raise FetchError("server", name, f"it comes with the Transfer-Encoding {said!r}, which cannot be undone here")


def stated_length(response: BaseHTTPResponse, name: str) -> int | None:
    """The length of the body by the server's word; None: it does not say. Raises FetchError for what is no length."""
    stated = response.headers.get("Content-Length")
    if stated is None or response.chunked:
        return None
    if not re.fullmatch(NUMBER, stated):
        raise FetchError("server", name, "the server's answer is no HTTP: its Content-Length is no number of bytes")
    return int(stated)


def body_of(response: BaseHTTPResponse, start: int, total: int | None) -> Iterator[bytes]:
    """The body, which is what follows ``start`` bytes of a file of ``total`` (None: nobody said).

    Raises TransientFault where it ends too early, and ChangedError where it goes on after the promised end.
    """
    plain = getattr(response, "_original_response", None)
    if total is not None and plain is not None:
        plain.length = None  # or the standard library would hide what comes after the promised end
    done = start
    drip = _Drip(start)
    while block := _block(response, done, total):
        done += len(block)
        if total is not None and done > total:
            raise ChangedError(f"the server sends more than the {total:,} bytes that it promised")
        drip.check(done)
        yield block
    if total is not None and done < total:
        raise TransientFault("broken", f"the connection ended after {done:,} of {total:,} bytes")


def _block(response: BaseHTTPResponse, done: int, total: int | None) -> bytes:
    """What came; nothing at the end."""
    from urllib3.exceptions import HTTPError

    try:
        return response.read1(_BLOCK_BYTES, decode_content=False)
    except (HTTPError, OSError) as error:
        if done == total:
            return b""  # all is here: the server only did not hang up
        raise TransientFault("broken", f"the connection broke after {done:,} bytes: {_words(error)}") from None


def _words(error: Exception) -> str:
    """Why it broke, without the names of classes; urllib3 puts the error of the standard library last."""
    cause = error.args[-1] if error.args else error
    if isinstance(cause, IncompleteRead | ConnectionResetError):
        return "the server hung up"
    return str(cause).rpartition(": ")[2] or type(cause).__name__


def unpacked(body: Iterator[bytes], encoding: str, name: str) -> Iterator[bytes]:
    """Undo a compression that nobody asked for, in blocks of bounded size; the file is what was compressed.

    Raises FetchError where it cannot be undone, and ChangedError where it was cut.
    """
    if encoding not in ("gzip", "x-gzip"):
        raise FetchError("server", name, f"it comes with the content encoding {encoding!r}")
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for packed in body:
            left = packed
            while left:
                yield decoder.decompress(left, _BLOCK_BYTES)
                left = decoder.unconsumed_tail
        yield decoder.flush()
    except zlib.error as error:
        raise FetchError("server", name, f"its content encoding is damaged: {error}") from None
    if not decoder.eof or decoder.unused_data:
        raise ChangedError("its content encoding does not end where the body does")


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
