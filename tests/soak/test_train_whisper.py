"""The recipe of a Whisper: spoken digits from weights of chance in minutes of one core, a kill, and two ranks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.training.whisper_toys import write_toy

pytestmark = pytest.mark.soak

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def command(data_folder, tmp_path_factory) -> list[str]:
    """As in the documentation, from a fresh clone; the folder and more are to be appended."""
    digits = data_folder / "digits" / "manifest.jsonl"
    if not digits.is_file():
        pytest.skip(f"no digits/manifest.jsonl in {data_folder}")
    model = tmp_path_factory.mktemp("made") / "tiny-whisper"
    subprocess.run([sys.executable, str(ROOT / "scripts" / "make_tiny_whisper.py"), str(model)], check=True)
    words = ["train", "digits_whisper", "--set", f"data.source={digits}", "--set", f"model.pretrained={model}"]
    return [sys.executable, "-m", "earmark", *words, "--device", "cpu", "--progress", "lines"]


def told_by(out: Path, name: str) -> dict:
    return json.loads((out / name).read_text())


def test_the_digits_are_learnt(command, tmp_path):
    """By takes from which nothing was learnt; the processor's time is told."""
    out = tmp_path / "digits"
    before = os.times()
    subprocess.run([*command, "--out", str(out)], check=True)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    wer = {name: told_by(out, f"runs/{name}/summary.json")["wer"] for name in ("before", "after")}
    print(f"trained and compared in {cpu_s:.0f} CPU seconds: WER {wer['before']:.2%} before, {wer['after']:.2%} after")
    assert wer["before"] > 0.9
    assert wer["after"] < 0.5


def test_a_training_that_was_killed_comes_to_the_same_weights(command, tmp_path):
    """SIGKILL in the middle, then the same line again."""
    few = ("--set", "epochs=2", "--set", "checkpoint_every_steps=9")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, *few, "--out", str(whole)], check=True)
    process = subprocess.Popen([*command, *few, "--out", str(killed)])
    while not (killed / "checkpoints.json").is_file() and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run([*command, *few, "--out", str(killed)], check=True)
    hashes = [told_by(out, "experiment.json")["weights_hash"] for out in (whole, killed)]
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("more", [(), ("--set", "model.freeze=encoder")], ids=["whole", "decoder"])
def test_two_ranks_learn_what_one_learns(tmp_path, more):
    """The losses of the first steps are the same within rounding, and the weights are equal on both ranks."""
    toy = write_toy(tmp_path / "toy")
    alone, together = tmp_path / "alone", tmp_path / "together"
    words = ["-m", "earmark", "train", str(toy), "--set", "epochs=2", *more, "--device", "cpu"]
    subprocess.run([sys.executable, *words, "--out", str(alone)], check=True)
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    launcher += ["--rdzv-endpoint=127.0.0.1:0", *words, "--engine", "torchrun", "--out", str(together)]
    told = subprocess.run(
        [sys.executable, *launcher],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    losses = [
        [loss for epoch in json.loads((out / "epochs.json").read_text()) for loss in epoch["losses"]]
        for out in (alone, together)
    ]
    assert len(losses[0]) == len(losses[1])
    assert losses[1][:10] == pytest.approx(losses[0][:10], rel=1e-3)  # roundings grow from step to step
    assert told_by(together, "experiment.json")["num_ranks"] == 2
