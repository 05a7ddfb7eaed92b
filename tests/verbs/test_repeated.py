"""The command line that a report prints, typed into a shell: it makes the same run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from earmark.cli.main import run
from earmark.records import SAMPLE_RATE_HZ
from earmark.reports.page.provenance import command
from earmark.store.run import RunStore
from tests.toys import sentence

CHANGED = {
    "data and scoring": [
        "noisy", "--channel", "1", "--language", "fr", "--text-column", "said once more", "--limit", "50%",
        "--seed", "7", "--set", "seed=5", "--set", "error_rate=0.5", "--normalizer", "none", "--scorer", "open-asr",
    ],
    "segmenter and failures": ["echo", "--segmenter", "none", "--set", "max_audio_s=0.5", "--limit", "7"],
}  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a manifest, whose audio lies elsewhere, in two channels, and one file nowhere."""
    (tmp_path / "my audio").mkdir()
    rows = []
    for number in range(8):
        num_samples = (number + 4) * SAMPLE_RATE_HZ // 16
        noise = np.random.default_rng(number).normal(scale=0.1, size=(num_samples, 2)).clip(-1, 1)
        if number != 5:
            soundfile.write(tmp_path / "my audio" / f"{number}.wav", noise.astype(np.float32), SAMPLE_RATE_HZ)
        texts = {"text": sentence(number), "said once more": sentence(number + 1)}
        rows.append({"id": f"utt {number} of them", "audio": f"{number}.wav", **texts})
    (tmp_path / "my data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evaluated(*words):
    """The run's spec and its summary."""
    always = ("--data", "my data.jsonl", "--audio-root", "my audio", "--missing-audio", "skip", "--engine", "inline")
    assert run(["eval", *words, *always, "--max-errors", "100%", "--out", "my run"]) == 0
    store = RunStore.at("my run")
    return store.spec(), json.loads(store.folder.read("summary.json"))


@pytest.mark.parametrize("words", CHANGED.values(), ids=CHANGED)
def test_the_printed_command_makes_the_same_scores(place, words):
    """Typed into a shell where the run is gone, it finds the same identity and the same hash of scores."""
    spec, summary = evaluated(*words)
    assert summary["num_scored"]
    assert 0 < summary["num_scored"] < 8
    shutil.rmtree("my run")
    line = command("my run", spec, summary).replace("earmark", f"{sys.executable} -m earmark", 1)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EARMARK_")}
    subprocess.run(line, shell=True, check=False, capture_output=True, env=environment, timeout=120)  # noqa: S602
    store = RunStore.at("my run")
    repeated = json.loads(store.folder.read("summary.json"))
    assert repeated["scores_hash"] == summary["scores_hash"]
    assert repeated["spec_fingerprint"] == summary["spec_fingerprint"]
    assert repeated["num_skipped"] == summary["num_skipped"]
    assert command("my run", store.spec(), repeated) == command("my run", spec, summary)


def test_references_of_another_column_are_in_the_command(place):
    """Also where the run was there already, and is only scored anew."""
    first, _ = evaluated("noisy")
    spec, summary = evaluated("noisy", "--text-column", "said once more")
    assert spec.fingerprint() == first.fingerprint()
    assert "--text-column 'said once more'" in command("my run", spec, summary)
