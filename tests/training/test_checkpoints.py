from __future__ import annotations

import json

import pytest

from earmark.errors import CheckpointError
from earmark.store.folder import LocalFolder

torch = pytest.importorskip("torch")

from earmark.training.checkpoints import LIST, Checkpoints  # noqa: E402  # without torch there is none
from earmark.training.events import CheckpointDamaged  # noqa: E402  # likewise


def state(number: int) -> dict[str, object]:
    return {"step": number, "modules": {"encoder": {"weight": torch.full((3,), float(number))}}}


def kept(folder, told=None) -> Checkpoints:
    return Checkpoints(LocalFolder(folder), (told if told is not None else []).append)


@pytest.fixture
def folder(tmp_path):
    checkpoints = kept(tmp_path)
    for step, is_best in ((10, True), (20, True), (30, False), (40, False)):
        checkpoints.keep(state(step), step=step, is_best=is_best)
    return tmp_path


def test_the_newest_two_and_the_best_are_kept(folder):
    """And nothing else lies about."""
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [
        "step_20.state", "step_30.state", "step_40.state"
    ]  # fmt: skip
    assert kept(folder).newest()["step"] == 40
    assert kept(folder).best()["modules"]["encoder"]["weight"].tolist() == [20.0] * 3


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"\0" + data[1:], lambda _: b""])
def test_a_damaged_one_is_told_and_the_one_before_it_is_used(folder, damage):
    """Whatever happened to its bytes."""
    path = folder / "checkpoints" / "step_40.state"
    path.write_bytes(damage(path.read_bytes()))
    told = []
    assert kept(folder, told).newest()["step"] == 30
    assert [type(one) for one in told] == [CheckpointDamaged]
    assert told[0].name == "checkpoints/step_40.state"


def test_one_that_is_gone_is_like_a_damaged_one(folder):
    """The list names it all the same."""
    (folder / "checkpoints" / "step_40.state").unlink()
    assert kept(folder).newest()["step"] == 30


def test_nothing_is_begun_anew_where_all_are_damaged(folder):
    """Days of training are not thrown away in silence."""
    for path in (folder / "checkpoints").iterdir():
        path.write_bytes(b"x")
    with pytest.raises(CheckpointError, match="cannot use"):
        kept(folder).newest()


def test_a_pickle_that_runs_code_is_no_state(folder):
    """Even where somebody has listed its hash."""
    import hashlib
    import os
    import pickle

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(folder / "evil"),)

    data = pickle.dumps(Evil(), protocol=2)
    (folder / "checkpoints" / "step_40.state").write_bytes(data)
    listed = json.loads((folder / LIST).read_text())
    listed[-1]["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / LIST).write_text(json.dumps(listed))
    assert kept(folder).newest()["step"] == 30
    assert not (folder / "evil").exists()


def test_a_full_disk_leaves_what_was_there(folder, monkeypatch):
    """The newest before it is still the newest."""
    from earmark.errors import StoreError
    from earmark.store.disk import Disk

    class Full(Disk):
        def write(self, file, data):
            raise OSError(28, "No space left on device")

    full = Checkpoints(LocalFolder(folder, disk=Full()), lambda _: None)
    with pytest.raises(StoreError):
        full.keep(state(50), step=50, is_best=True)
    assert kept(folder).newest()["step"] == 40
    assert kept(folder).best()["step"] == 20
