"""What is in the cache, and what is thrown away of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.cli.cache import cache_command
from earmark.cli.main import run
from earmark.errors import UsageError
from earmark.fetching import FetchOptions, cleaning, fetch
from earmark.fetching.cache import Cache, key_of
from earmark.fetching.cleaning import _remove, remove_kept, sweep
from earmark.fetching.kept import kept_in, total_bytes
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


def test_the_sum_is_of_what_is_listed(kept: Path, capsys: pytest.CaptureFixture[str]):
    """Where nothing is old enough to be listed, it is nothing."""
    cache_command(older_than=1000)
    assert capsys.readouterr().out.split()[0] == "0.0"
    cache_command()
    assert capsys.readouterr().out.splitlines()[-1].split()[0] != "0.0"


def test_all_of_it_is_removed_and_comes_again(kept: Path, url: str, options: FetchOptions):
    """Links to what is gone are gone; but what a person put there by hand stays."""
    (kept / "by-hand").mkdir()
    (kept / "by-hand" / "x").write_bytes(b"mine")
    link = kept / "audio" / ("a" * 32) / "set" / "a.wav"
    link.parent.mkdir(parents=True)
    link.symlink_to(fetch(f"{url}/new.bin", options=options).path)
    report = cache(clean=True)
    assert (len(report.removed), report.items, report.in_use) == (4, (), ())
    assert (kept / "by-hand" / "x").read_bytes() == b"mine"
    assert not link.is_symlink()
    assert not list((kept / "names").iterdir())
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


USE = """
import sys
from earmark.fetching import fetch
from earmark.sources import open_source
fetch(sys.argv[1])
list(open_source(sys.argv[2]).utterances())
print("reading", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def another_process(url: str) -> Iterator[subprocess.Popen[str]]:
    """One that fetched an old file and the audio of a table, and has them to read until its stdin ends."""
    environment = {**os.environ, "EARMARK_ALLOW_PRIVATE": "127.0.0.1"}
    words = [sys.executable, "-c", USE, f"{url}/old.bin", f"{url}/set.parquet"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        yield process


def use_marks(kept: Path) -> list[Path]:
    return sorted((kept / "locks").glob("use-*.lock"))


def test_what_a_running_process_may_read_stays(kept: Path, url: str, capsys: pytest.CaptureFixture[str]):
    """Though it holds no lock of it, and no disk says when it was read; what it cannot have used goes."""
    for one in kept_in(kept):
        for path in [one.path, *one.path.rglob("*")]:
            age(path, 10)
    marks = use_marks(kept)
    with another_process(url) as process:
        assert run(["cache", "--clean"]) == 0
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
    assert "3 things are in use, and not removed" in capsys.readouterr().err
    assert sorted(one.name.rpartition("/")[2] for one in kept_in(kept) if one.kind == "file") == [
        "old.bin",
        "set.parquet",
    ]
    assert use_marks(kept) == marks, "whoever ends takes its mark away"
    assert len(cache(clean=True).removed) == 3


def test_a_process_that_was_killed_keeps_nothing(kept: Path, url: str):
    """Its lock went with it, and the file of the lock goes now; those of who lives stay."""
    marks = use_marks(kept)
    with another_process(url) as process:
        process.kill()
    assert len(use_marks(kept)) == len(marks) + 1
    with Cache(kept).locked("e" * 64):
        assert len(cache(clean=True).removed) == 4
        assert sorted((kept / "locks").iterdir()) == sorted([*marks, kept / "locks" / f"{'e' * 64}.lock"])


def test_what_is_used_in_the_middle_of_its_removal_is_put_back(kept: Path):
    """It was looked at before it was taken away, and is looked at again before it is deleted."""
    for item in kept_in(kept):
        assert _remove(kept, replace(item, used_s=item.used_s - 1)) is False
        assert item.path.exists()
    assert len(kept_in(kept)) == 4
    assert not list((kept / "partial").glob(".tmp-*"))


class _Killed(BaseException):
    """As a kill: nothing catches it."""


@pytest.mark.parametrize("has_name", [True, False])
def test_a_kill_in_the_middle_of_a_clean_leaves_nothing_that_the_next_one_does_not_find(
    kept: Path, monkeypatch: pytest.MonkeyPatch, has_name: bool
):
    """A file was taken away, and its second name, which holds the bytes as well, was not yet."""

    def killed(_path: Path) -> None:
        raise _Killed

    if not has_name:
        shutil.rmtree(kept / "names")
        monkeypatch.setattr(cleaning, "_STALE_AFTER_S", -1.0)
    with monkeypatch.context() as patch:
        patch.setattr(cleaning, "_delete", killed)
        for item in kept_in(kept):
            with contextlib.suppress(_Killed):
                _remove(kept, item)
    assert kept_in(kept) == []
    assert total_bytes(kept) > 8000
    monkeypatch.setattr(cleaning, "_STALE_AFTER_S", -1.0)
    cache(clean=True)
    assert [path for path in kept.rglob("*") if path.is_file() and path.parent.name != "locks"] == []


def test_a_second_name_stays_while_another_clean_may_put_the_first_one_back(kept: Path):
    """That one has the lock of its name, or took it away just now."""
    first, second = [one for one in kept_in(kept) if one.kind == "file"][:2]
    for item in (first, second):
        item.path.rename(kept / item.path.name)
    with contextlib.ExitStack() as stack:
        for key in first.locks:
            stack.enter_context(Cache(kept).locked(key))
        for path in (kept / "names").iterdir():
            if second.path.name in path.read_text():
                path.unlink()
        remove_kept(kept, [])
    for item in (first, second):
        assert list((kept / "named" / item.path.name).iterdir())


@pytest.mark.parametrize("is_swept", [True, False])
def test_two_cleans_at_once_are_no_error(kept: Path, monkeypatch: pytest.MonkeyPatch, is_swept: bool):
    """One takes what the other was about to: before it moved it aside, or while it sweeps."""
    items = kept_in(kept)
    real = cleaning._hidden
    others = []

    def other_first(folder: Path) -> Path:
        if not others:
            others.append(None)
            others[:] = remove_kept(kept, items).removed
        return real(folder)

    monkeypatch.setattr(cleaning, "_hidden", other_first)
    if is_swept:
        dead = kept / "unpacked" / ".tmp-0123456789ab"
        dead.mkdir(parents=True)
        age(dead, 1)
        monkeypatch.setattr(cleaning, "_touched_s", lambda _path: 0.0)
        real_rename = Path.rename

        def gone(path: Path, target: Path) -> Path:
            if path == dead:
                shutil.rmtree(dead)
            return real_rename(path, target)

        monkeypatch.setattr(Path, "rename", gone)
        assert sweep(kept) == 0
    report = remove_kept(kept, items)
    assert (report.in_use, report.not_ours) == ((), ())
    assert len(others) + len(report.removed) == len(items)


def test_what_a_clean_takes_away_is_not_stale_to_another(kept: Path, monkeypatch: pytest.MonkeyPatch):
    """However old it is: it may be put back."""
    (old,) = [one for one in kept_in(kept) if one.size_bytes == 5000]
    real = cleaning.size_and_use
    swept = []

    def sweep_first(path: Path) -> tuple[int, float]:
        swept.append(sweep(kept))
        return real(path)

    monkeypatch.setattr(cleaning, "size_and_use", sweep_first)
    assert _remove(kept, replace(old, used_s=old.used_s - 1)) is False
    assert swept == [0]
    assert old.path.exists()


def test_temporaries_of_dead_processes_are_swept(kept: Path):
    """Files and folders that nobody touched for an hour; not one that is written to now, and none by a listing."""
    word, key = ".tmp-0123456789ab", "e" * 64
    dead, alive = kept / "snapshots" / word, kept / "unpacked" / f".tmp-{key}-0123456789ab"
    for folder in (dead, alive):
        folder.mkdir(parents=True)
        (folder / "x").write_bytes(b"x")
    age(dead / "x", 1)
    for folder in (dead, alive):
        age(folder, 1)
    theirs, link = kept / "snapshots" / key / word, kept / "audio" / key[:32] / "deep" / word
    files = [kept / "names" / word, kept / "named" / word, kept / "named" / key / word, link, theirs]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        age(path, 1)
    assert cache().num_swept == 0
    assert all(path.exists() for path in files)
    assert cache(clean=True, older_than=1000).num_swept == 5
    assert not dead.exists()
    assert not any(path.exists() for path in files[:-1])
    assert theirs.exists(), "a file of a folder that was fetched"
    assert (alive / "x").exists()
    assert sweep(kept) == 0


def test_what_the_cache_did_not_make_stays(kept: Path):
    """Its folder may have been there before, with somebody's things under any name but those that the cache gives."""
    mine = [
        "snapshots/holiday/p.jpg", "snapshots/holiday.json", "snapshots/.tmp-mine", "blobs/important.doc",
        "blobs/.tmp-0123456789ab", "embedded/x", "embedded/y/.tmp-0123456789ab", "unpacked/0a/b", "partial/c.part",
        "listings/all.json", "named/x/y", "named/x/.tmp-0123456789ab", "names/mine.json", "names/.tmp-1",
        "audio/mine/.tmp-0123456789ab", "staged/.tmp-0123456789ab",
    ]  # fmt: skip
    for name in mine:
        path = kept / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_dir():
            path.write_text('{"same_as": "x", "sha256": "0", "name": "mine"}')
            age(path, 100)
    for name in ("audio/mine/a.wav", "staged/a.wav"):
        (kept / name).parent.mkdir(parents=True, exist_ok=True)
        (kept / name).symlink_to(kept / "nowhere")
    report = cache(clean=True)
    assert (len(report.removed), report.items, report.num_swept) == (4, (), 0)
    assert [name for name in mine if not (kept / name).exists()] == []
    assert (kept / "audio/mine/a.wav").is_symlink()
    assert (kept / "staged/a.wav").is_symlink()


def test_what_was_used_since_it_was_listed_stays(kept: Path, url: str, options: FetchOptions):
    """Be it that another name took the same bytes, that it was read, or that its own name leads elsewhere by now."""
    old, new = (fetch(f"{url}/{name}.bin", options=options) for name in ("old", "new"))
    for one in (old, new):
        age(one.path, 40)
    items = [one for one in kept_in(kept) if one.kind == "file" and time.time() - one.used_s > 30 * DAY_S]
    offline = replace(options, offline=True)
    taken = fetch("https://b.example/y.bin", sha256=old.sha256, options=offline)
    age(taken.path, 40)  # as on a disk that writes no reading down
    os.utime(new.path, ns=(time.time_ns(), new.path.stat().st_mtime_ns))
    cleaned = remove_kept(kept, items)
    assert (len(items), cleaned.removed, set(cleaned.in_use)) == (2, (), set(items))
    assert fetch("https://b.example/y.bin", options=offline).path.read_bytes() == b"o" * 5000
    assert fetch(f"{url}/new.bin", options=offline).path.read_bytes() == b"n" * 3000


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
