"""What is in the cache, and what is thrown away of it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.cli.main import run
from earmark.errors import UsageError
from earmark.fetching import FetchOptions, fetch
from earmark.fetching.cache import Cache, key_of
from earmark.fetching.kept import kept_in, sweep, total_bytes
from earmark.fetching.names import resolve
from earmark.sources import open_source
from earmark.verbs.cache import cache
from tests.sources import embedding
from tests.sources.loopback import serving

DAY_S = 86_400


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    www = tmp_path / "www"
    www.mkdir()
    (www / "old.bin").write_bytes(b"o" * 5000)
    (www / "new.bin").write_bytes(b"n" * 3000)
    (www / "same.bin").write_bytes(b"n" * 3000)
    (www / "set.parquet").write_bytes(embedding.shard(0, 3))
    with serving(www) as (served, _):
        yield served


@pytest.fixture
def kept(url: str, options: FetchOptions, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, with an old file, a new one of two names, and audio that was embedded."""
    monkeypatch.setenv("EARMARK_CACHE", str(options.folder))
    for name in ("old", "new", "same"):
        fetch(f"{url}/{name}.bin", options=options)
    list(open_source(f"{url}/set.parquet", fetching=options).utterances())
    age(fetch(f"{url}/old.bin", options=options).path, 10)
    return options.folder


def age(path: Path, days: float) -> None:
    os.utime(path, (time.time() - days * DAY_S,) * 2)


def test_what_is_there_is_listed_with_its_size_and_its_last_use(kept: Path, url: str):
    """The largest first; a file under two names is one, and its bytes count once."""
    items = kept_in(kept)
    sizes = [(one.kind, one.name, one.size_bytes) for one in items if one.size_bytes in (3000, 5000)]
    assert sizes == [("file", f"{url}/old.bin", 5000), ("file", f"{url}/new.bin", 3000)]
    assert [one.size_bytes for one in items] == sorted((one.size_bytes for one in items), reverse=True)
    assert {one.kind for one in items} == {"file", "audio"}
    ages = {one.size_bytes: (time.time() - one.used_s) / DAY_S for one in items}
    assert ages[5000] == pytest.approx(10, abs=0.1)
    assert ages[3000] < 0.1
    assert total_bytes(kept) >= sum(one.size_bytes for one in items)


def test_only_what_is_old_is_removed(kept: Path, url: str, options: FetchOptions):
    """By its last use; the rest serves without a network, and what is gone is fetched again."""
    report = cache(clean=True, older_than=5)
    assert [one.name for one in report.removed] == [f"{url}/old.bin"]
    assert report.freed_bytes >= 5000
    offline = replace(options, offline=True)
    assert fetch(f"{url}/same.bin", options=offline).size_bytes == 3000
    assert fetch(f"{url}/old.bin", options=options).size_bytes == 5000


def test_all_of_it_is_removed_and_comes_again(kept: Path, url: str, options: FetchOptions):
    """Links to what is gone are gone; but what a person put there by hand stays."""
    (kept / "by-hand").mkdir()
    (kept / "by-hand" / "x").write_bytes(b"mine")
    (kept / "audio" / "set").mkdir(parents=True)
    (kept / "audio" / "set" / "a.wav").symlink_to(fetch(f"{url}/new.bin", options=options).path)
    report = cache(clean=True)
    assert (len(report.removed), report.items, report.in_use) == (4, (), ())
    assert (kept / "by-hand" / "x").read_bytes() == b"mine"
    assert not (kept / "audio" / "set" / "a.wav").is_symlink()
    assert not list((kept / "named").iterdir())
    source = open_source(f"{url}/set.parquet", fetching=options)
    assert [Path(source.root, row.audio.uri).is_file() for row in source.utterances()] == [True] * 3


def test_what_a_running_process_has_the_lock_of_stays(kept: Path, url: str, options: FetchOptions):
    """Be it a file that is asked for again, a download, or audio that is being written."""
    table = fetch(f"{url}/set.parquet", options=options).sha256[:32]
    key = key_of(resolve(f"{url}/same.bin"))
    download = key_of(resolve(f"{url}/other.bin"))
    (kept / "partial" / download).write_bytes(b"half")
    with Cache(kept).locked(key), Cache(kept).locked(f"embedded-{table}"), Cache(kept).locked(download):
        report = cache(clean=True)
    assert {one.kind for one in report.in_use} == {"file", "audio", "download"}
    assert (kept / "partial" / download).read_bytes() == b"half"
    assert fetch(f"{url}/new.bin", options=replace(options, offline=True)).size_bytes == 3000
    assert len(cache(clean=True).removed) == 3


def test_temporaries_of_dead_processes_are_swept(kept: Path):
    """Files and folders that nobody touched for an hour; not one that is written to now."""
    dead, alive = kept / "snapshots" / ".tmp-dead", kept / "unpacked" / ".tmp-x-alive"
    for folder in (dead, alive):
        folder.mkdir(parents=True)
        (folder / "x").write_bytes(b"x")
    age(dead / "x", 1)
    for folder in (dead, alive):
        age(folder, 1)
    (kept / "names" / ".tmp-1").write_bytes(b"x")
    age(kept / "names" / ".tmp-1", 1)
    theirs, link = kept / "snapshots" / "x" / ".tmp-theirs", kept / "audio" / "x" / "deep" / ".tmp-0123456789ab"
    for path in (theirs, link):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
        age(path, 1)
    assert sweep(kept) == 3
    assert not dead.exists()
    assert not link.exists()
    assert theirs.exists(), "a file of a folder that was fetched"
    assert (alive / "x").exists()
    assert sweep(kept) == 0


def test_the_command_lists_and_cleans(kept: Path, url: str, capsys: pytest.CaptureFixture[str]):
    """Names, sizes and days on stdout; days below none are bad usage."""
    assert run(["cache"]) == 0
    shown = capsys.readouterr().out
    assert f"file      {url}/old.bin" in shown
    assert str(kept) in shown
    assert run(["cache", "--older-than", "5"]) == 0
    assert "new.bin" not in capsys.readouterr().out
    assert kept_in(kept), "a listing removes nothing"
    assert run(["cache", "--clean", "--older-than", "5"]) == 0
    assert capsys.readouterr().out.startswith("removed 1, ")
    assert run(["cache", "--older-than", "-1"]) == 2
    with pytest.raises(UsageError):
        cache(older_than=float("nan"))


def test_a_cache_that_is_not_there_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """And it is not made."""
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "none"))
    assert cache(clean=True).items == ()
    assert not (tmp_path / "none").exists()
