"""The recipe of the documentation, whole: spoken digits from nothing, in minutes of one core, and a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.training.speech_toys import write_toy

pytestmark = pytest.mark.soak

EPOCHS_OF_THE_KILL = 3


def command(data: Path, out: Path, *more: str) -> list[str]:
    words = ["train", "digits_ctc", "--set", f"data.source={data / 'digits' / 'manifest.jsonl'}", "--out", str(out)]
    return [sys.executable, "-m", "earmark", *words, "--device", "cpu", "--progress", "lines", *more]


@pytest.fixture(scope="module")
def digits(data_folder) -> Path:
    if not (data_folder / "digits" / "manifest.jsonl").is_file():
        pytest.skip(f"no digits/manifest.jsonl in {data_folder}")
    return data_folder


def test_at_most_ten_per_cent_of_held_out_takes_are_wrong(digits, tmp_path):
    """Takes 0 to 4 of each speaker and digit, of which none was learnt from; the processor's time is told."""
    out = tmp_path / "digits"
    before = os.times()
    subprocess.run(command(digits, out), check=True)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    wer = {name: json.loads((out / "runs" / name / "summary.json").read_text())["wer"] for name in ("before", "after")}
    print(f"trained and compared in {cpu_s:.0f} CPU seconds: WER {wer['before']:.2%} before, {wer['after']:.2%} after")
    assert wer["before"] > 0.9
    assert wer["after"] <= 0.10


def test_a_training_that_was_killed_comes_to_the_same_weights(digits, tmp_path):
    """SIGKILL in the middle, then the same line again."""
    few = ("--set", f"epochs={EPOCHS_OF_THE_KILL}", "--set", "checkpoint_every_steps=20")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(digits, whole, *few), check=True)
    process = subprocess.Popen(command(digits, killed, *few))
    while not (killed / "checkpoints.json").is_file() and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "model").exists()
    subprocess.run(command(digits, killed, *few), check=True)
    hashes = [json.loads((out / "experiment.json").read_text())["weights_hash"] for out in (whole, killed)]
    assert hashes[0] == hashes[1]


def test_ranks_that_torchrun_starts_end_together(tmp_path):
    """One of them speaks, and the launcher is content."""
    toy, out = write_toy(tmp_path / "toy"), tmp_path / "out"
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    launcher += ["--rdzv-endpoint=127.0.0.1:0", "-m", "earmark", "train", str(toy), "--out", str(out)]
    told = subprocess.run(
        [sys.executable, *launcher, "--engine", "torchrun", "--device", "cpu"],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("trained") == 1
    assert (out / "model" / "hyperparams.yaml").is_file()
