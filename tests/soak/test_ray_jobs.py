"""The documented ways onto a cluster: a submitted job, results in an object store, real speech with a node killed."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from earmark.recognizers import load_recognizer
from earmark.recognizers.doubles import Noisy
from earmark.sources import open_source
from earmark.store import layout
from earmark.store.folder import open_folder
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import RunProgressed
from tests.diary import wait_until
from tests.engines.raylets import OF_NOBODY, STORE_BYTES
from tests.toys import toy_source, write_manifest

pytestmark = pytest.mark.soak


def test_the_documented_line_submits_a_run(submit, tmp_path):
    """The driver works on the cluster, and the scores are those of a run in one process.

    The two nodes share Ray's folder, so that the second one removes the driver's working directory and makes it anew.
    """
    source = toy_source(tmp_path / "audio", 12)
    manifest = write_manifest(tmp_path / "audio" / "manifest.jsonl", source)
    (tmp_path / "folder").mkdir()
    out = tmp_path / "run"
    evaluation = [sys.executable, "-m", "earmark", "eval", "echo", "--data", str(manifest), "--max-batch-seconds", "1"]
    command = [
        *submit,
        "--working-dir",
        ".",
        "--",
        *evaluation,
        "--engine",
        "ray",
        "--address",
        "auto",
        "--out",
        str(out),
    ]
    for _ in range(20):  # the part of Ray that starts jobs comes up after the cluster
        done = subprocess.run(
            command, cwd=tmp_path / "folder", env={**os.environ, "RAY_AUTH_MODE": "disabled"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "No available agent" not in done.stderr:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    alone = tmp_path / "alone"
    subprocess.run([*evaluation, "--engine", "inline", "--out", str(alone)], check=True, capture_output=True)
    hashes = {json.loads((run / layout.SUMMARY).read_text())["scores_hash"] for run in (out, alone)}
    assert len(hashes) == 1


def test_results_meet_in_an_object_store(connected, tmp_path, monkeypatch):
    """Nodes that share no folder share a bucket."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    for name, value in OF_NOBODY.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    fs.S3FileSystem(scheme="http", endpoint_override=f"{host}:{port}", allow_bucket_creation=True).create_dir("runs")
    source = toy_source(tmp_path, 12)
    out = f"s3://runs/first?scheme=http&endpoint_override={host}%3A{port}&region=us-east-1"
    noisy = Noisy(source.texts, error_rate=0.3)
    found = evaluate(noisy, source, out=out, engine="ray", workers=2, max_batch_s=1.0)
    truth = evaluate(noisy, source, out=tmp_path / "truth", engine="inline", max_batch_s=1.0)
    assert found.scores_hash == truth.scores_hash
    assert not [name for name in open_folder(out).entries() if "probe" in name]
    server.stop()


def test_real_speech_with_a_node_killed_half_way_has_the_word_error_rate_of_inline(connected, open_data, tmp_path):
    """All 74 utterances, each once, by two nodes of which one is lost."""
    speech = open_source(str(open_data / "manifest.jsonl"))
    truth = evaluate(load_recognizer("pocketsphinx", {}), speech, out=tmp_path / "truth", engine="inline")
    third = connected.add_node(num_cpus=1, object_store_memory=STORE_BYTES, node_ip_address="127.0.0.1")
    killed: list[int] = []

    def kill_half_way(event: object) -> None:
        if isinstance(event, RunProgressed) and not killed and event.num_segments_done * 2 > event.num_segments:
            killed.append(event.num_segments_done)
            connected.remove_node(third, allow_graceful=False)

    found = evaluate(
        load_recognizer("pocketsphinx", {}), speech, out=tmp_path / "run", engine="ray", workers=3,
        observer=kill_half_way,
    )  # fmt: skip
    assert wait_until(lambda: bool(killed))
    assert (found.wer, found.scores_hash, found.num_failed) == (truth.wer, truth.scores_hash, 0)
    assert {path.name for path in Path(tmp_path / "run").iterdir()} >= {layout.SUMMARY, layout.SCORES}
