"""Shares that are killed at random moments, and a store that is away for a while: the same scores all the same."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from earmark.recognizers.doubles import Slow
from earmark.store import layout
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import RunProgressed
from earmark.verbs.merge import merge
from tests.toys import toy_source, write_manifest

NUM_KILLS = 20
NUM_SHARES = 4
NUM_UTTERANCES = 3000
SEED = 2026
AWAY_S = 20.0

pytestmark = pytest.mark.soak


def start(manifest: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "earmark", "eval", "noisy", "--data", str(manifest)]
    return subprocess.Popen(
        [*command, "--batch-size", "1", "--out", str(out), *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0,
    )  # fmt: skip


def finish(manifest: Path, out: Path, *more: str) -> None:
    process = start(manifest, out, *more)
    output, _ = process.communicate()
    assert process.returncode == 0, output.decode()


def hash_of(out: Path) -> str:
    return json.loads((out / layout.SUMMARY).read_text())["scores_hash"]


def test_shares_that_are_killed_twenty_times_leave_the_same_scores(tmp_path):
    """Four at a time; each is killed with its workers, or done and begun again, until twenty were killed."""
    manifest = write_manifest(tmp_path / "manifest.jsonl", toy_source(tmp_path, durations_s=[0.1] * NUM_UTTERANCES))
    truth, out = tmp_path / "truth", tmp_path / "run"
    finish(manifest, truth, "--workers", "2")
    chance, num_kills = random.Random(SEED), 0
    while num_kills < NUM_KILLS:
        running = [
            start(manifest, out, "--shard", f"{number}/{NUM_SHARES}", "--workers", str(chance.randint(1, 2)))
            for number in range(1, NUM_SHARES + 1)
        ]
        for process in running:
            try:
                output, _ = process.communicate(timeout=chance.uniform(1.0, 12.0))
                assert process.returncode == 0, output.decode()
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                num_kills += 1
        print(f"{num_kills} kills, {len(list((out / layout.PARTS).glob('*.parquet')))} parts", flush=True)
    for number in range(1, NUM_SHARES + 1):
        finish(manifest, out, "--shard", f"{number}/{NUM_SHARES}")
    assert hash_of(out) == hash_of(truth)
    assert mistakes(out) == mistakes(truth)


def mistakes(out: Path) -> list[list[object]]:
    merge(str(out))
    merged = pd.read_parquet(out / layout.MERGED).sort_values("index")
    return merged[["index", "reference", "prediction", "diff"]].values.tolist()


def test_a_store_that_is_away_for_twenty_seconds_costs_nothing(tmp_path, monkeypatch):
    """Two workers and their driver wait for it; nothing fails, and the scores are those of a local run."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket="away")
    again = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    timer = threading.Timer(AWAY_S, again.start)

    def observe(event) -> None:
        if isinstance(event, RunProgressed) and not timer.is_alive() and not timer.finished.is_set():
            server.stop()
            timer.start()

    source = toy_source(tmp_path / "audio", 40)
    settings = {"normalizer": "none", "batch_size": 1}
    found = evaluate(
        Slow(source.texts, seconds=0.2), source, out="s3://away/run", workers=2, observer=observe, **settings
    )
    truth = evaluate(Slow(source.texts, seconds=0.0), source, out=str(tmp_path / "truth"), **settings)
    again.stop()
    assert timer.finished.is_set()
    assert found.num_failed == 0
    assert found.scores_hash == truth.scores_hash
