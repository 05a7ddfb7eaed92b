"""Cleaning beside those who fetch, and of a cache that several users share."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.fetching import FetchOptions, fetch
from earmark.fetching.cache import Cache
from earmark.fetching.cleaning import remove_kept
from earmark.fetching.kept import Kept
from earmark.fetching.uses import Living
from earmark.sources import open_source
from earmark.verbs.cache import cache
from earmark.verbs.stage import stage
from tests.fetching.servers import Server
from tests.toys import toy_source

BODY = b"model" * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()
NOBODY = 65534
DAY_S = 86_400

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="to act for another user, the tests must be run by root")


@pytest.mark.parametrize("wanted", [None, SHA256])
def test_a_clean_between_looking_and_using_costs_a_download(server: Server, options, monkeypatch, wanted: str | None):
    """And no error: what is gone is asked for under the lock of its name, where no clean takes it."""
    server.files["/x"] = server.files["/y"] = BODY
    fetch(f"{server.url}/x", options=options)
    monkeypatch.setenv("EARMARK_CACHE", str(options.folder))
    real, removed = Cache.use, []

    def clean_first(self: Cache, path: Path) -> None:
        if not removed:
            removed.extend(cache(clean=True).removed)
        real(self, path)

    monkeypatch.setattr(Cache, "use", clean_first)
    name = f"{server.url}/{'x' if wanted is None else 'y'}"  # the same bytes are here, under another name
    pinned = FetchOptions(cache=options.cache, allow_private=True)
    found = fetch(name, sha256=wanted or SHA256, options=pinned)
    assert found.path.read_bytes() == BODY
    assert len(removed) == 1


def test_a_download_that_ends_while_it_is_listed_is_no_error(tmp_path: Path):
    """It had a name when the folder was read, and was gone before its size was."""
    gone = Kept("download", "x", tmp_path / "partial" / ("e" * 64), 0, 0.0, ("e" * 64,))
    assert remove_kept(tmp_path, [gone]).removed == ()


def test_what_another_user_uses_cannot_be_dated_by_that_user():
    """So it is in use whatever its time; what the users themselves own goes by its time."""
    assert Living(since_s=10.0, owners=frozenset({1})).may_use(10.0, 1)
    assert not Living(since_s=10.0, owners=frozenset({1})).may_use(9.0, 1)
    assert Living(since_s=10.0, owners=frozenset({1})).may_use(9.0, 0)
    assert Living(since_s=10.0, owners=frozenset({1, 0})).may_use(9.0, 0)
    assert not Living().may_use(9.0, 0)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A cache that every user may write to, as ``/tmp`` is; pytest's own folders are open to one user only."""
    folder = Path(tempfile.mkdtemp())
    for path in (folder, *(folder / name for name in ("locks", "partial", "blobs", "named", "names"))):
        path.mkdir(exist_ok=True)
        path.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


def put(folder: Path, body: bytes, owner: int) -> str:
    """A file of the cache that nobody read for an hour, as a disk says it that writes readings down once a day."""
    sha256 = hashlib.sha256(body).hexdigest()
    path = folder / "blobs" / sha256
    path.write_bytes(body)
    os.utime(path, (time.time() - 2 * 3600, time.time() - 2 * DAY_S))
    os.chown(path, owner, owner)
    facts = {"name": f"https://example.com/{sha256[:4]}", "kind": "url", "revision": None, "sha256": sha256}
    facts |= {"size_bytes": len(body), "mtime_ns": path.stat().st_mtime_ns, "fetched_s": 0.0}
    (folder / "names" / f"{sha256[::-1]}.json").write_text(json.dumps(facts))
    return sha256


AS_NOBODY = """
import os, sys
from pathlib import Path
import filelock
import earmark.cli.cache, earmark.verbs.cache
from earmark.fetching import uses
with uses.at_once(Path(sys.argv[1], "warm.lock")):  # imports all that it needs, from where only root may look
    pass
os.setgid(65534)
os.setuid(65534)
"""
READ = f"""{AS_NOBODY}
uses.use(Path(sys.argv[1]), Path(sys.argv[1], "blobs", sys.argv[2]))
print("reading", flush=True)
sys.stdin.read()
"""
CLEAN = f"""{AS_NOBODY}
sys.exit(earmark.cli.cache.cache_command(clean=True))
"""


@contextlib.contextmanager
def reading_as_nobody(folder: Path, sha256: str) -> Iterator[None]:
    command = [sys.executable, "-c", READ, str(folder), sha256]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        yield
        process.communicate()


@only_root
def test_what_another_user_reads_stays(shared: Path, monkeypatch: pytest.MonkeyPatch):
    """That user has a mark, but may not date the file; when it ends, the file goes."""
    sha256 = put(shared, BODY, 0)
    monkeypatch.setenv("EARMARK_CACHE", str(shared))
    with reading_as_nobody(shared, sha256):
        report = cache(clean=True)
        assert [(one.path.name, one.path.exists()) for one in report.in_use] == [(sha256, True)]
    assert [one.path.name for one in cache(clean=True).removed] == [sha256]


@only_root
def test_a_user_cleans_what_it_may(shared: Path):
    """Its own goes; what is another's is counted, and so are the locks of others left alone, that it may not open."""
    theirs, mine = put(shared, BODY, 0), put(shared, BODY[::-1], NOBODY)
    (shared / "names" / f"{mine[::-1]}.json").unlink()
    stale = shared / "locks" / f"{'e' * 64}.lock"
    stale.touch()
    command = [sys.executable, "-c", CLEAN, str(shared)]
    done = subprocess.run(
        command, env={**os.environ, "EARMARK_CACHE": str(shared)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("removed 1, ")
    assert "1 thing is another user's, and not removed" in done.stderr
    assert [path.name for path in (shared / "blobs").iterdir()] == [theirs]
    assert stale.exists()


@only_root
def test_a_mark_of_another_user_counts_as_held(shared: Path):
    """It may not be opened, so nobody can tell whether its process lives; what it may read stays, without an error."""
    mine = put(shared, BODY, NOBODY)
    (shared / "locks" / f"use-{'0' * 16}.lock").touch(0o600)
    command = [sys.executable, "-c", CLEAN, str(shared)]
    done = subprocess.run(
        command, env={**os.environ, "EARMARK_CACHE": str(shared)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 thing is in use, and not removed" in done.stderr
    assert (shared / "blobs" / mine).exists()


LISTEN = """
import sys
from pathlib import Path
from earmark.sources import open_source
source = open_source(sys.argv[1])
paths = [Path(source.root, one.audio.uri) for one in source.utterances()]
print("reading", flush=True)
sys.stdin.read()
print([path.exists() for path in paths])
"""


@pytest.fixture
def staged_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A staged set in an object store, and a cache into which it was brought before, days ago."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    facts = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "EARMARK_CACHE": str(tmp_path / "cache")}
    facts |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in facts.items():
        monkeypatch.setenv(name, value)
    boto3.resource("s3", endpoint_url=facts["AWS_ENDPOINT_URL"]).Bucket("data").create()
    stage(toy_source(tmp_path / "audio", 3), "s3://data/set")
    list(open_source("s3://data/set").utterances())
    for path in (tmp_path / "cache" / "blobs").iterdir():
        os.utime(path, (time.time() - 2 * DAY_S,) * 2)
    yield "s3://data/set"
    server.stop()


def test_the_audio_of_a_staged_set_in_a_store_stays_while_it_is_read(staged_url: str):
    """Its links stand from an earlier time, so nothing is fetched; the one that begins now uses it all the same."""
    command = [sys.executable, "-c", LISTEN, staged_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        cache(clean=True)
        assert process.communicate()[0] == "[True, True, True]\n"
