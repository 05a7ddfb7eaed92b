"""One driver for a run folder at a time, and a dead one never stands in the way."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from earmark.errors import EarmarkError, FolderError, RunLockedError
from earmark.store.folder import LocalFolder
from earmark.store.lock import locked
from tests.store.parts import memory_folder

HOLD = """
import sys, time
from pathlib import Path
from earmark.store.folder import LocalFolder
from earmark.store.lock import locked
with locked(LocalFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(1000)
"""


@contextmanager
def holder(folder: LocalFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is killed."""
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "deep" / "run")


def test_a_living_holder_is_named_and_a_dead_one_keeps_nothing(folder):
    """While it lives its process and host are said; once it is killed the lock is free."""
    with holder(folder) as process:
        with pytest.raises(RunLockedError) as refused, locked(folder):
            pytest.fail("two hold it")
        assert refused.value.holder == f"process {process.pid} on {socket.gethostname()}"
        assert str(folder.path) in refused.value.what
        process.kill()
        process.wait()
        with locked(folder):
            pass


def test_a_holder_without_a_name_is_another_process(folder):
    """The lock is the operating system's; the file with the name is only for people, and may be gone or torn."""
    with holder(folder):
        name = folder.path / ".lock-holder.json"
        for text in ("", "{", "[]"):
            name.write_text(text)
            with pytest.raises(RunLockedError) as refused, locked(folder):
                pytest.fail("two hold it")
            assert refused.value.holder == "another process"
        name.unlink()
        with pytest.raises(RunLockedError, match="in use"), locked(folder):
            pytest.fail("two hold it")


def test_the_lock_is_released_by_an_error(folder):
    """The block ends badly, and the next one may begin."""
    with pytest.raises(LookupError), locked(folder):
        raise LookupError
    with locked(folder):
        assert not FileLock(folder.path / ".lock", timeout=0).is_locked


def test_the_lock_makes_the_folder_and_leaves_no_visible_file(folder):
    """What it needs is hidden from everybody who lists results."""
    with locked(folder):
        assert folder.names() == []
    assert folder.path.is_dir()


def test_folders_do_not_lock_each_other(tmp_path):
    """Two runs at a time are nobody's business."""
    with locked(LocalFolder(tmp_path / "one")), locked(LocalFolder(tmp_path / "two")):
        pass


def test_an_object_store_has_no_lock():
    """There parts cannot collide, and at worst work is done twice."""
    folder = memory_folder()
    with locked(folder), locked(folder):
        pass


def test_a_path_that_can_be_no_folder_is_refused(tmp_path):
    """A file stands there."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderError) as refused, locked(LocalFolder(tmp_path / "file" / "run")):
        pytest.fail("there is no such folder")
    assert refused.value.folder == str(tmp_path / "file" / "run")
    assert refused.value.hint


def test_a_disk_too_full_for_the_holders_name_is_no_traceback(folder, monkeypatch):
    """Either the lock goes without the name or the error is one of ours; and then it is free again."""

    def full(self: Path, text: str, *arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with contextlib.suppress(EarmarkError), locked(folder):
            pass
    with locked(folder):
        pass
