"""A server with every trick that we could think of: each ends in a clear error or in the right file."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.errors import FetchError
from earmark.fetching import FetchOptions, FetchProgress, connection, fetch, http
from tests.fetching.servers import Handler, Server, etag_of, packed

BODY = random.Random(1).randbytes(300_000)
HALF = len(BODY) // 2
SHA256 = hashlib.sha256(BODY).hexdigest()


def check_right(found, body: bytes = BODY) -> None:
    assert found.path.read_bytes() == body
    assert found.sha256 == hashlib.sha256(body).hexdigest()
    assert found.size_bytes == len(body)


def check_nothing_final(options: FetchOptions) -> None:
    """No file is under a name that says that it is whole."""
    for folder in ("blobs", "named", "names", "snapshots"):
        assert [path for path in (options.folder / folder).rglob("*") if path.is_file()] == []


def refused(url: str, options: FetchOptions, kind: str, **wanted) -> FetchError:
    with pytest.raises(FetchError) as error:
        fetch(url, options=options, **wanted)
    assert error.value.kind == kind, error.value
    check_nothing_final(options)
    return error.value


def test_an_honest_server_is_believed(server: Server, options: FetchOptions):
    """The file, its digest, its ETag as revision, and a path that ends in its name."""
    server.files["/a/test.bin"] = BODY
    found = fetch(f"{server.url}/a/test.bin", options=options)
    check_right(found)
    assert found.revision == etag_of(BODY).strip('"')
    assert found.path.name == "test.bin"
    assert found.kind == "url"


def test_a_dropped_connection_is_gone_on_with(server: Server, options: FetchOptions):
    """The second request asks for the second half, of the same version."""

    def drop_once(handler: Handler, number: int) -> None:
        handler.hang_up_after(BODY, HALF) if number == 1 else handler.file(BODY)

    server.tricks["/x"] = drop_once
    check_right(fetch(f"{server.url}/x", options=options))
    first, second = server.asked("/x")
    assert "range" not in first.headers
    assert second.headers["range"] == f"bytes={HALF}-"
    assert second.headers["if-range"] == etag_of(BODY)


def test_a_file_that_changes_between_its_halves_is_begun_anew(server: Server, options: FetchOptions):
    """Half of one version and half of another would be neither."""
    other = BODY[::-1]

    def change(handler: Handler, number: int) -> None:
        handler.hang_up_after(BODY, HALF) if number == 1 else handler.file(other)

    server.tricks["/x"] = change
    check_right(fetch(f"{server.url}/x", options=options), other)


def test_a_server_that_ignores_if_range_is_caught_by_its_etag(server: Server, options: FetchOptions):
    """It sends the second half of another version."""
    other = BODY[::-1]

    def change(handler: Handler, number: int) -> None:
        if number == 1:
            return handler.hang_up_after(BODY, HALF)
        start = handler.asked_start(handler.headers.get("If-Range"))
        if start is None:
            return handler.file(other)
        there = f"bytes {start}-{len(other) - 1}/{len(other)}"
        return handler.answer(206, other[start:], ETag=etag_of(other), Content_Range=there)

    server.tricks["/x"] = change
    check_right(fetch(f"{server.url}/x", options=options), other)
    assert len(server.asked("/x")) == 3


def test_another_piece_than_was_asked_for_is_no_piece(server: Server, options: FetchOptions):
    """It says itself that it starts elsewhere."""

    def elsewhere(handler: Handler, number: int) -> None:
        if number == 1:
            handler.hang_up_after(BODY, HALF)
        elif handler.headers.get("Range"):
            handler.answer(206, BODY[1:], ETag=etag_of(BODY), Content_Range=f"bytes 1-{len(BODY) - 1}/{len(BODY)}")
        else:
            handler.file(BODY)

    server.tricks["/x"] = elsewhere
    check_right(fetch(f"{server.url}/x", options=options))


def test_a_server_without_etags_is_never_asked_for_a_half(server: Server, options: FetchOptions):
    """Nothing could tell that both halves are of one file."""

    def drop_once(handler: Handler, number: int) -> None:
        handler.head(200, {"Content-Length": str(len(BODY))})
        handler.wfile.write(BODY[:HALF] if number == 1 else BODY)

    server.tricks["/x"] = drop_once
    check_right(fetch(f"{server.url}/x", options=options))
    assert all("range" not in request.headers for request in server.asked("/x"))


def test_a_range_that_cannot_be_had_begins_anew(server: Server, options: FetchOptions):
    """416 after half a download."""

    def trick(handler: Handler, number: int) -> None:
        if number == 1:
            handler.hang_up_after(BODY, HALF)
        elif number == 2:
            handler.answer(416, Content_Range="bytes */5")
        else:
            handler.file(BODY)

    server.tricks["/x"] = trick
    check_right(fetch(f"{server.url}/x", options=options))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(server: Server, options: FetchOptions, status: int):
    """A refusal of the moment, and then the file."""
    server.tricks["/x"] = lambda handler, number: handler.answer(status) if number < 3 else handler.file(BODY)
    check_right(fetch(f"{server.url}/x", options=options))


@pytest.mark.parametrize(("status", "kind"), [(401, "denied"), (403, "denied"), (404, "missing"), (410, "missing")])
def test_what_does_not_pass_is_told_at_once(server: Server, options: FetchOptions, status: int, kind: str):
    """One request, and an error with the server's answer."""
    server.tricks["/x"] = lambda handler, _: handler.answer(status)
    assert str(status) in str(refused(f"{server.url}/x", options, kind).cause)
    assert len(server.requests) == 1


def test_a_server_that_never_recovers_is_given_up(server: Server, options: FetchOptions):
    """After five requests."""
    server.tricks["/x"] = lambda handler, _: handler.answer(503)
    refused(f"{server.url}/x", options, "server")
    assert len(server.requests) == 5


def test_a_stalling_server_is_given_up(server: Server, options: FetchOptions, monkeypatch: pytest.MonkeyPatch):
    """What it sent stays, to be gone on with."""
    monkeypatch.setattr(connection, "STALL_S", 1.0)
    monkeypatch.setattr(http, "_MAX_FAILURES", 2)

    def stall(handler: Handler, _number: int) -> None:
        handler.hang_up_after(BODY, 1000)
        server.release.wait(30)

    server.tricks["/x"] = stall
    error = refused(f"{server.url}/x", options, "broken")
    assert "goes on" in str(error.hint)
    monkeypatch.setattr(connection, "STALL_S", 30.0)
    server.tricks["/x"] = lambda handler, _: handler.file(BODY)
    check_right(fetch(f"{server.url}/x", options=options))
    assert server.requests[-1].headers["range"] == "bytes=1000-"


def test_a_server_that_drips_is_given_up(server: Server, options: FetchOptions, monkeypatch: pytest.MonkeyPatch):
    """A byte now and then is no stall, and would go on for years."""

    def drip(handler: Handler, _number: int) -> None:
        handler.hang_up_after(BODY, 1)
        for _ in range(2000):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            server.release.wait(0.01)

    monkeypatch.setattr("earmark.fetching.body._DRIP_S", 0.1)
    server.tricks["/x"] = drip
    assert "the server sent" in str(refused(f"{server.url}/x", options, "broken").cause)


def test_a_file_that_ends_too_early_is_no_file(server: Server, options: FetchOptions):
    """Content-Length promises more than there is, each time."""
    server.tricks["/x"] = lambda handler, _: handler.answer(200, BODY, Content_Length=str(len(BODY) + 7))
    assert f"{len(BODY):,} of {len(BODY) + 7:,}" in str(refused(f"{server.url}/x", options, "broken").cause)


def test_a_file_that_goes_on_after_its_end_is_no_file(server: Server, options: FetchOptions):
    """Content-Length promises less than comes; the first bytes alone would be a wrong file."""
    server.tricks["/x"] = lambda handler, _: handler.answer(200, BODY, Content_Length=str(HALF))
    assert "more than" in str(refused(f"{server.url}/x", options, "broken").cause)


def test_without_a_length_a_cut_would_not_show(server: Server, options: FetchOptions):
    """Refused, unless a digest is known."""

    def unsaid(handler: Handler, _number: int) -> None:
        handler.head(200, {})
        handler.wfile.write(BODY)

    server.tricks["/x"] = unsaid
    told: list[FetchProgress] = []
    refused(f"{server.url}/x", replace(options, progress=told.append), "server")
    assert told == [], "it is refused before it is taken"
    check_right(fetch(f"{server.url}/x", sha256=SHA256, options=options))


def chunks(body: bytes, *, is_ended: bool) -> bytes:
    pieces = [body[start : start + 50_000] for start in range(0, len(body), 50_000)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + (b"0\r\n\r\n" if is_ended else b"")


@pytest.mark.parametrize("is_ended", [True, False])
def test_chunks_end_with_the_last_one(server: Server, options: FetchOptions, is_ended: bool):
    """A chunked body says where it ends, and one that does not was cut."""

    def chunked(handler: Handler, _number: int) -> None:
        handler.head(200, {"Transfer-Encoding": "chunked"})
        handler.wfile.write(chunks(BODY, is_ended=is_ended))

    server.tricks["/x"] = chunked
    if is_ended:
        check_right(fetch(f"{server.url}/x", options=options))
    else:
        words = str(refused(f"{server.url}/x", options, "broken").cause)
        assert words.endswith(f"after {len(BODY):,} bytes: the server hung up")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip, chunked", chunks(packed(BODY), is_ended=True)),
        ("identity, chunked", chunks(BODY, is_ended=True)),
        ("identity, chunked", chunks(BODY, is_ended=False)),
        ("identity\r\nTransfer-Encoding: chunked", chunks(BODY, is_ended=True)),
        ("chunked ", chunks(BODY, is_ended=True)),
        (f"gzip\r\nContent-Length: {len(packed(BODY))}", packed(BODY)),
    ],
)
def test_a_transfer_coding_that_is_not_undone_is_refused(server: Server, options: FetchOptions, coding: str, body):
    """The HTTP library leaves the framing in the body of all but a plain ``chunked``."""

    def coded(handler: Handler, _number: int) -> None:
        handler.head(200, {"Transfer-Encoding": coding})
        handler.wfile.write(body)

    server.tricks["/x"] = coded
    assert "Transfer-Encoding" in str(refused(f"{server.url}/x", options, "server").cause)


def test_a_piece_in_a_transfer_coding_that_is_not_undone_is_refused(server: Server, options: FetchOptions):
    """The end of a file is checked as a whole one is: its framing would be appended."""

    def coded(handler: Handler, number: int) -> None:
        if number == 1:
            return handler.hang_up_after(BODY, HALF)
        there = f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"
        handler.head(206, {"Transfer-Encoding": "identity, chunked", "ETag": etag_of(BODY), "Content-Range": there})
        handler.wfile.write(chunks(BODY[HALF:], is_ended=True))
        return None

    server.tricks["/x"] = coded
    assert "Transfer-Encoding" in str(refused(f"{server.url}/x", options, "server").cause)


@pytest.mark.parametrize("broken", ["X bad line\r\nContent-Encoding: gzip\r\n\r\n", "Content-Enco"])
def test_a_broken_header_hides_nothing(server: Server, options: FetchOptions, broken: str):
    """Lines behind it are not read, nor is what comes of a block that was cut; so neither is the body taken."""
    body = b"" if broken.endswith("Enco") else packed(BODY)

    def bad(handler: Handler, _number: int) -> None:
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{broken}"
        handler.wfile.write(head.encode() + body)

    server.tricks["/x"] = bad
    assert "headers are broken" in str(refused(f"{server.url}/x", options, "server").cause)
    assert len(server.asked("/x")) == 5


def test_headers_of_a_body_of_parts_are_not_broken(server: Server, options: FetchOptions):
    """A reader of mail would look for the parts at once, and miss them."""
    server.tricks["/x"] = lambda handler, _: handler.answer(200, BODY, Content_Type="multipart/mixed; boundary=b")
    check_right(fetch(f"{server.url}/x", options=options))


@pytest.mark.parametrize("is_said", [True, False])
def test_no_more_than_the_cap_is_taken(server: Server, options: FetchOptions, is_said: bool):
    """Whether the server says how much it is, or just sends."""

    def much(handler: Handler, _number: int) -> None:
        handler.head(200, {"Content-Length": str(len(BODY))} if is_said else {"Transfer-Encoding": "chunked"})
        handler.wfile.write(BODY if is_said else chunks(BODY, is_ended=True))

    server.tricks["/x"] = much
    capped = FetchOptions(cache=options.cache, allow_private=True, max_bytes=100_000)
    refused(f"{server.url}/x", capped, "too_large")
    assert sum(path.stat().st_size for path in options.folder.rglob("*") if path.is_file()) < 100_000


def test_a_content_encoding_is_undone(server: Server, options: FetchOptions):
    """Nobody asked for it, and the file is what was compressed."""
    text = b"the same words again and again\n" * 5000
    server.tricks["/x.txt"] = lambda handler, _: handler.answer(200, packed(text), Content_Encoding="gzip")
    check_right(fetch(f"{server.url}/x.txt", options=options), text)


def test_a_gz_file_stays_one(server: Server, options: FetchOptions):
    """Many servers name the file's own compression as if it were theirs."""
    server.tricks["/x.tar.gz"] = lambda handler, _: handler.answer(200, packed(BODY), Content_Encoding="x-gzip")
    check_right(fetch(f"{server.url}/x.tar.gz", options=options), packed(BODY))


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_a_content_encoding_that_cannot_be_undone_is_an_error(server: Server, options: FetchOptions, encoding: str):
    """Cut in the middle, or unknown."""
    body = packed(BODY)[:-100]
    server.tricks["/x.txt"] = lambda handler, _: handler.answer(200, body, Content_Encoding=encoding)
    refused(f"{server.url}/x.txt", options, "broken" if encoding == "gzip" else "server")


def test_a_content_encoding_is_capped_by_what_it_unpacks_to(server: Server, options: FetchOptions):
    """Ten megabytes of zeros are ten kilobytes on the way."""
    zeros = packed(bytes(10_000_000))
    server.tricks["/x"] = lambda handler, _: handler.answer(200, zeros, Content_Encoding="gzip")
    capped = FetchOptions(cache=options.cache, allow_private=True, max_bytes=1_000_000)
    refused(f"{server.url}/x", capped, "too_large")


@pytest.mark.parametrize("wanted", [{"sha256": "0" * 64}, {"size_bytes": 7}])
def test_a_wrong_file_is_fetched_twice_and_then_told_with_both_values(server: Server, options: FetchOptions, wanted):
    """And thrown away each time."""
    server.files["/x"] = BODY
    error = refused(f"{server.url}/x", options, "wrong", **wanted)
    known, found = ("0" * 64, SHA256) if "sha256" in wanted else ("7", f"{len(BODY):,}")
    assert known in str(error.cause)
    assert found in str(error.cause)
    assert len(server.asked("/x")) == 2


def test_a_file_that_was_wrong_once_is_right(server: Server, options: FetchOptions):
    """The first answer came from a broken cache on the way."""
    server.tricks["/x"] = lambda handler, number: handler.file(BODY[::-1] if number == 1 else BODY)
    check_right(fetch(f"{server.url}/x", sha256=SHA256, options=options))


def test_redirects_are_followed_but_not_for_ever(server: Server, options: FetchOptions):
    """One leads to the file; a circle ends."""
    server.files["/x"] = BODY
    server.tricks["/one"] = lambda handler, _: handler.answer(302, Location="/x")
    server.tricks["/circle"] = lambda handler, _: handler.answer(302, Location="/circle")
    check_right(fetch(f"{server.url}/one", options=options))
    with pytest.raises(FetchError, match="cannot fetch") as error:
        fetch(f"{server.url}/circle", options=options)
    assert "10 redirects" in str(error.value.cause)
    assert len(server.asked("/circle")) == 11


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:1"])
def test_a_redirect_leads_to_the_web_only(server: Server, options: FetchOptions, target: str):
    """Not to a file of this machine."""
    server.tricks["/x"] = lambda handler, _: handler.answer(302, Location=target)
    refused(f"{server.url}/x", options, "address")


def test_a_server_that_does_not_say_of_which_version_its_half_is_gets_another_chance(server, options: FetchOptions):
    """It ignored If-Range, and says no ETag: its half could be of anything."""
    other = BODY[::-1]

    def trick(handler: Handler, number: int) -> None:
        if number == 1:
            handler.hang_up_after(BODY, HALF)
        elif handler.headers.get("Range"):
            handler.answer(206, other[HALF:], Content_Range=f"bytes {HALF}-{len(other) - 1}/{len(other)}")
        else:
            handler.file(other)

    server.tricks["/x"] = trick
    check_right(fetch(f"{server.url}/x", options=options), other)


def test_a_host_that_cannot_be_is_unreachable(server: Server, options: FetchOptions):
    """In other scripts, too long, or in no domain; a user in any script passes."""
    for host in ("b\u00fccher.invalid", f"{'a' * 300}.invalid", "no.such.invalid"):
        with pytest.raises(FetchError) as refused:
            fetch(f"http://\u00fcser:p\u0105ss@{host}/x", options=options)
        assert refused.value.kind in ("unreachable", "server")
    server.files["/x"] = BODY
    check_right(fetch(f"http://\u00fcser:p\u0105ss@127.0.0.1:{server.port}/x", options=options))


def test_passwords_go_to_their_server_only(server: Server, options: FetchOptions):
    """A redirect to another one goes without, and no name shows them."""
    server.files["/x"] = BODY
    port = server.port
    server.tricks["/away"] = lambda handler, _: handler.answer(302, Location=f"http://localhost:{port}/x")
    found = fetch(f"http://me:hunter2@127.0.0.1:{port}/away", options=options)
    check_right(found)
    assert server.asked("/away")[0].headers["authorization"].startswith("Basic ")
    assert "authorization" not in server.asked("/x")[0].headers
    assert "hunter2" not in repr(found)
    kept = [path.read_bytes() for path in options.folder.rglob("*.json")]
    assert kept
    assert not any(b"hunter2" in one for one in kept)


def test_a_killed_download_goes_on(server: Server, options: FetchOptions, tmp_path: Path):
    """Killed half-way by kill -9: nothing is under a final name, and the next process asks for the rest."""

    def half(handler: Handler, number: int) -> None:
        if number > 1:
            return handler.file(BODY)
        handler.hang_up_after(BODY, HALF)
        server.release.wait(30)
        return None

    server.tricks["/x"] = half
    code = "import sys; from earmark.fetching import fetch; fetch(sys.argv[1])"
    environment = {**os.environ, "EARMARK_CACHE": str(options.cache), "EARMARK_ALLOW_PRIVATE": "127.0.0.1"}
    process = subprocess.Popen([sys.executable, "-c", code, f"{server.url}/x"], env=environment)
    partial = options.folder / "partial"
    try:
        for _ in range(3000):
            if any(path.stat().st_size == HALF for path in partial.glob("*")):
                break
            try:
                process.wait(0.01)
            except subprocess.TimeoutExpired:
                continue
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    server.release.set()
    check_nothing_final(options)
    check_right(fetch(f"{server.url}/x", options=options))
    assert server.asked("/x")[-1].headers["range"] == f"bytes={HALF}-"


def test_a_full_disk_leaves_nothing_torn(server: Server, options: FetchOptions):
    """The system refuses to let the file grow; with room again the download goes on."""
    server.files["/x"] = BODY
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, hard))
    try:
        error = refused(f"{server.url}/x", options, "disk")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "EARMARK_CACHE" in str(error.hint)
    check_right(fetch(f"{server.url}/x", options=options))
    assert server.asked("/x")[-1].headers["range"] == f"bytes={HALF}-"


def test_a_disk_without_room_is_said(server: Server, options: FetchOptions):
    """The very error of the system, by way of its device that is always full."""
    server.files["/x"] = BODY
    with pytest.raises(FetchError):
        fetch(f"{server.url}/x", options=FetchOptions(cache=options.cache, allow_private=True, max_bytes=1))
    (facts,) = [*(options.folder / "locks").glob("*.lock")]
    (options.folder / "partial" / facts.stem).symlink_to("/dev/full")
    error = refused(f"{server.url}/x", options, "disk")
    assert "No space left" in str(error.cause)
    assert "free some space" in str(error.hint)


def test_two_processes_ask_and_one_downloads(server: Server, options: FetchOptions):
    """The other waits for it, and takes what it brought."""

    def slowly(handler: Handler, _number: int) -> None:
        handler.hang_up_after(BODY, HALF)
        server.release.wait(30)
        handler.wfile.write(BODY[HALF:])

    server.tricks["/x"] = slowly
    code = "import sys; from earmark.fetching import fetch; print('ask', flush=True); print(fetch(sys.argv[1]).sha256)"
    environment = {**os.environ, "EARMARK_CACHE": str(options.cache), "EARMARK_ALLOW_PRIVATE": "127.0.0.1"}
    command = [sys.executable, "-c", code, f"{server.url}/x"]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.stdout.readline() for process in processes] == ["ask\n"] * 2
    server.release.set()
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == [SHA256] * 2
    assert [len(request.headers.get("if-none-match", "")) for request in server.asked("/x")].count(0) == 1
