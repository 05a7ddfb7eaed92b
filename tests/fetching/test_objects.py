"""Objects of a real object store on loopback, reached as results are: by AWS_ENDPOINT_URL."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from earmark.errors import FetchError
from earmark.fetching import FetchOptions, FetchProgress, fetch, fetch_folder
from earmark.fetching.cache import key_of
from earmark.fetching.names import resolve

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
