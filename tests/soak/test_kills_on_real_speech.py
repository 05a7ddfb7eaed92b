"""A real run, killed twenty times at random moments, with another number of workers after each."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from earmark.store import layout
from earmark.verbs.merge import merge

NUM_KILLS = 20
SEED = 2026

pytestmark = pytest.mark.soak


def start(manifest: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "earmark", "eval", "pocketsphinx", "--data", str(manifest)]
    return subprocess.Popen(
        [*command, "--out", str(out), "--workers", str(workers)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(manifest: Path, out: Path, workers: int) -> None:
    process = start(manifest, out, workers)
    output, _ = process.communicate()
    assert process.returncode == 0, output.decode()


def hash_of(out: Path) -> str:
    return json.loads((out / layout.SUMMARY).read_text())["scores_hash"]


def assert_same(out: Path, truth: Path) -> None:
    assert hash_of(out) == hash_of(truth)
    assert (out / layout.SCORES).read_bytes() == (truth / layout.SCORES).read_bytes()
    rows = []
    for folder in (out, truth):
        merge(str(folder))
        merged = pd.read_parquet(folder / layout.MERGED).sort_values("index")
        rows.append(merged[["index", "reference", "prediction", "diff", "sample_wer", "sample_cer"]].values.tolist())
    assert rows[0] == rows[1]


def test_twenty_kills_leave_the_same_scores(open_data, tmp_path):
    """SIGKILL at twenty random moments, 1 to 3 workers each: the same bytes of scores, each mistake exported once."""
    manifest = open_data / "manifest.jsonl"
    truth = tmp_path / "truth"
    finish(manifest, truth, workers=2)
    chance = random.Random(SEED)
    num_kills = num_runs = 0
    out = tmp_path / "run-0"
    while num_kills < NUM_KILLS:
        workers = chance.randint(1, 3)
        process = start(manifest, out, workers)
        try:
            process.communicate(timeout=chance.uniform(0.2, 25.0))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            num_kills += 1
            num_parts = len(list((out / layout.PARTS).glob("*.parquet")))
            print(f"kill {num_kills} of run {num_runs}, {workers} workers: {num_parts} parts are safe", flush=True)
            time.sleep(0.1)
        else:
            assert process.returncode == 0
            assert_same(out, truth)
            num_runs += 1
            out = tmp_path / f"run-{num_runs}"
    finish(manifest, out, workers=2)
    assert_same(out, truth)
    print(f"{num_kills} kills over {num_runs + 1} runs; scores hash {hash_of(out)}")
