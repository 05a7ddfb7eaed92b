"""Objects of a real object store on loopback, reached as results are: by AWS_ENDPOINT_URL."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from earmark.errors import FetchError, FolderError, StoreError, UsageError
from earmark.fetching import FetchOptions, FetchProgress, fetch, fetch_folder, objects
from earmark.fetching.cache import key_of
from earmark.fetching.names import resolve
from earmark.fetching.stores import _bounded, client_of
from earmark.sources import open_source
from earmark.store.folder import open_folder

BODY = b"0123456789" * 300_000


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in (
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    client = boto3.resource("s3", endpoint_url=endpoint)
    found = client.Bucket("data")
    found.create()
    found.objects.delete()
    return found


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large here is larger than a block."""
    monkeypatch.setattr(objects, "_BLOCK_BYTES", 1 << 20)


@pytest.fixture
def asked(bucket: Any) -> Iterator[list[str]]:
    """The requests to the store from now on: method and address."""
    found: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(" ".join(record.getMessage().partition('"')[2].split()[:2]).removeprefix("\x1b[35m\x1b[1m"))

    log, listener = logging.getLogger("werkzeug"), Listener()
    log.addHandler(listener)
    log.setLevel(logging.INFO)
    log.propagate = False
    yield found
    log.removeHandler(listener)
    log.setLevel(logging.ERROR)
    log.propagate = True


def put(bucket: Any, **files: bytes) -> None:
    for name, body in files.items():
        bucket.put_object(Key=name, Body=body)


def test_an_object_is_fetched_once_and_asked_for_by_its_etag(bucket, options: FetchOptions):
    """A new version is fetched anew."""
    put(bucket, x=BODY)
    told: list[FetchProgress] = []
    options = FetchOptions(cache=options.cache, progress=told.append)
    first = fetch("s3://data/x", options=options)
    assert (first.path.read_bytes(), first.kind) == (BODY, "store")
    assert first.revision
    assert told[-1].is_done
    num_told = len(told)
    assert fetch("s3://data/x", options=options) == first
    assert len(told) == num_told, "nothing was brought"
    put(bucket, x=b"new")
    assert fetch("s3://data/x", options=options).path.read_bytes() == b"new"


@pytest.mark.parametrize("is_same", [True, False])
def test_a_download_goes_on_only_with_the_same_version(bucket, options: FetchOptions, is_same: bool):
    """What a killed process left is of one ETag."""
    put(bucket, x=BODY)
    capped = FetchOptions(cache=options.cache, progress=Killed())
    with pytest.raises(KeyboardInterrupt):
        fetch("s3://data/x", options=capped)
    partial = options.folder / "partial" / key_of(resolve("s3://data/x"))
    assert 0 < partial.stat().st_size < len(BODY)
    body = BODY if is_same else BODY[::-1]
    put(bucket, x=body)
    told: list[FetchProgress] = []
    found = fetch("s3://data/x", options=FetchOptions(cache=options.cache, progress=told.append))
    assert found.path.read_bytes() == body
    assert (told[0].done_bytes > 2**20) == is_same


class Killed:
    """Ends the process that fetches, after the first block."""

    def __call__(self, _progress: FetchProgress) -> None:
        raise KeyboardInterrupt


def test_a_prefix_is_a_folder(bucket, options: FetchOptions):
    """Whole, by its paths; asked for each time, and assembled anew where something changed."""
    put(bucket, **{"set/a.txt": b"1", "set/deep/b.txt": b"2", "other/c": b"3"})
    found = fetch_folder("s3://data/set", options=options)
    assert {path.relative_to(found.path).as_posix() for path in found.path.rglob("*.txt")} == {"a.txt", "deep/b.txt"}
    assert fetch_folder("s3://data/set/", options=options).content_hash == found.content_hash
    put(bucket, **{"set/a.txt": b"changed"})
    again = fetch_folder("s3://data/set", options=options)
    assert (again.path / "a.txt").read_bytes() == b"changed"
    assert (found.path / "a.txt").read_bytes() == b"1", "whoever uses the old one keeps it"
    offline = FetchOptions(cache=options.cache, offline=True)
    assert fetch_folder("s3://data/set", options=offline).path == again.path


def test_the_first_file_that_fails_ends_the_others(bucket, options: FetchOptions):
    """Nobody waits for gigabytes of a folder that cannot be had."""
    put(bucket, **{"set/0": b"0" * 9_000_000, "set/a": BODY})

    def wait_until_it_is_over(_progress: FetchProgress) -> None:
        for _ in range(2000):
            if "shutdown" in functions_of_the_main_thread():
                return
            threading.Event().wait(0.01)

    with pytest.raises(FetchError) as refused:
        fetch_folder(
            "s3://data/set",
            options=FetchOptions(cache=options.cache, max_bytes=8_000_000, progress=wait_until_it_is_over),
        )
    assert refused.value.kind == "too_large"
    assert not (options.folder / "blobs").exists(), "the other one is no more than begun"


def functions_of_the_main_thread() -> set[str]:
    frame = sys._current_frames()[threading.main_thread().ident]
    names = set()
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return names


def test_a_folder_with_a_file_that_was_touched_is_made_again(bucket, options: FetchOptions):
    """Its bytes are read, and what changed is fetched."""
    put(bucket, **{"set/a.txt": b"1", "set/b.txt": b"2"})
    found = fetch_folder("s3://data/set", options=options)
    (found.path / "a.txt").chmod(0o644)
    (found.path / "a.txt").write_bytes(b"x")
    again = fetch_folder("s3://data/set", options=options)
    assert (again.path / "a.txt").read_bytes() == b"1"
    assert again.content_hash == found.content_hash


@pytest.mark.parametrize("name", ["s3://data/nothing", "s3://nobucket/x"])
def test_what_is_not_there_is_said(bucket, options: FetchOptions, name: str):
    """As a file and as a folder."""
    with pytest.raises(FetchError) as refused:
        fetch(name, options=options)
    assert refused.value.kind == "missing"
    with pytest.raises(FetchError):
        fetch_folder(name, options=options)


def test_no_message_shows_a_key(bucket, options: FetchOptions):
    """Nor does any file of the cache."""
    with pytest.raises(FetchError) as refused:
        fetch("s3://key:hunter2@data/nothing", options=options)
    assert "hunter2" not in f"{refused.value.what} {refused.value.cause} {refused.value.hint}"
    put(bucket, x=b"x")
    found = fetch("s3://key:hunter2@data/x", options=options)
    assert found.name == "s3://data/x"
    assert not any(b"hunter2" in path.read_bytes() for path in options.folder.rglob("*") if path.is_file())


def test_a_large_object_is_refused_before_it_is_read(bucket, options: FetchOptions):
    """Its size is known."""
    put(bucket, x=BODY)
    with pytest.raises(FetchError) as refused:
        fetch("s3://data/x", options=FetchOptions(cache=options.cache, max_bytes=1000))
    assert refused.value.kind == "too_large"


def test_a_path_that_is_a_file_and_a_folder_is_refused(bucket, options: FetchOptions, tmp_path: Path):
    """A store allows it, and a disk does not."""
    put(bucket, **{"set/a": b"1", "set/a/b": b"2"})
    with pytest.raises(FetchError, match="cannot fetch") as refused:
        fetch_folder("s3://data/set", options=options)
    assert refused.value.kind == "server"


ODD_KEYS = (
    "a b.wav",
    "a#b.wav",
    "a?b=c.wav",
    "a%20b.wav",
    "a%.wav",
    "ñandú/é+&=;.wav",
    "日本.wav",
    "a'\"<x>.wav",
    "~a:@!.wav",
)


def test_keys_of_any_spelling_are_listed_and_fetched(bucket, options: FetchOptions):
    """As files of a prefix, and each by its own name as a URL writes it."""
    put(bucket, **{f"set one/{key}": f"of {key}".encode() for key in ODD_KEYS})
    folder = fetch_folder("s3://data/set%20one", options=options)
    assert {file.path.relative_to(folder.path).as_posix() for file in folder.files} == set(ODD_KEYS)
    for key in ODD_KEYS:
        assert (folder.path / key).read_bytes() == f"of {key}".encode()
    for file in folder.files:
        assert fetch(file.name, options=options).path.read_bytes() == file.path.read_bytes()
    assert fetch("s3://data/set one/ñandú/é+&=;.wav", options=options).path.name == "é____.wav"


def test_the_rows_of_a_manifest_may_name_keys_of_any_spelling(bucket, options: FetchOptions):
    """By their paths, as they are."""
    rows = "".join(f'{{"audio": {json.dumps(key)}, "text": "x"}}\n' for key in ODD_KEYS)
    put(bucket, **{f"odd/{key}": key.encode() for key in ODD_KEYS}, **{"odd/m.jsonl": rows.encode()})
    source = open_source("s3://data/odd/m.jsonl", fetching=options)
    assert [Path(source.root, row.audio.uri).read_bytes().decode() for row in source.utterances()] == list(ODD_KEYS)


def test_a_clip_takes_two_requests_and_one_that_is_here_takes_one(bucket, asked: list[str], options: FetchOptions):
    """One for its size and its version, which the client always makes, and one for its bytes; all by one client."""
    clips = {f"set/{number}.wav": bytes([number]) * 10_000 for number in range(5)}
    put(bucket, **clips)
    del asked[:]
    for name in clips:
        fetch(f"s3://data/{name}", options=options)
    assert Counter(asked) == {f"{method} /data/{name}": 1 for name in clips for method in ("HEAD", "GET")}
    del asked[:]
    for name in clips:
        fetch(f"s3://data/{name}", options=options)
    assert Counter(asked) == {f"HEAD /data/{name}": 1 for name in clips}
    assert client_of("s3://data/a")[0] is client_of("s3://data/b")[0]
    assert client_of("s3://data/a")[0] is not client_of("s3://other/a")[0]


def test_a_version_that_no_digest_tells_is_asked_for_again(bucket, asked: list[str], options: FetchOptions):
    """The ETag of an upload in parts is no MD5: one more request says that the object did not change meanwhile."""
    upload = bucket.Object("parts").initiate_multipart_upload()
    tag = upload.Part(1).upload(Body=BODY)["ETag"]
    upload.complete(MultipartUpload={"Parts": [{"ETag": tag, "PartNumber": 1}]})
    del asked[:]
    assert fetch("s3://data/parts", options=options).path.read_bytes() == BODY
    assert Counter(asked) == {"HEAD /data/parts": 2, "GET /data/parts": 3}


def test_an_object_that_changes_while_it_is_read_is_read_again(bucket, options: FetchOptions):
    """The halves of two versions make no file."""
    put(bucket, x=BODY)

    def change(progress: FetchProgress) -> None:
        if progress.done_bytes == 1 << 20 and bucket.Object("x").get()["Body"].read(1) == BODY[:1]:
            put(bucket, x=BODY[::-1])

    found = fetch("s3://data/x", options=FetchOptions(cache=options.cache, progress=change))
    assert found.path.read_bytes() == BODY[::-1]


class Refusing(BaseHTTPRequestHandler):
    """Answers with the status that the bucket is called."""

    timeout = 10

    def do_GET(self) -> None:
        self.send_response(int(self.path.split("/")[1].partition("?")[0]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815  # the library's names

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (403, "denied", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"),
        (401, "denied", "AWS_PROFILE"),
        (400, "denied", "AWS_PROFILE"),
        (301, "server", "AWS_DEFAULT_REGION"),
        (404, "missing", "AWS_ENDPOINT_URL"),
    ],
)
def test_what_a_store_refuses_is_said_in_our_words(
    bucket, refusing: str, options: FetchOptions, monkeypatch: pytest.MonkeyPatch, status: int, kind: str, hint: str
):
    """As a file and as a folder: the cause, and what gives a key or leads to the right place; no words of AWS."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", refusing)
    with pytest.raises(FetchError) as refused:
        fetch(f"s3://{status}/NETWORK_CONNECTION/ACCESS_DENIED", options=options)
    assert (refused.value.kind, refused.value.exit_code) == (kind, 1)
    assert hint in str(refused.value.hint)
    assert "AWS Error" not in str(refused.value.cause)
    with pytest.raises(FetchError) as refused:
        fetch_folder(f"s3://{status}/x", options=options)
    assert refused.value.kind == kind


class Lying(BaseHTTPRequestHandler):
    """Says 1000 bytes of every object; the bucket is how many of them come, and the key the ETag."""

    timeout = 10
    protocol_version = "HTTP/1.1"
    filling = b"x"

    def do_HEAD(self) -> None:
        self.answer(200, 1000)

    def do_GET(self) -> None:
        begin, end = (int(word) for word in self.headers["Range"].removeprefix("bytes=").split("-"))
        body = self.filling * (min(end + 1, int(self.path.split("/")[1])) - begin)
        self.answer(206, len(body), f"bytes {begin}-{begin + len(body) - 1}/1000")
        self.wfile.write(body)

    def answer(self, status: int, size_bytes: int, content_range: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(size_bytes))
        self.send_header("ETag", f'"{self.path.split("/")[2]}"')
        if content_range is not None:
            self.send_header("Content-Range", content_range)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


class Changing(Lying):
    """Sends other bytes each time, and says that nothing changed."""

    sent = 0

    def do_GET(self) -> None:
        type(self).sent += 1
        self.filling = bytes([self.sent % 256])
        super().do_GET()


@contextlib.contextmanager
def at_store(handler: type[BaseHTTPRequestHandler], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setattr(objects, "_WITHOUT_MD5", set())
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("etag", ["abc-2", md5(b"x"), md5(b"x" * 500)])
@pytest.mark.parametrize("num_bytes", [500, 999])
@pytest.mark.parametrize("block_bytes", [1 << 20, 500])
def test_an_object_that_is_shorter_than_its_size_is_no_object(
    bucket, options: FetchOptions, monkeypatch: pytest.MonkeyPatch, etag: str, num_bytes: int, block_bytes: int
):
    """Though the client says that all came, and fills it up with zeros; whatever the ETag is like."""
    monkeypatch.setattr(objects, "_BLOCK_BYTES", block_bytes)
    with at_store(Lying, monkeypatch), pytest.raises(FetchError, match="cannot fetch") as refused:
        fetch(f"s3://{num_bytes}/{etag}", options=options)
    assert refused.value.kind in ("broken", "server")
    assert not (options.folder / "blobs").exists()


def test_an_etag_like_an_md5_that_is_none_has_the_object_read_twice(
    bucket, options: FetchOptions, monkeypatch: pytest.MonkeyPatch
):
    """The same twice is it, as with KMS; bytes that change under one ETag are refused."""
    with at_store(Lying, monkeypatch):
        assert fetch(f"s3://1000/{md5(b'y')}", options=options).path.read_bytes() == b"x" * 1000
    with at_store(Changing, monkeypatch), pytest.raises(FetchError) as refused:
        fetch(f"s3://1000/{md5(b'z')}", options=options)
    assert refused.value.kind == "broken"
    assert "MD5" in str(refused.value.cause)


@pytest.mark.parametrize("body", [b"", *(begin + bytes([mark]) for mark in objects._MARKS for begin in (b"x", b""))])
def test_an_object_may_end_as_it_likes(bucket, options: FetchOptions, body: bytes):
    """Also with a byte that marks the end of a block that has not come."""
    put(bucket, x=body)
    assert fetch("s3://data/x", options=options).path.read_bytes() == body


def test_results_that_a_store_refuses_are_said_in_the_same_words(
    bucket, refusing: str, monkeypatch: pytest.MonkeyPatch
):
    """Reading and writing, with the exit code of what failed; a URL of another kind is bad usage."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", refusing)
    folder = open_folder("s3://403/runs")
    for attempt in (lambda: folder.read("spec.json"), lambda: folder.write("spec.json", b"{}"), folder.names):
        with pytest.raises(StoreError) as refused:
            attempt()
        assert refused.value.exit_code == 1
        assert "AWS_PROFILE" in str(refused.value.hint)
        assert "AWS Error" not in str(refused.value.cause)
    with pytest.raises(FolderError):
        open_folder("https://host/runs")


def test_a_server_that_is_not_there_is_said(bucket, options: FetchOptions, monkeypatch: pytest.MonkeyPatch):
    """Its address comes from AWS_ENDPOINT_URL, and so the hint names it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(FetchError, match="cannot fetch s3://data/x") as refused:
        fetch("s3://data/x", options=options)
    assert refused.value.kind == "unreachable"
    assert "AWS_ENDPOINT_URL" in str(refused.value.hint)
    assert "curl" not in str(refused.value.cause)


def test_a_part_of_a_url_that_no_key_has_is_bad_usage():
    """A '#' in a key is written otherwise; a query is the client's."""
    for name in ("s3://data/a#b", "s3://data/a?nonsense=1"):
        with pytest.raises(UsageError):
            fetch(name)


def test_a_store_of_google_is_not_tried_for_a_quarter_of_an_hour(options: FetchOptions):
    """Its client would; a limit in the URL wins over ours."""
    with pytest.raises(FetchError) as refused:
        fetch("gs://anonymous@data/x?endpoint_override=127.0.0.1:1&scheme=http&retry_limit_seconds=1", options=options)
    assert refused.value.kind == "unreachable"
    assert "127.0.0.1:1" in refused.value.name
    assert _bounded("gs", "scheme=http") == "scheme=http&retry_limit_seconds=30"
    assert _bounded("gs", "retry_limit_seconds=1") == "retry_limit_seconds=1"
    assert _bounded("s3", "region=eu") == "region=eu"
