from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from earmark.store.disk import Disk
from earmark.store.folder import LocalFolder
from earmark.store.probe import probing


def test_a_probe_is_seen_where_the_folder_is_the_same_one(tmp_path):
    """Also by whoever got it by pickle; and when the block ends it is gone."""
    with probing(LocalFolder(tmp_path)) as probe:
        assert pickle.loads(pickle.dumps(probe))() is None
        assert len(list(tmp_path.iterdir())) == 1
        assert LocalFolder(tmp_path).names() == []
    assert list(tmp_path.iterdir()) == []
    assert probe() == f"does not see {tmp_path}"


def test_a_folder_of_the_same_name_elsewhere_is_not_taken_for_it(tmp_path, monkeypatch):
    """A worker on another machine has another folder there, with other probes perhaps."""
    for machine in ("driver", "node"):
        (tmp_path / machine / "run").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "driver")
    with probing(LocalFolder(Path("run"))) as probe:
        monkeypatch.chdir(tmp_path / "node")
        with probing(LocalFolder(Path("run"))):
            assert probe() == "does not see run"
        monkeypatch.chdir(tmp_path / "driver")


def test_a_folder_that_cannot_be_looked_into_is_said_to_be_that(tmp_path, monkeypatch):
    """The reason is the system's own."""

    def denied(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    with probing(LocalFolder(tmp_path)) as probe:
        monkeypatch.setattr(Path, "is_file", denied)
        assert "Permission denied" in probe()
        monkeypatch.undo()


def test_a_probe_of_a_killed_driver_is_swept(tmp_path):
    """It counts as a temporary file, which nobody takes for a result."""

    class Kept(Disk):
        def remove(self, path: Path) -> None:
            """The driver was killed before."""

    with probing(LocalFolder(tmp_path, disk=Kept())):
        pass
    assert len(list(tmp_path.iterdir())) > 0
    LocalFolder(tmp_path).sweep(stale_after_s=-1.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["parts", "probe"])
def test_a_probe_changes_nothing_else(tmp_path, name):
    """What is in the folder stays as it is."""
    (tmp_path / name).write_text("kept")
    with probing(LocalFolder(tmp_path)):
        pass
    assert (tmp_path / name).read_text() == "kept"
