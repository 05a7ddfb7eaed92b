"""Ctrl-C, SIGTERM and kill -9 on the real program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from earmark.store import layout
from tests.toys import toy_source, write_manifest

SECONDS_EACH = 0.25


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    return write_manifest(folder / "manifest.jsonl", toy_source(folder, 24))


def start(manifest: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "earmark", "eval", "slow", "--data", str(manifest), "--out", str(out)]
    options = ["--set", f"texts={manifest}", "--set", f"seconds={SECONDS_EACH}", "--max-batch-seconds", "1", *more]
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_parts(out: Path, number: int = 1) -> None:
    while len(list((out / layout.PARTS).glob("*.parquet"))) < number:
        time.sleep(0.02)


def rows_done(out: Path) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in (out / layout.PARTS).glob("*.parquet"))


def finish(manifest: Path, out: Path, *more: str) -> dict:
    process = start(manifest, out, *more)
    process.communicate()
    assert process.returncode == 0
    return json.loads((out / layout.SUMMARY).read_text())


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_finishes_the_batch_and_says_how_to_resume(manifest, tmp_path, workers, number):
    """Exit code 130, the line that resumes, results kept; the same line ends the run."""
    process = start(manifest, tmp_path / "run", "--workers", workers)
    wait_for_parts(tmp_path / "run")
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "resume with: earmark eval slow" in said
    assert "are done and safe" in said
    assert "Traceback" not in said
    done = rows_done(tmp_path / "run")
    assert 0 < done < 24
    summary = finish(manifest, tmp_path / "run", "--workers", "2")
    assert summary["num_scored"] == 24
    assert summary["wer"] == 0.0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_second_signal_stops_at_once(manifest, tmp_path, workers):
    """Even in the middle of a batch that lasts; what was committed stays, and no process is left behind."""
    slow = ("--set", "seconds=30", "--workers", workers)
    process = start(manifest, tmp_path / "run", *slow)
    while not (tmp_path / "run" / layout.PLAN).exists():
        time.sleep(0.02)
    time.sleep(1.0)
    children = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "the first signal waits for the batch"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode in (130, -signal.SIGINT)
    wait_until_gone(children)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_kill_9_costs_only_what_was_not_committed(manifest, tmp_path, workers):
    """The workers of a killed driver end themselves, the lock is free, and the next start does the rest."""
    process = start(manifest, tmp_path / "run", "--workers", workers)
    wait_for_parts(tmp_path / "run", 2)
    children = children_of(process.pid)
    process.kill()
    process.communicate()
    wait_until_gone(children)
    done = rows_done(tmp_path / "run")
    summary = finish(manifest, tmp_path / "run", "--workers", "3")
    assert done > 0
    assert summary["num_scored"] == 24


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 20
    for pid in pids:
        while is_running(pid):
            assert time.monotonic() < deadline, f"process {pid} outlived its driver"
            time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
