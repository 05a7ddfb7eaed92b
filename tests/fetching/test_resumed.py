"""Downloads that a kill stopped at the worst moments, and what is gone on with."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.errors import FetchError
from earmark.fetching import FetchOptions, fetch
from earmark.fetching.cache import key_of
from earmark.fetching.names import resolve
from tests.fetching.servers import Handler, Server, etag_of

BODY = random.Random(3).randbytes(100_000)
OTHER = BODY[::-1]
HALF = len(BODY) // 2
SHA256 = hashlib.sha256(BODY).hexdigest()

DIE = """
import os, re, sys
from earmark.fetching import fetch
def die(event, words):
    if event == "open" and re.fullmatch(".*/partial/[0-9a-f]{64}", str(words[0])):
        if ("w" if words[2] & os.O_TRUNC else "a" if words[2] & os.O_APPEND else "r") == sys.argv[2]:
            os._exit(9)
sys.addaudithook(die)
fetch(sys.argv[1])
"""


def killed(url: str, options: FetchOptions, *, when: str) -> None:
    """A process that is gone the moment before it opens the partial file to read it (``r``) or to begin anew (``w``).

    What it had open before was closed, as the kernel does for whoever is killed.
    """
    environment = {**os.environ, "EARMARK_CACHE": str(options.cache), "EARMARK_ALLOW_PRIVATE": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", DIE, url, when], env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 9, done.stderr


def partial_of(url: str, options: FetchOptions) -> Path:
    return options.folder / "partial" / key_of(resolve(url))


def half_of(body: bytes, url: str, server: Server, options: FetchOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the first half of a version."""
    with monkeypatch.context() as patch:
        patch.setattr("earmark.fetching.http._MAX_FAILURES", 1)
        server.tricks["/x"] = lambda handler, _: handler.hang_up_after(body, HALF)
        with pytest.raises(FetchError):
            fetch(url, options=options)
    assert partial_of(url, options).read_bytes() == body[:HALF]


def test_a_kill_while_it_begins_anew_mixes_no_versions(server: Server, options: FetchOptions, monkeypatch):
    """The bytes of the old version are gone before anything says that the file is of the new one."""
    url = f"{server.url}/x"
    half_of(BODY, url, server, options, monkeypatch)
    server.tricks["/x"] = lambda handler, _: handler.file(OTHER)
    killed(url, options, when="w")
    assert fetch(url, options=options).path.read_bytes() == OTHER


def test_what_came_whole_is_not_fetched_again(server: Server, options: FetchOptions):
    """A kill before the check of a file that is all there: the server has no rest of it, and says how long it is."""
    server.files["/x"] = BODY
    killed(f"{server.url}/x", options, when="r")
    found = fetch(f"{server.url}/x", options=options)
    assert (found.path.read_bytes(), found.revision) == (BODY, etag_of(BODY).strip('"'))
    assert [one.headers.get("range") for one in server.asked("/x")] == [None, f"bytes={len(BODY)}-"]
    assert fetch(f"{server.url}/x", options=options) == found
    assert server.asked("/x")[-1].headers["if-none-match"] == etag_of(BODY)


@pytest.mark.parametrize(("sha256", "num_requests"), [(SHA256, 2), (None, 3)])
def test_a_length_that_nobody_promised_is_believed_with_a_digest(
    server: Server, options: FetchOptions, sha256: str | None, num_requests: int
):
    """The server that says it now may ignore If-Range, and speak of another version."""

    def in_one_chunk(handler: Handler, _number: int) -> None:
        if handler.headers.get("Range"):
            return handler.answer(416, Content_Range=f"bytes */{len(BODY)}")
        handler.head(200, {"Transfer-Encoding": "chunked", "ETag": etag_of(BODY)})
        handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
        return None

    server.tricks["/x"] = in_one_chunk
    killed(f"{server.url}/x", options, when="r")
    assert fetch(f"{server.url}/x", sha256=sha256, options=options).path.read_bytes() == BODY
    assert len(server.asked("/x")) == num_requests


def test_another_version_of_the_length_of_a_half_is_no_end(server: Server, options: FetchOptions, monkeypatch):
    """The half of a file is not taken for the whole of it, though the server says that there is no more."""
    url, short = f"{server.url}/x", OTHER[:HALF]
    half_of(BODY, url, server, options, monkeypatch)

    def ignores_if_range(handler: Handler, _number: int) -> None:
        if handler.headers.get("Range"):
            return handler.answer(416, Content_Range=f"bytes */{HALF}")
        return handler.file(short)

    server.tricks["/x"] = ignores_if_range
    assert fetch(url, options=options).path.read_bytes() == short


def test_a_folder_where_the_download_goes_is_removed(server: Server, options: FetchOptions):
    """An earlier version gathered downloads of the hub in one."""
    partial = partial_of(f"{server.url}/x", options)
    partial.mkdir(parents=True)
    (partial / "model.bin.incomplete").write_bytes(b"half")
    server.files["/x"] = BODY
    assert fetch(f"{server.url}/x", options=options).path.read_bytes() == BODY
    assert not partial.exists()


def test_a_length_of_thousands_of_digits_is_none(server: Server, options: FetchOptions):
    """Python refuses to count so far."""
    server.tricks["/x"] = lambda handler, _: handler.answer(200, BODY, Content_Length="9" * 5000)
    with pytest.raises(FetchError) as refused:
        fetch(f"{server.url}/x", options=options)
    assert refused.value.kind == "server"
    assert "Content-Length" in str(refused.value.cause)


@pytest.mark.parametrize("status", [206, 416])
def test_a_range_of_thousands_of_digits_begins_anew(server: Server, options: FetchOptions, monkeypatch, status: int):
    """It is no piece of anything."""
    half_of(BODY, f"{server.url}/x", server, options, monkeypatch)
    many = "9" * 5000
    said = f"bytes {HALF}-{many}/{many}" if status == 206 else f"bytes */{many}"

    def trick(handler: Handler, _number: int) -> None:
        if handler.headers.get("Range"):
            return handler.answer(status, BODY[HALF:], Content_Range=said, ETag=etag_of(BODY))
        return handler.file(BODY)

    server.tricks["/x"] = trick
    assert fetch(f"{server.url}/x", options=options).path.read_bytes() == BODY
