"""Runs beside the servers of trackers: a real one, one that is dead, and one that accepts and never answers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.cli.main import run
from earmark.recognizers.doubles import Noisy
from earmark.store import layout
from earmark.tracking import sink
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import Event, Tracked, Warned
from tests.toys import ToySource, toy_source, write_manifest
from tests.trackers import mlflow_run

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 6)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a tracker sets for itself, and writes where it is, goes with the test."""
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_DISABLE_TELEMETRY", "WANDB_ERROR_REPORTING"):
        monkeypatch.setenv(name, {"MLFLOW_DISABLE_TELEMETRY": "true"}.get(name, "false"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("mlflow")
    folder = tmp_path_factory.mktemp("mlflow-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    places = [
        "--backend-store-uri",
        f"sqlite:///{folder}/runs.db",
        "--artifacts-destination",
        str(folder / "artifacts"),
    ]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words, *places],
        cwd=folder,
        # Its runner of jobs would be two processes more, which import all of it again.
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said: list[str] = []
    for line in server.stdout:
        said.append(line)
        if "Application startup complete" in line:
            break
    else:
        pytest.fail(f"the server ended: {''.join(said)}")
    reading = threading.Thread(target=server.stdout.read)
    reading.start()
    yield f"http://127.0.0.1:{port}"
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    reading.join()
    server.stdout.close()


@pytest.fixture
def hole() -> Iterator[str]:
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def dead() -> str:
    """Where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def evaluated(source: ToySource, out: Path, *track: str):
    events: list[Event] = []
    recognizer = Noisy(source.texts, error_rate=0.3)
    summary = evaluate(
        recognizer, source, out=str(out), normalizer="none", max_batch_s=1.0, track=track, observer=events.append
    )
    return summary, [event for event in events if isinstance(event, Tracked | Warned)]


def test_a_run_is_in_mlflow_and_a_replay_adds_nothing(source, tmp_path, mlflow_server, monkeypatch, capsys):
    """The real server has parameters, curve, numbers and tables, in the experiment that the environment names."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "speech")
    monkeypatch.setattr(sink, "PATIENCE_S", 120.0)
    monkeypatch.setattr(sink, "LOADING_PATIENCE_S", 120.0)
    summary, [tracked] = evaluated(source, tmp_path / "run", "mlflow")
    run_id = json.loads((tmp_path / "run" / layout.TRACKING).read_text())["mlflow"]
    assert tracked.place.startswith(f"{mlflow_server}/#/experiments/")
    assert tracked.place.endswith(run_id)
    seen = mlflow_run(mlflow_server, run_id)
    assert seen.config["data.fingerprint"]
    assert seen.config["scores_hash"] == summary.scores_hash
    assert seen.numbers["wer"] == summary.wer
    assert seen.history["live/wer"][-1] == (6, summary.wer)
    assert len(seen.tables["worst"]["data"]) > 0
    assert seen.is_finished
    assert run(["track", str(tmp_path / "run"), "--to", "mlflow"]) == 0
    assert capsys.readouterr().out == f"tracked by mlflow: {tracked.place}\n"
    assert mlflow_run(mlflow_server, run_id) == seen


@pytest.mark.parametrize("kind", ["dead", "hole"])
def test_an_mlflow_server_that_does_not_answer_costs_nothing(source, tmp_path, request, monkeypatch, kind):
    """The scores are the same, and one warning has the line that sends the run later."""
    pytest.importorskip("mlflow")
    monkeypatch.setattr(sink, "LOADING_PATIENCE_S", 120.0)
    monkeypatch.setattr(sink, "PATIENCE_S", 1.0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue(kind))
    summary, [warned] = evaluated(source, tmp_path / "run", "mlflow")
    assert summary.scores_hash == evaluated(source, tmp_path / "plain")[0].scores_hash
    assert f"earmark track {tmp_path / 'run'} --to mlflow" in warned.sentence
    assert warned.sentence.startswith({"dead": "no server of MLflow answers at http", "hole": "mlflow did not"}[kind])


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["dead", "hole"])
def test_a_program_whose_wandb_server_does_not_answer_ends_by_itself(source, tmp_path, request, kind):
    """With its results and the exit code of a run that went well; nothing waits at its very end, either."""
    pytest.importorskip("wandb")
    manifest = write_manifest(tmp_path / "m.jsonl", source)
    Path(tmp_path / "audio").mkdir()
    for item in source.items:
        shutil.copy(Path(source.root, item.audio.uri), tmp_path / item.audio.uri)
    server = request.getfixturevalue(kind)
    done = subprocess.run(
        [sys.executable, "-m", "earmark", "eval", "echo", "-d", str(manifest), "--out", "run", "--engine", "inline",
         "--format", "json", "--track", "wandb"],
        capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "WANDB_MODE": "online", "WANDB_API_KEY": KEY, "WANDB_BASE_URL": server,
             "WANDB_DATA_DIR": str(tmp_path), "WANDB_CONFIG_DIR": str(tmp_path), "WANDB_CACHE_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["num_scored"] == 6
    assert done.stderr.count("earmark track run --to wandb") == 1
    assert KEY not in done.stderr + "".join(path.read_text("utf-8", "replace") for path in Path("run").glob("*.*"))
