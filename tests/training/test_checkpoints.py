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


@pytest.mark.parametrize("step", [40, 50])
@pytest.mark.parametrize("is_best", [False, True])
def test_a_kill_at_any_operation_costs_no_checkpoint(tmp_path, step, is_best):
    """Neither the newest nor the best; the end of an epoch keeps the step that the last batch of it has kept."""
    from earmark.store.disk import Disk

    class KilledError(BaseException):
        pass

    class Dying(Disk):
        """One that does so many operations, and no more."""

        def __init__(self, left: int) -> None:
            self.left = left

        def __getattribute__(self, name):
            if name in vars(Disk):
                if not self.left:
                    raise KilledError
                self.left -= 1
            return super().__getattribute__(name)

    num_done, is_killed = 0, True
    while is_killed:
        folder = tmp_path / f"{num_done}"
        for before, was_best in ((20, True), (30, False), (40, False)):
            kept(folder).keep(state(before), step=before, is_best=was_best)
        dying = Checkpoints(LocalFolder(folder, disk=Dying(num_done)), lambda _: None)
        try:
            dying.keep({**state(step), "epoch": 1}, step=step, is_best=is_best)
            is_killed = False
        except KilledError:
            num_done += 1
        told = []
        newest = kept(folder, told).newest()
        assert newest in (
            {**state(40), "modules": newest["modules"]}, {**state(step), "epoch": 1, "modules": newest["modules"]}
        )  # fmt: skip
        assert kept(folder).best()["step"] == (step if is_best and "epoch" in newest else 20)
        assert told == []
    assert num_done > 5, "a kill before each operation is what this is about"
    assert newest["epoch"] == 1
    assert kept(folder).step == step
    listed = {one["name"] for one in json.loads((folder / LIST).read_text())}
    assert {f"checkpoints/{path.name}" for path in (folder / "checkpoints").iterdir()} == listed


def test_a_step_that_is_kept_again_and_again_is_listed_once(tmp_path):
    """The best stays the best, and of its step there is one file."""
    for is_best in (False, True, False):
        kept(tmp_path).keep(state(10), step=10, is_best=is_best)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    assert kept(tmp_path).best()["step"] == kept(tmp_path).step == 10
