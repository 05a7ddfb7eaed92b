"""The whole way on toy speech: trained, killed, gone on with, on two ranks, loaded by an evaluation, compared."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import re
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from earmark.cli.results import OF_FEW
from earmark.errors import (
    EXIT_INTERRUPTED,
    CheckpointError,
    FolderError,
    RecognizerError,
    RunLockedError,
    RunMismatchError,
    StoppedTrainingError,
    StoreError,
    UsageError,
)
from earmark.store.folder import LocalFolder
from earmark.store.lock import locked
from earmark.training.events import CheckpointDamaged, EpochEnded, RecipeBegan, StepMade
from earmark.verbs.evaluate import evaluate
from tests.training.speech_toys import write_toy

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("speechbrain") is None,
    reason="speechbrain is not installed: pip install 'earmark[speechbrain]'",
)


def train(*arguments: Any, **more: Any) -> Any:
    """The verb, which loads SpeechBrain with itself: not while tests are collected."""
    from earmark.verbs.train import train as verb

    return verb(*arguments, **more)


class KilledError(Exception):
    pass


def killed_after(step: int):
    def observer(event):
        if isinstance(event, StepMade) and event.step == step:
            raise KilledError

    return observer


@pytest.fixture
def full_after():
    """An observer from whose step on no file may be larger than 4 KiB: a checkpoint is, and the list of them is not."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def made(step: int):
        def observer(event):
            if isinstance(event, StepMade) and event.step == step:
                resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))

        return observer

    yield made
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def losses_in(out: Path) -> list[float]:
    return [loss for epoch in json.loads((out / "epochs.json").read_text()) for loss in epoch["losses"]]


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> str:
    return str(write_toy(tmp_path_factory.mktemp("toy")))


@pytest.fixture(scope="module")
def trained(toy, tmp_path_factory):
    """A training that nobody disturbed, and what it told."""
    told = []
    return train(toy, out=tmp_path_factory.mktemp("trained") / "toy", device="cpu", observer=told.append), told


def test_the_model_is_better_than_before(trained):
    """By its own comparison, of two runs that are left in the folder."""
    done, told = trained
    assert done.before.wer > 0.8
    assert done.after.wer < 0.5
    assert done.comparison.pairs[0].delta_wer == pytest.approx(done.after.wer - done.before.wer)
    assert (Path(done.out) / "runs" / "after" / "summary.json").is_file()
    began = next(one for one in told if isinstance(one, RecipeBegan))
    assert (began.num_train, began.num_valid, began.dropped) == (45, 6, {})
    assert sum(isinstance(one, EpochEnded) for one in told) == 14


def test_the_model_is_a_folder_that_an_evaluation_loads(toy, trained, tmp_path):
    """As any pretrained one, on all of the toy's speech."""
    done, _ = trained
    data = Path(toy).parent / "data.jsonl"
    found = evaluate(f"speechbrain:{done.model}", data, out=tmp_path / "run", engine="inline")
    assert found.num_utterances == 60
    assert found.wer < 0.5


def test_the_same_call_again_makes_no_step(toy, trained):
    """And comes to the same."""
    done, _ = trained
    again = train(toy, out=done.out, device="cpu")
    assert (again.num_new_steps, again.step, again.weights_hash) == (0, done.step, done.weights_hash)


def test_a_killed_training_ends_in_the_same_weights(toy, trained, tmp_path):
    """Killed in the middle of an epoch, again in the next attempt, and with its newest checkpoint damaged."""
    done, _ = trained
    out = tmp_path / "killed"
    for step in (7, done.step - 3):
        with pytest.raises(KilledError):
            train(toy, out=out, device="cpu", observer=killed_after(step))
    newest = max((out / "checkpoints").iterdir(), key=lambda path: int(path.stem.split("_")[1]))
    newest.write_bytes(newest.read_bytes()[:-100])
    told = []
    again = train(toy, out=out, device="cpu", observer=told.append)
    assert any(isinstance(one, CheckpointDamaged) for one in told)
    assert 0 < again.num_new_steps < done.step
    assert again.weights_hash == done.weights_hash
    assert losses_in(out) == losses_in(Path(done.out))


def test_a_killed_training_on_augmented_speech_ends_in_the_same_weights(toy, tmp_path):
    """What an utterance sounds like in an epoch is no matter of when it is asked."""
    asked = ["epochs=2", "augmentation.speeds=[0.9, 1.0, 1.1]", "augmentation.noise_snr_db=[10, 30]"]
    whole = train(toy, out=tmp_path / "whole", device="cpu", overrides=asked)
    with pytest.raises(KilledError):
        train(toy, out=tmp_path / "killed", device="cpu", overrides=asked, observer=killed_after(whole.step - 2))
    again = train(toy, out=tmp_path / "killed", device="cpu", overrides=asked)
    assert 0 < again.num_new_steps < whole.step
    assert again.weights_hash == whole.weights_hash
    plain = train(toy, out=tmp_path / "plain", device="cpu", overrides=asked[:1])
    assert losses_in(tmp_path / "plain") != losses_in(tmp_path / "whole")
    assert plain.weights_hash != whole.weights_hash


def test_a_disk_that_is_full_while_a_checkpoint_is_kept_costs_only_what_came_after_the_last_one(
    toy, trained, tmp_path, full_after
):
    """It is said, nothing half is left, and with room again the same call comes to the same weights."""
    done, _ = trained
    out, room = tmp_path / "full", resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(StoreError, match="cannot write"):
        train(toy, out=out, device="cpu", observer=full_after(12))
    resource.setrlimit(resource.RLIMIT_FSIZE, room)
    kept = {one["name"] for one in json.loads((out / "checkpoints.json").read_text())}
    assert {f"checkpoints/{path.name}" for path in (out / "checkpoints").iterdir()} == kept
    again = train(toy, out=out, device="cpu")
    assert 0 < again.num_new_steps < done.step
    assert again.weights_hash == done.weights_hash


def test_a_folder_in_which_somebody_trains_is_refused(toy, tmp_path):
    """And who it is."""
    with locked(LocalFolder(tmp_path / "out")), pytest.raises(RunLockedError, match="in use") as caught:
        train(toy, out=tmp_path / "out", device="cpu")
    assert caught.value.holder.startswith(f"process {os.getpid()} on ")


def test_a_rank_of_ray_that_is_stopped_while_it_waits_for_one_that_still_writes_says_how_far_it_is(tmp_path):
    """As Ctrl-C in the middle of it; the folder is not in use by anybody whom the user knows."""
    from earmark.training.checkpoints import Checkpoints
    from earmark.verbs.train_ray import only_writer

    folder = LocalFolder(tmp_path)
    Checkpoints(folder, lambda _: None).keep({}, step=1200, is_best=True)
    asked = iter([False, True])
    with (tmp_path / ".lock-rank-0").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as another process has it
        with (
            pytest.raises(StoppedTrainingError, match="1,200 steps") as caught,
            only_writer(folder, lambda: next(asked)),
        ):
            pytest.fail("two write")
    assert caught.value.exit_code == EXIT_INTERRUPTED
    with only_writer(folder, lambda: True):
        """One that is free is had, whoever asks for an end."""


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"engine": "ray", "device": "cuda:1"}, "Ray chooses the devices"),
        ({"workers": 2}, "--workers means nothing here"),
        ({"engine": "torchrun", "address": "127.0.0.1:6379"}, "--address means nothing to the engine 'torchrun'"),
        ({"engine": "ray", "address": "127.0.0.1:1"}, "no Ray cluster answers at 127.0.0.1:1"),
    ],
)
def test_what_an_engine_does_not_know_is_refused(toy, tmp_path, asked, said):
    """Before anything is begun."""
    with pytest.raises(UsageError, match=re.escape(said)):
        train(toy, out=tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


def test_two_ranks_learn_what_one_learns(toy, trained, tmp_path):
    """The losses of the first steps are the same within rounding, and the weights are equal on both ranks."""
    out = tmp_path / "ranks"
    line = [sys.executable, "-m", "earmark", "train", toy, "--out", str(out), "--engine", "torchrun", "--device", "cpu"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            line, env={**os.environ, **group, "RANK": one, "LOCAL_RANK": one}, stdout=subprocess.PIPE, text=True
        )
        for one in "01"
    ]
    told = [rank.communicate()[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]
    done, _ = trained
    alone, together = losses_in(Path(done.out)), losses_in(out)
    assert len(together) == len(alone)
    assert together[:20] == pytest.approx(alone[:20], rel=1e-4)  # roundings grow from step to step
    assert json.loads((out / "experiment.json").read_text())["num_ranks"] == 2
    assert "after   WER" in told[0]
    few = f"] ({OF_FEW}), CER"
    assert [few in line for line in told[0].splitlines() if " WER " in line][:2] == [done.before.is_small] * 2
    assert told[1] == ""


def test_another_training_is_refused_in_the_folder(toy, trained):
    """With what differs."""
    done, _ = trained
    with pytest.raises(RunMismatchError, match="holds another run") as caught:
        train(toy, out=done.out, device="cpu", overrides=["optimizer.learning_rate=0.5"])
    assert "learning_rate was 0.01, is now 0.5" in caught.value.cause


def test_a_folder_of_something_else_is_refused(toy, tmp_path):
    """Before anything is written into it."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(FolderError, match="cannot use"):
        train(toy, out=tmp_path, device="cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_loss_that_is_no_number_ends_the_training_with_its_batch(toy, tmp_path):
    """The last good checkpoint stands."""
    with pytest.raises(RecognizerError, match=r"step [0-9]+: the loss is nan") as caught:
        train(toy, out=tmp_path / "nan", device="cpu", overrides=["optimizer.learning_rate=1e30"])
    assert "utt-" in caught.value.cause


def test_a_model_with_another_number_of_outputs_is_refused(toy, tmp_path):
    """Labels and last layer must fit."""
    with pytest.raises(UsageError, match="has 4 outputs, and there are 2 labels and the blank"):
        train(toy, out=tmp_path / "out", device="cpu", overrides=["model.labels=ab"])
    assert not (tmp_path / "out" / "training.json").exists()


def test_yaml_that_would_run_code_is_refused(toy, tmp_path):
    """Only what is on the list of SpeechBrain's parts is built."""
    evil = write_toy(tmp_path / "evil")
    yaml = evil.parent / "toy.yaml"
    yaml.write_text(yaml.read_text() + f"evil: !apply:os.mkdir ['{tmp_path}/made']\n")
    with pytest.raises(UsageError, match="not on the list"):
        train(str(evil), out=tmp_path / "out", device="cpu")
    assert not (tmp_path / "made").exists()


def test_a_document_that_includes_one_of_its_own_later_name_is_refused(tmp_path):
    """In the saved folder the one would be written over the other."""
    recipe = write_toy(tmp_path / "toy")
    yaml = recipe.parent / "toy.yaml"
    (recipe.parent / "hyperparams.yaml").write_text("more: 1\n")
    yaml.write_text(yaml.read_text() + "included: !include:hyperparams.yaml\n")
    with pytest.raises(UsageError, match="which is its own name later") as caught:
        train(str(recipe), out=tmp_path / "out", device="cpu")
    assert caught.value.hint == "rename that one"


def test_training_goes_on_from_a_trained_folder(toy, trained, tmp_path):
    """``pretrained`` takes weights and labels; before is then what that model heard."""
    done, _ = trained
    text = Path(toy).read_text().replace('hyperparams = "toy.yaml"\nlabels = "abc"', f'pretrained = "{done.model}"')
    (tmp_path / "on.toml").write_text(text.replace("epochs = 14", "epochs = 1").replace("0.01", "0.0001"))
    again = train(str(tmp_path / "on.toml"), out=tmp_path / "on", device="cpu")
    assert again.before.wer == done.after.wer


def test_a_checkpoint_of_another_shape_is_named(toy, trained, tmp_path):
    """Key, what was found, and what was expected."""
    import torch

    from earmark.training.fit import Fit

    module = torch.nn.Linear(2, 3)
    fit = Fit.__new__(Fit)
    fit._system = type("System", (), {"modules": {"encoder": module}})
    state = {"modules": {"encoder": {"weight": torch.zeros(3, 5), "bias": torch.zeros(3)}}}
    with pytest.raises(CheckpointError, match="cannot use") as caught:
        fit._load_modules(state)
    assert caught.value.cause == "encoder.weight is (3, 5) there, and (3, 2) in the model"
