"""What a power cut can take: in which order bytes and names are made safe."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from earmark.store.disk import Disk
from earmark.store.folder import TEMPORARY, LocalFolder
from earmark.store.lock import locked


class DiaryDisk(Disk):
    """The real disk, which notes what it does with which name; it may know no hard links."""

    def __init__(self, *, has_hard_links: bool = True) -> None:
        self.notes: list[tuple[str, str]] = []
        self._has_hard_links = has_hard_links

    def note(self, what: str, path: str | Path) -> None:
        name = Path(path).name
        self.notes.append((what, "temporary" if name.startswith(TEMPORARY) else name))

    def open_new(self, path: Path) -> BinaryIO:
        self.note("open_new", path)
        return super().open_new(path)

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        self.note("write", file.name)
        super().write(file, data)

    def sync(self, file: BinaryIO) -> None:
        super().sync(file)
        self.note("sync", file.name)

    def replace(self, source: Path, target: Path) -> None:
        super().replace(source, target)
        self.note("replace", target)

    def link(self, source: Path, target: Path) -> None:
        if not self._has_hard_links:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        super().link(source, target)
        self.note("link", target)

    def sync_folder(self, path: Path) -> None:
        super().sync_folder(path)
        self.note("sync_folder", path)


def stream(folder: LocalFolder) -> None:
    with folder.replacing("parts/a") as file:
        file.write(b"x")


@pytest.mark.parametrize(
    ("commit", "naming", "has_hard_links"),
    [
        (stream, "replace", True),
        (lambda folder: folder.write("parts/a", b"x"), "replace", True),
        (lambda folder: folder.create("parts/a", b"x"), "link", True),
        (lambda folder: folder.create("parts/a", b"x"), "replace", False),
    ],
    ids=["stream", "write", "create", "create without hard links"],
)
def test_bytes_are_safe_before_their_name_and_the_name_before_the_return(
    tmp_path: Path, commit: Callable[[LocalFolder], object], naming: str, has_hard_links: bool
):
    """Else a power cut leaves a name without bytes, or takes away what a caller believes to be committed."""
    (tmp_path / "parts").mkdir()
    disk = DiaryDisk(has_hard_links=has_hard_links)
    commit(LocalFolder(tmp_path, disk=disk))
    assert disk.notes == [
        ("open_new", "temporary"),
        ("write", "temporary"),
        ("sync", "temporary"),
        (naming, "a"),
        ("sync_folder", "parts"),
    ]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The inode of each file and folder that the system synced, and the length it had by then."""
    seen: list[tuple[int, int]] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        status = os.fstat(handle)
        seen.append((status.st_ino, status.st_size))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def test_a_file_is_synced_with_all_its_bytes(tmp_path, synced):
    """What Python still holds back is handed over first."""
    disk = Disk()
    with disk.open_new(tmp_path / "a") as file:
        disk.write(file, b"twelve bytes")
        disk.sync(file)
    assert synced == [((tmp_path / "a").stat().st_ino, 12)]


def test_a_folder_is_synced_itself(tmp_path, synced):
    """The names in it are its own bytes."""
    Disk().sync_folder(tmp_path)
    assert [inode for inode, _ in synced] == [tmp_path.stat().st_ino]


def test_a_new_folder_is_a_name_in_the_one_above(tmp_path, synced):
    """Which is synced where the folder is new, and left alone where it is not."""
    for _ in range(2):
        Disk().make_folder(tmp_path / "parts")
    assert [inode for inode, _ in synced] == [tmp_path.stat().st_ino]


def test_every_folder_on_the_way_to_a_new_run_is_safe(tmp_path, synced):
    """A run is as durable as the least durable of the names that lead to it."""
    with locked(LocalFolder(tmp_path / "runs" / "deep" / "run")):
        pass
    above = [tmp_path, tmp_path / "runs", tmp_path / "runs" / "deep"]
    assert [inode for inode, _ in synced] == [folder.stat().st_ino for folder in above]
