"""A disk that is full, read-only or slow to forget: what is committed stays, and a later start finishes."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq
import pytest

from earmark.errors import EarmarkError, FolderError, StoreError
from earmark.recognizers.doubles import Echo, Noisy
from earmark.store import layout
from earmark.store.disk import Disk
from earmark.store.folder import TEMPORARY, LocalFolder
from earmark.verbs.evaluate import evaluate
from tests.toys import ToySource, toy_source


@dataclass
class SmallDisk(Disk):
    """A disk with room for so many writes; what does not fit leaves half of itself."""

    writes_left: int

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        self.writes_left -= 1
        if self.writes_left < 0:
            file.write(bytes(data)[: len(data) // 2])
            file.flush()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file.write(data)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(f"{TEMPORARY}*")]


def test_a_write_that_does_not_fit_leaves_the_older_file(tmp_path):
    """The error names the cause and what to do, and no half file is left."""
    folder = LocalFolder(tmp_path, disk=SmallDisk(writes_left=1))
    folder.write("a", b"older")
    for attempt in (lambda: folder.write("a", b"newer"), lambda: folder.create("b", b"x")):
        with pytest.raises(StoreError) as full:
            attempt()
        assert full.value.cause == "No space left on device"
        assert full.value.hint.startswith("free some space")
        assert leftovers(tmp_path) == []
    assert folder.names() == ["a"]
    assert folder.read("a") == b"older"


def test_a_file_that_cannot_be_removed_is_a_store_error(tmp_path):
    """A folder stands under its name."""
    (tmp_path / "a").mkdir()
    with pytest.raises(StoreError):
        LocalFolder(tmp_path).remove("a")


def test_a_sweep_takes_what_is_old_and_nobodys(tmp_path):
    """The temporary files of the dead, not those of a living writer, and no result."""
    folder = LocalFolder(tmp_path)
    folder.write("parts/a", b"x")
    for name, age_s in (("old", 7200), ("young", 60)):
        path = tmp_path / "parts" / f"{TEMPORARY}{name}-00"
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age_s,) * 2)
    folder.sweep()
    assert leftovers(tmp_path) == [f"{TEMPORARY}young-00"]
    assert folder.names("parts") == ["parts/a"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 8)


def run(source: ToySource, out: Path) -> str:
    noisy = Noisy(source.texts, error_rate=0.4)
    return evaluate(noisy, source, out=str(out), normalizer="none", max_batch_s=0.5).scores_hash


@pytest.fixture(scope="module")
def truth(source: ToySource, tmp_path_factory: pytest.TempPathFactory) -> str:
    return run(source, tmp_path_factory.mktemp("runs") / "truth")


def test_a_disk_that_is_full_at_any_write_ends_the_run_with_a_sentence_and_loses_nothing(
    source, truth, tmp_path, monkeypatch
):
    """Full at the n-th write, for every ninth n: the parts before it are readable, and a later start ends the same."""
    for room in range(0, 1000, 9):
        out = tmp_path / str(room)
        small = SmallDisk(writes_left=room)
        with monkeypatch.context() as patch:
            patch.setattr(Disk, "write", lambda _, file, data, small=small: small.write(file, data))
            full = error_of(lambda out=out: run(source, out))
        if full is not None:
            assert full.cause == "No space left on device"
            assert full.hint.startswith("free some space")
        assert leftovers(out) == []
        for path in out.rglob("[!.]*.parquet"):
            pq.read_table(path)
        assert run(source, out) == truth
        if full is None:
            assert room > 20, "a run writes more often than that: was it counted?"
            return
    pytest.fail("it never fitted")


def error_of(action: Callable[[], object]) -> StoreError | None:
    try:
        action()
    except StoreError as error:
        return error
    return None


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A real small disk of its own, which only the superuser may make."""
    point = tmp_path / "disk"
    point.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(point)],  # noqa: S607  # the system's
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("only root may mount a small disk")
    yield point
    subprocess.run(["umount", str(point)], check=True)  # noqa: S607  # the system's


def test_a_really_full_disk_is_said_so_and_the_run_goes_on_when_there_is_space(source, truth, mounted):
    """For several amounts of free space: one sentence, no leftovers, and the same hash in the end."""
    for free_kib in (0, 4, 12, 24, 48):
        out = mounted / f"run-{free_kib}"
        ballast = mounted / "ballast"
        status = os.statvfs(mounted)
        with ballast.open("wb") as file:
            file.write(bytes(max(0, status.f_bavail * status.f_bsize - free_kib * 1024)))
        with pytest.raises(EarmarkError) as full:
            run(source, out)
        assert full.value.cause == "No space left on device"
        assert leftovers(out) == []
        ballast.unlink()
        assert run(source, out) == truth
        subprocess.run(["rm", "-r", str(out)], check=True)  # noqa: S607  # the system's


def test_a_read_only_folder_is_refused_before_anything_begins(source, mounted):
    """Bad usage, with what to type."""
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)  # noqa: S607  # the system's
    with pytest.raises(FolderError) as refused:
        run(source, mounted / "run")
    assert refused.value.cause == "Read-only file system"
    assert refused.value.hint == "name a folder that you may write"
    with pytest.raises(StoreError) as unwritable:
        LocalFolder(mounted).write("a", b"x")
    assert unwritable.value.hint == "give a folder that you may write"


def test_a_folder_that_turned_read_only_still_refuses_with_a_sentence(source, mounted):
    """A finished run on a disk that nobody may write any more."""
    evaluate(Echo(source.texts), source, out=str(mounted / "run"))
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)  # noqa: S607  # the system's
    with pytest.raises(EarmarkError) as refused:
        evaluate(Echo(source.texts), source, out=str(mounted / "run"))
    assert refused.value.cause == "Read-only file system"
    assert (mounted / "run" / layout.SUMMARY).exists()
