"""Files that are committed together: all safe at the end, in the order that a power cut asks for."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest
from pyarrow import fs

from earmark.errors import StoreError
from earmark.store.disk import Disk
from earmark.store.folder import TEMPORARY, LocalFolder, ObjectFolder
from earmark.store.group import committing
from tests.store.test_power_cut import DiaryDisk

NAMES = ("audio/00000/a.flac", "audio/00000/b.flac", "audio/00001/c.flac")


class OopsError(Exception):
    """Comes out of nowhere."""


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> LocalFolder | ObjectFolder:
    if request.param == "local":
        return LocalFolder(tmp_path / "set")
    filesystem, path = fs.FileSystem.from_uri("mock:///bucket/set")
    return ObjectFolder("mock:///bucket/set", filesystem, path)


def test_what_is_added_is_there_after_the_block(folder):
    """Every file, in its folder, the newest over an older one."""
    folder.write(NAMES[0], b"old")
    with committing(folder) as files:
        for name in NAMES:
            files.add(name, name.encode())
    assert [folder.read(name) for name in NAMES] == [name.encode() for name in NAMES]


def test_more_files_than_are_put_at_once(folder):
    """All of them arrive."""
    with committing(folder) as files:
        for number in range(100):
            files.add(f"audio/{number}", bytes([number]))
    assert len(folder.names("audio")) == 100


def test_a_name_that_comes_twice_is_refused(folder):
    """Nothing says which of the bytes would count; no temporary file is left of either."""
    with pytest.raises(ValueError, match="a/x is in the group already"):
        add_all(folder, ("a/x", "a/x"))
    if isinstance(folder, LocalFolder):
        assert [path for path in folder.path.rglob("*") if path.is_file()] == []


def test_a_folder_that_another_worker_made_is_made_safe(tmp_path):
    """The names of the folders above a file are synced before the file, by each process once for each folder."""
    (tmp_path / "audio" / "00000").mkdir(parents=True)
    disk = DiaryDisk()
    folder = LocalFolder(tmp_path, disk=disk)
    for name in ("audio/00000/a", "audio/00000/b", "audio/00001/c"):
        with committing(folder) as files:
            files.add(name, b"x")
    folders = [name for what, name in disk.notes if what == "sync_folder"]
    above = [tmp_path.name, "audio"]
    assert folders == [*above, "00000", "00000", "audio", *above, "00001"]


def test_bytes_are_safe_before_names_and_names_before_the_block_ends(tmp_path):
    """All files are synced, then all are named, then each folder is synced once; what follows the block follows it."""
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    disk = DiaryDisk()
    with committing(LocalFolder(tmp_path, disk=disk)) as files:
        for name in NAMES:
            files.add(name, b"x")
    above = [("sync_folder", tmp_path.name), ("sync_folder", "audio")]
    written = [("open_new", "temporary"), ("write", "temporary")]
    assert disk.notes == [
        *above,
        *written * 2,
        *above,
        *written,
        *[("sync", "temporary")] * 3,
        ("replace", "a.flac"),
        ("replace", "b.flac"),
        ("replace", "c.flac"),
        ("sync_folder", "00000"),
        ("sync_folder", "00001"),
    ]


def test_a_large_group_is_synced_while_it_grows(tmp_path):
    """By a thread, before the last file is written, and each file once; names and folders keep their order."""
    is_syncing = threading.Event()

    class Telling(DiaryDisk):
        def sync(self, file):
            super().sync(file)
            is_syncing.set()

    disk = Telling()
    with committing(LocalFolder(tmp_path, disk=disk)) as files:
        for number in range(40):
            files.add(f"{number}.wav", b"x")
        assert is_syncing.wait(60)
        files.add("40.wav", b"x")
    notes = [what for what, _ in disk.notes]
    assert notes.count("sync") == notes.count("replace") == 41
    assert notes.index("sync") < max(place for place, what in enumerate(notes) if what == "write")
    assert notes[-42:] == ["replace"] * 41 + ["sync_folder"]


def test_a_sync_that_fails_in_the_thread_fails_the_block(tmp_path):
    """Nothing is named, and no temporary file stays."""

    class Failing(Disk):
        def sync(self, file):
            if threading.current_thread() is not threading.main_thread():
                raise OSError(28, "No space left on device")
            super().sync(file)

    with pytest.raises(StoreError, match="cannot write the files of a part"):
        add_all(LocalFolder(tmp_path, disk=Failing()), tuple(f"{number}.wav" for number in range(40)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("num_files", [1, 40])
def test_an_error_in_the_block_leaves_no_trace_on_a_disk(tmp_path, num_files):
    """No file under its name, and no temporary one."""
    with contextlib.suppress(OopsError), committing(LocalFolder(tmp_path)) as files:
        for number in range(num_files):
            files.add(f"audio/{number}.wav", b"x")
        raise OopsError
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


class FullDisk(Disk):
    """Has room for one file."""

    num_written = 0

    def write(self, file, data):
        self.num_written += 1
        if self.num_written > 1:
            raise OSError(28, "No space left on device")
        super().write(file, data)


def add_all(folder: LocalFolder | ObjectFolder, names: tuple[str, ...]) -> None:
    with committing(folder) as files:
        for name in names:
            files.add(name, b"x")


def test_a_full_disk_is_a_store_error_and_leaves_no_temporary_file(tmp_path):
    """It says what to do, and the room that the group took is free again."""
    with pytest.raises(StoreError, match="cannot write") as caught:
        add_all(LocalFolder(tmp_path, disk=FullDisk()), NAMES)
    assert "free some space" in caught.value.hint
    assert not list(tmp_path.rglob(f"{TEMPORARY}*"))


def test_a_put_that_fails_fails_the_block():
    """An object store's refusal is not lost in a thread."""
    filesystem, path = fs.FileSystem.from_uri("mock:///bucket/set")
    folder = ObjectFolder("mock:///bucket/set", filesystem, path)
    folder.write("audio", b"a file where a folder should be")
    with pytest.raises(StoreError, match="cannot write audio/x"):
        add_all(folder, ("audio/x",))
