"""What is kept, found again, put there by hand, and asked of the network."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
from email.utils import formatdate
from pathlib import Path

import pytest

from earmark.errors import FetchError, UsageError
from earmark.fetching import FetchOptions, FetchProgress, fetch, fetch_folder
from earmark.fetching.connection import is_public
from tests.fetching.servers import Handler, Server, put_in

BODY = b"some bytes" * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()


def offline(options: FetchOptions) -> FetchOptions:
    return FetchOptions(cache=options.cache, allow_private=True, offline=True)


def test_a_local_file_stays_where_it_is(tmp_path: Path, options: FetchOptions):
    """With its digest, and without a copy."""
    (tmp_path / "x").write_bytes(BODY)
    found = fetch(f"{tmp_path}/x", options=options)
    assert (found.path, found.kind, found.sha256, found.revision) == (tmp_path / "x", "local", SHA256, None)
    assert not options.folder.exists()
    with pytest.raises(FetchError, match="cannot fetch") as wrong:
        fetch(f"{tmp_path}/x", sha256="0" * 64, options=options)
    assert wrong.value.kind == "wrong"


@pytest.mark.parametrize("wanted", ["", "xyz", "../../etc/passwd", "0" * 63, "G" * 64])
def test_a_digest_is_64_digits(tmp_path: Path, options: FetchOptions, wanted: str):
    """It becomes a path, so nothing else passes; upper case is the same digest."""
    (tmp_path / "x").write_bytes(BODY)
    if wanted:
        with pytest.raises(UsageError, match="SHA-256"):
            fetch(f"{tmp_path}/x", sha256=wanted, options=options)
    assert fetch(f"{tmp_path}/x", sha256=SHA256.upper(), options=options).sha256 == SHA256


def test_what_did_not_change_is_not_sent_again(server: Server, options: FetchOptions):
    """The server is asked, and its answer is that nothing changed."""
    server.files["/x"] = BODY
    first = fetch(f"{server.url}/x", options=options)
    assert fetch(f"{server.url}/x", options=options) == first
    assert [("if-none-match" in request.headers) for request in server.requests] == [False, True]


@pytest.mark.parametrize(("age_s", "is_asked"), [(0, False), (59, False), (60, True), (None, False)])
def test_a_date_tells_versions_apart_when_it_is_old(server: Server, options: FetchOptions, age_s: int | None, is_asked):
    """Another version could have the date of the same second; how old it is only the server's clock can say."""
    now = 1_700_000_000
    told = {"Date": formatdate(now, usegmt=True), "Last-Modified": formatdate(now - (age_s or 0), usegmt=True)}
    if age_s is None:
        told["Date"] = "now"

    def dated(handler: Handler, number: int) -> None:
        if handler.headers.get("If-Modified-Since"):
            return handler.head(304, told)
        body = f"version {number}".encode()
        handler.head(200, {"Content-Length": str(len(body)), **told})
        handler.wfile.write(body)
        return None

    server.tricks["/x"] = dated
    for number in (1, 2):
        found = fetch(f"{server.url}/x", options=options).path.read_text()
        assert found == f"version {1 if is_asked else number}"
    assert ("if-modified-since" in server.asked("/x")[1].headers) is is_asked


def test_what_changed_is_fetched_anew(server: Server, options: FetchOptions):
    """And what a path led to before is still there for whoever uses it."""
    server.files["/x"] = BODY
    first = fetch(f"{server.url}/x", options=options)
    server.files["/x"] = BODY[::-1]
    assert fetch(f"{server.url}/x", options=options).path.read_bytes() == BODY[::-1]
    assert first.path.read_bytes() == BODY


def test_a_known_digest_needs_no_network(server: Server, options: FetchOptions):
    """Under this name or another one: the same bytes are kept once."""
    server.files["/x"] = BODY
    fetch(f"{server.url}/x", options=options)
    num_requests = len(server.requests)
    fetch(f"{server.url}/x", sha256=SHA256, options=options)
    other = fetch("https://no.such.host.invalid/other", sha256=SHA256, options=options)
    assert other.path.read_bytes() == BODY
    assert len(server.requests) == num_requests
    assert len([*(options.folder / "blobs").iterdir()]) == 1


def test_a_kept_file_that_was_touched_is_read_again(server: Server, options: FetchOptions):
    """Its bytes changed, so it is thrown away and fetched."""
    server.files["/x"] = BODY
    found = fetch(f"{server.url}/x", options=options)
    found.path.chmod(0o644)
    found.path.write_bytes(BODY[::-1])
    assert fetch(f"{server.url}/x", options=options).path.read_bytes() == BODY
    assert [("if-none-match" in request.headers) for request in server.requests] == [False, False]


def test_a_cache_that_was_copied_is_read_once(server: Server, options: FetchOptions):
    """Its times are others; its bytes are not."""
    server.files["/x"] = BODY
    found = fetch(f"{server.url}/x", options=options)
    os.utime(found.path, (1, 1))
    assert fetch(f"{server.url}/x", options=offline(options)) == found
    (record,) = (options.folder / "names").iterdir()
    assert json.loads(record.read_text())["mtime_ns"] == 10**9


def test_a_disk_without_hard_links_gets_symbolic_ones(server, options: FetchOptions, monkeypatch: pytest.MonkeyPatch):
    """The path still ends in the file's own name."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    server.files["/x.bin"] = BODY
    found = fetch(f"{server.url}/x.bin", options=options)
    assert found.path.is_symlink()
    assert found.path.name == "x.bin"
    assert found.path.read_bytes() == BODY


def test_offline_uses_what_is_kept(server: Server, options: FetchOptions):
    """And asks nobody."""
    server.files["/x"] = BODY
    found = fetch(f"{server.url}/x", options=options)
    assert fetch(f"{server.url}/x", options=offline(options)) == found
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["https://example.com/a/x.bin", "hf:a/b/x.bin", "s3://bucket/x.bin"])
def test_offline_says_where_to_put_a_file_by_hand_and_that_works(options: FetchOptions, name: str):
    """The path in the hint is followed to the letter."""
    with pytest.raises(FetchError) as refused:
        fetch(name, options=offline(options))
    assert refused.value.kind == "offline"
    assert name in refused.value.what
    place = Path(str(refused.value.hint).removeprefix("put the file at "))
    put_in(place.parent, {place.name: BODY})
    found = fetch(name, options=offline(options))
    assert found.path.read_bytes() == BODY
    assert found.path.name == "x.bin"
    assert fetch(name, options=offline(options)) == found


def test_a_wrong_file_put_there_by_hand_is_refused(options: FetchOptions):
    """With both digests."""
    with pytest.raises(FetchError) as refused:
        fetch("https://example.com/x", sha256="0" * 64, options=offline(options))
    assert "0" * 64 in str(refused.value.cause)
    place = Path(str(refused.value.hint).removeprefix("put the file at "))
    put_in(place.parent, {place.name: BODY})
    with pytest.raises(FetchError) as refused:
        fetch("https://example.com/x", sha256="0" * 64, options=offline(options))
    assert refused.value.kind == "wrong"
    assert SHA256 in str(refused.value.cause)


def test_the_environment_can_forbid_the_network(options: FetchOptions, monkeypatch: pytest.MonkeyPatch):
    """And say where the cache is."""
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    monkeypatch.setenv("EARMARK_CACHE", str(options.cache))
    with pytest.raises(FetchError) as refused:
        fetch("https://example.com/x")
    assert refused.value.kind == "offline"
    assert str(options.cache) in str(refused.value.cause)


def test_without_a_network_the_way_out_is_said(server: Server, options: FetchOptions):
    """The copy that is here, or where to put one."""
    server.files["/x"] = BODY
    fetch(f"{server.url}/x", options=options)
    dead = f"http://127.0.0.1:{closed_port()}/x"
    with pytest.raises(FetchError) as refused:
        fetch(dead, options=options)
    assert refused.value.kind == "unreachable"
    assert "put the file at" in str(refused.value.hint)


def closed_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "0.0.0.0",  # noqa: S104
             "169.254.169.254", "[64:ff9b::7f00:1]", "[fe80::1]", "224.0.0.1"]
)  # fmt: skip
def test_a_url_leads_to_no_private_address(options: FetchOptions, host: str, server: Server):
    """However it is written; the hint says how to allow it."""
    with pytest.raises(FetchError) as refused:
        fetch(f"http://{host}:{server.port}/x", options=FetchOptions(cache=options.cache))
    assert refused.value.kind in ("address", "unreachable")  # a machine without IPv6 knows no such address
    assert refused.value.kind == "address" or ":" in host
    assert f"{host} is {host}" not in str(refused.value.cause)
    assert not server.requests


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("64:ff9b::5db8:d822", True),
        ("::ffff:93.184.216.34", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:a00:1::", False),
    ],
)
def test_an_address_is_public_or_not(address: str, is_open: bool):
    """By itself, and by the address that it wraps."""
    assert is_public(address) == is_open


def test_a_redirect_leads_to_no_private_address(server: Server, options: FetchOptions, monkeypatch):
    """The host that was asked for may be private, and the one that it sends us to may not."""
    monkeypatch.setenv("EARMARK_ALLOW_PRIVATE", "localhost")
    server.tricks["/x"] = lambda handler, _: handler.answer(302, Location=f"http://127.0.0.1:{server.port}/secret")
    with pytest.raises(FetchError) as refused:
        fetch(f"http://localhost:{server.port}/x", options=FetchOptions(cache=options.cache))
    assert refused.value.kind == "address"
    assert "EARMARK_ALLOW_PRIVATE=127.0.0.1" in str(refused.value.hint)
    assert not server.asked("/secret")


def test_one_private_address_of_many_is_one_too_many(options: FetchOptions, monkeypatch: pytest.MonkeyPatch):
    """A name server of the attacker gives a good one and a bad one."""
    import socket

    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(FetchError) as refused:
        fetch("http://example.com/x", options=FetchOptions(cache=options.cache))
    assert refused.value.kind == "address"


def test_progress_is_told(server: Server, options: FetchOptions):
    """Some of it on the way, and once that it is done."""
    told: list[FetchProgress] = []
    server.files["/x"] = BODY
    fetch(f"{server.url}/x", options=FetchOptions(cache=options.cache, allow_private=True, progress=told.append))
    assert told[-1] == FetchProgress(f"{server.url}/x", len(BODY), len(BODY), is_done=True)
    assert [one.is_done for one in told[:-1]] == [False] * (len(told) - 1)
    assert told[0].total_bytes == len(BODY)


def test_options_travel_without_their_progress():
    """A worker has no terminal."""
    options = FetchOptions(offline=True, progress=print)
    assert pickle.loads(pickle.dumps(options)) == FetchOptions(offline=True)


def test_a_local_folder_is_as_it_is(tmp_path: Path, options: FetchOptions):
    """Its hash is over paths and bytes, and not over where it is."""
    files = {"a": b"1", "b/c": b"2"}
    put_in(tmp_path / "one", files)
    put_in(tmp_path / "two", files)
    one, two = (fetch_folder(f"{tmp_path}/{name}", options=options) for name in ("one", "two"))
    assert one.path == tmp_path / "one"
    assert [file.path.relative_to(one.path).as_posix() for file in one.files] == ["a", "b/c"]
    assert one.content_hash == two.content_hash
    put_in(tmp_path / "two", {"b/c": b"3"})
    assert fetch_folder(f"{tmp_path}/two", options=options).content_hash != one.content_hash


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path, options: FetchOptions):
    """And a URL is never a folder."""
    put_in(tmp_path, {"d/f": b"x"})
    with pytest.raises(UsageError, match="is a folder"):
        fetch(f"{tmp_path}/d", options=options)
    with pytest.raises(UsageError, match="is a file"):
        fetch_folder(f"{tmp_path}/d/f", options=options)
    with pytest.raises(UsageError, match="no folder"):
        fetch_folder("https://example.com/d", options=options)
    with pytest.raises(UsageError, match="whole repository"):
        fetch("hf:a/b", options=options)


def test_a_cache_that_cannot_be_made_is_said(tmp_path: Path, server: Server):
    """With the variable that names another one."""
    (tmp_path / "file").write_text("x")
    server.files["/x"] = BODY
    with pytest.raises(FetchError) as refused:
        fetch(f"{server.url}/x", options=FetchOptions(cache=tmp_path / "file" / "cache", allow_private=True))
    assert refused.value.kind == "disk"
    assert "EARMARK_CACHE" in str(refused.value.hint)


def test_the_cache_is_the_users_own_by_default(monkeypatch: pytest.MonkeyPatch):
    """Where the platform keeps such things."""
    monkeypatch.delenv("EARMARK_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert FetchOptions().folder == Path("/somewhere/earmark")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert FetchOptions().folder == Path("~/.cache/earmark").expanduser()
