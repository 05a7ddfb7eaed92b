"""Trainings of several ranks of which one is killed, under torchrun and on Ray, and a driver or node that is killed.

What they come to is compared with a training of as many ranks that nobody disturbed: the weights, to the bit.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import EXIT_INTERRUPTED, RecognizerError, UsageError
from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.training.events import RecipeBegan, StepMade
from tests.diary import is_running
from tests.engines.raylets import MARK, NODE, two_nodes
from tests.training.speech_toys import write_toy

pytestmark = [
    pytest.mark.soak,
    pytest.mark.filterwarnings("ignore::ResourceWarning:ray"),
    # A socket with which Ray looks for a port; it is told where it is collected, which may be anywhere.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),  # of Ray's own settings, by itself
]

LONG = "epochs=40"
PATIENCE_S = 300.0


def environment(**more: str) -> dict[str, str]:
    """This process's own, as it is now: a driver must find its cluster on loopback as the nodes do."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled", **more}


def train(*arguments: Any, **more: Any) -> Any:
    from earmark.verbs.train import train as verb

    return verb(*arguments, device="cpu", **more)


def weights_in(out: Path) -> str:
    return str(json.loads((out / "experiment.json").read_text())["weights_hash"])


def losses_in(out: Path) -> list[float]:
    return [loss for epoch in json.loads((out / "epochs.json").read_text()) for loss in epoch["losses"]]


def command(toy: str, out: Path, *more: str) -> list[str]:
    return ["-m", "earmark", "train", toy, "--set", LONG, "--out", str(out), "--device", "cpu", *more]


def processes(mark: str, name: str) -> list[int]:
    """Those whose environment has the mark and whose command line begins with the name."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            is_named = folder.name.isdecimal() and (folder / "cmdline").read_bytes().startswith(name.encode())
            if is_named and mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return [pid for pid in sorted(found) if is_running(pid)]


def wait_for_a_checkpoint(out: Path, process: subprocess.Popen[str], *, since_s: float = 0.0) -> None:
    """Until there is one that is newer, and the process still works."""
    end, listed = time.monotonic() + PATIENCE_S, out / "checkpoints.json"
    while not (listed.is_file() and listed.stat().st_mtime > since_s):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it does nothing"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_toy(tmp_path_factory.mktemp("toy")))


@pytest.fixture(scope="module")
def by_torchrun(toy: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two ranks that nobody disturbed."""
    out = tmp_path_factory.mktemp("torchrun") / "out"
    launched(toy, out).communicate(timeout=600)
    return out


def launched(toy: str, out: Path) -> subprocess.Popen[str]:
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=1", "--rdzv-backend=c10d"]
    words = [sys.executable, *launcher, "--rdzv-endpoint=127.0.0.1:0", *command(toy, out, "--engine", "torchrun")]
    return subprocess.Popen(
        words, env=environment(**{MARK: str(out)}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_torchrun_begins_again_where_a_rank_was_killed(toy, by_torchrun, tmp_path):
    """SIGKILL of rank 1 in the middle, and the launcher starts both anew, which go on from the last checkpoint."""
    out = tmp_path / "out"
    launcher = launched(toy, out)
    wait_for_a_checkpoint(out, launcher)
    ours = processes(f"{MARK}={out}", sys.executable)
    rank_1 = min(pid for pid in ours if "LOCAL_RANK=1" in environment_of(pid))  # others: its forks before their exec
    os.kill(rank_1, signal.SIGKILL)
    told = launcher.communicate(timeout=600)
    assert launcher.returncode == 0, told[1]
    assert "go on  after step" in told[1]
    assert weights_in(out) == weights_in(by_torchrun)


def environment_of(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return []  # it is gone


def test_two_nodes_of_ray_learn_what_one_process_learns(connected, toy, tmp_path):
    """The losses of the first steps are the same within rounding; a worker killed in the middle changes no weight."""
    alone, whole, killed = tmp_path / "alone", tmp_path / "whole", tmp_path / "killed"
    train(toy, out=alone, overrides=[LONG])
    first = train(toy, out=whole, overrides=[LONG], engine="ray", workers=2)
    assert losses_in(whole)[:20] == pytest.approx(losses_in(alone)[:20], rel=1e-4)
    assert json.loads((whole / "experiment.json").read_text())["num_ranks"] == 2
    assert not (whole / ".ray").exists()
    told: list[object] = []
    victims: list[int] = []

    def kill_one(event: object) -> None:
        told.append(event)
        if isinstance(event, StepMade) and not victims:
            victims.extend(processes(f"{MARK}={os.environ[MARK]}", "ray::RayTrainWorker"))
            os.kill(victims[-1], signal.SIGKILL)

    second = train(toy, out=killed, overrides=[LONG], engine="ray", workers=2, observer=kill_one)
    assert len(victims) == 2
    began = [event.step for event in told if isinstance(event, RecipeBegan)]
    assert len(began) == 2
    assert began[1] > began[0] == 0
    assert second.weights_hash == first.weights_hash == weights_in(killed)
    assert losses_in(killed) == losses_in(whole)


def test_a_driver_that_was_stopped_or_killed_loses_nothing(job_cluster, toy, by_torchrun, tmp_path):
    """SIGTERM keeps the last step; SIGKILL ends the workers too. The end is that of torchrun's two ranks."""
    out = tmp_path / "out"
    line = [sys.executable, *command(toy, out, "--engine", "ray", "--workers", "2", "--address", job_cluster.address)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        driver = subprocess.Popen(line, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for_a_checkpoint(out, driver, since_s=time.time() if number == signal.SIGKILL else 0.0)
        driver.send_signal(number)
        told = driver.communicate()[1]
        assert driver.returncode == (EXIT_INTERRUPTED if number == signal.SIGTERM else -number), told
        assert not (out / "model").exists()
    again = subprocess.run(line, env=environment(), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "go on  after step" in again.stderr
    assert weights_in(out) == weights_in(by_torchrun)


def test_a_node_that_dies_takes_no_step_with_it(toy, by_torchrun, tmp_path):
    """SIGKILL of a node's processes: the ranks wait for another node, and go on from the last checkpoint."""
    out = tmp_path / "out"
    with two_nodes() as cluster:
        line = [sys.executable, *command(toy, out, "--engine", "ray", "--workers", "2", "--address", cluster.address)]
        driver = subprocess.Popen(line, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for_a_checkpoint(out, driver)
        [node] = cluster.worker_nodes
        cluster.remove_node(node, allow_graceful=False)
        cluster.add_node(**NODE)
        told = driver.communicate(timeout=600)[1]
        assert driver.returncode == 0, told
    assert "go on  after step" in told
    assert weights_in(out) == weights_in(by_torchrun)


def test_the_documented_line_submits_a_training(submit, toy, tmp_path):
    """The driver runs on the cluster, and so do its two ranks."""
    out, here = tmp_path / "out", tmp_path / "job"
    here.mkdir()
    line = [*submit, "--working-dir", ".", "--", sys.executable, "-m", "earmark", "train", toy, "--device", "cpu"]
    line += ["--engine", "ray", "--address", "auto", "--out", str(out)]
    for _ in range(20):  # the part of Ray that starts jobs comes up after the cluster
        done = subprocess.run(line, cwd=here, env=environment(), capture_output=True, text=True, check=False)
        if "No available agent" not in done.stderr:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    assert "after   WER" in done.stdout
    assert json.loads((out / "experiment.json").read_text())["num_ranks"] == 2
    assert (out / "runs" / "after" / layout.SUMMARY).is_file()


def test_more_ranks_than_the_cluster_has_room_for_are_refused(connected, toy, tmp_path):
    """Before anything is begun: ranks that meet in every step cannot take turns."""
    with pytest.raises(UsageError, match="3 ranks do not fit on the Ray cluster") as caught:
        train(toy, out=tmp_path / "out", engine="ray", workers=3)
    assert caught.value.hint == "--workers 2"
    assert not (tmp_path / "out" / "training.json").exists()


def test_an_error_of_a_rank_is_told_as_it_is(connected, toy, tmp_path):
    """And nobody begins again for it: a loss that is no number, and audio that is gone."""
    with pytest.raises(RecognizerError, match=r"step [0-9]+: the loss is nan"):
        train(toy, out=tmp_path / "nan", overrides=["optimizer.learning_rate=1e30"], engine="ray", workers=2)
    gone = write_toy(tmp_path / "gone")
    for path in gone.parent.glob("*.wav"):
        path.unlink()
    with pytest.raises(UsageError, match="audio"):
        train(str(gone), out=tmp_path / "blind", engine="ray", workers=2)
    assert not LocalFolder(tmp_path / "blind").has("training.json")


def test_a_node_that_does_not_see_the_folder_is_named_before_any_step(connected, toy, tmp_path, monkeypatch):
    """As an evaluation does it: each node looks for a file that the driver put there."""
    from earmark.store.probe import Probe

    monkeypatch.setattr("earmark.verbs.train_ray.probing", lambda _: contextlib.nullcontext(Probe(elsewhere, "none")))
    elsewhere = LocalFolder(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="cannot work for this run") as caught:
        train(toy, out=tmp_path / "out", engine="ray", workers=2)
    assert f"does not see {elsewhere.url}" in (caught.value.cause or "")
    assert not (tmp_path / "out" / "training.json").exists()
