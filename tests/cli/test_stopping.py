"""Ctrl-C, SIGTERM and kill -9 on the real program."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.lock import locked
from tests.cli.plugged import plugged
from tests.toys import toy_source, write_manifest

SECONDS_EACH = 0.25
PATIENCE_S = 60.0
STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    while STARTED:
        end(STARTED.pop())


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    return write_manifest(folder / "manifest.jsonl", toy_source(folder, 24))


def start(manifest: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """The program in a group of processes of its own, which a signal can be sent to as a terminal does."""
    options = ["--set", f"texts={manifest}", "--set", f"seconds={SECONDS_EACH}", "--max-batch-seconds", "1", *more]
    return started(["slow", "--data", str(manifest), "--out", str(out), *options])


def started(words: list[str], environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "earmark", "eval", *words]
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True, env=environment)
    STARTED.append(process)
    return process


def end(process: subprocess.Popen[str]) -> str:
    """Kill whatever is left of its group, and give what it wrote to stderr."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()[1]


def said_by(process: subprocess.Popen[str]) -> str:
    """What it wrote to stderr until its end. One that does not end in time fails the test, with what it said."""
    try:
        return process.communicate(timeout=PATIENCE_S)[1]
    except subprocess.TimeoutExpired:
        pytest.fail(f"no end within {PATIENCE_S:g} s; it said:\n{end(process)}")


def wait_until_it_says(process: subprocess.Popen[str], words: str) -> None:
    """Read what it writes to stderr up to a line with ``words``. Its end, or a minute of waiting, fails the test."""
    patience = threading.Timer(PATIENCE_S, process.kill)
    patience.start()
    said = []
    try:
        while words not in (line := process.stderr.readline()):
            said.append(line)
            if not line:
                pytest.fail(f"it ended before it said {words!r}; it said:\n{''.join(said)}")
    finally:
        patience.cancel()


def wait_for(condition: Callable[[], bool], what: str, process: subprocess.Popen[str], out: Path) -> None:
    """Return when the condition holds. A process that ends before, or a minute of waiting, fails the test."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        code = process.poll()
        if code is not None or time.monotonic() > deadline:
            why = f"{PATIENCE_S:g} s went by" if code is None else f"it ended with {code}"
            seen = sorted(path.relative_to(out).as_posix() for path in out.rglob("*"))
            pytest.fail(f"{why} before {what}; in its folder are {seen}; it said:\n{end(process)}")
        time.sleep(0.02)


def wait_for_parts(process: subprocess.Popen[str], out: Path, number: int = 1) -> None:
    folder = out / layout.PARTS
    wait_for(lambda: len(list(folder.glob("[!.]*.parquet"))) >= number, f"{number} parts were there", process, out)


def rows_done(out: Path) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in (out / layout.PARTS).glob("[!.]*.parquet"))


def finish(manifest: Path, out: Path, *more: str) -> dict:
    process = start(manifest, out, *more)
    said = said_by(process)
    assert process.returncode == 0, said
    return json.loads((out / layout.SUMMARY).read_text())


@pytest.mark.parametrize(
    ("number", "workers"),
    [
        (signal.SIGINT, "1"),
        (signal.SIGTERM, "2"),
        pytest.param(signal.SIGINT, "2", marks=pytest.mark.soak),
        pytest.param(signal.SIGTERM, "1", marks=pytest.mark.soak),
    ],
)
def test_the_first_signal_finishes_the_batch_and_says_how_to_resume(manifest, tmp_path, workers, number):
    """Exit code 130, the line that resumes, results kept; the same line ends the run."""
    process = start(manifest, tmp_path / "run", "--workers", workers)
    wait_for_parts(process, tmp_path / "run")
    process.send_signal(number)
    said = said_by(process)
    assert process.returncode == 130
    assert "resume with: earmark eval slow" in said
    assert "are done and safe" in said
    assert "Traceback" not in said
    done = rows_done(tmp_path / "run")
    assert 0 < done < 24
    summary = finish(manifest, tmp_path / "run", "--workers", "2")
    assert summary["num_scored"] == 24
    assert summary["wer"] == 0.0


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_a_signal_to_the_whole_group_is_answered_by_the_driver_alone(manifest, tmp_path, number):
    """A terminal sends Ctrl-C to all: workers finish their batches without a word, and the same line ends the run."""
    process = start(manifest, tmp_path / "run", "--workers", "2")
    wait_for_parts(process, tmp_path / "run", 2)
    assert len(children_of(process.pid)) >= 2, "workers are what this is about"
    os.killpg(process.pid, number)
    said = said_by(process)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "KeyboardInterrupt" not in said
    assert said.count("resume with:") == 1
    attempt = json.loads(next((tmp_path / "run" / layout.ATTEMPTS).iterdir()).read_text())
    assert attempt["outcome"] == "interrupted"
    done = rows_done(tmp_path / "run")
    assert attempt["num_rows"] == done
    assert 0 < done < 24
    summary = finish(manifest, tmp_path / "run", "--workers", "2")
    assert (summary["num_scored"], summary["num_failed"], summary["wer"]) == (24, 0, 0.0)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_second_signal_stops_at_once(manifest, tmp_path, workers):
    """Even in the middle of a batch that lasts; what was committed stays, and no process is left behind."""
    words = ["dwelling", "--data", str(manifest), "--out", str(tmp_path / "run"), "--workers", workers]
    process = started(words, plugged(tmp_path / "toys"))
    begun = tmp_path / "toys" / "transcribing"
    wait_for(begun.exists, "a batch was begun", process, tmp_path / "run")
    children = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    wait_until_it_says(process, "stopping")
    process.send_signal(signal.SIGINT)
    said_by(process)
    assert process.returncode == -signal.SIGINT, "the first signal waits for the batch, and the second kills"
    wait_until_gone(children)


def test_a_share_that_waits_for_another_says_so_and_hears_a_signal(manifest, tmp_path):
    """It need not wait until the other one has begun."""
    out = tmp_path / "run"
    with locked(LocalFolder(out), name=f"{layout.LOCK}-gate"):
        process = start(manifest, out, "--shard", "1/2")
        wait_until_it_says(process, f"process {os.getpid()} on ")
        wait_for(lambda: state_of(process.pid) == "S", "it slept at the gate", process, out)
        process.send_signal(signal.SIGTERM)
        said = said_by(process)
    assert process.returncode == 130, said
    assert "resume with: earmark eval slow" in said
    assert "Traceback" not in said


def test_a_signal_while_a_model_loads_is_answered_at_once(manifest, tmp_path):
    """A model that loads forever has nothing to commit; the lines say that it loads, and how to go on."""
    words = ["endless", "--data", str(manifest), "--out", str(tmp_path / "run"), "--workers", "2"]
    process = started(words, plugged(tmp_path / "toys"))
    wait_for((tmp_path / "toys" / "loading").exists, "it loaded", process, tmp_path / "run")
    children = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    said = said_by(process)
    assert process.returncode == 130, said
    assert "load   endless ..." in said
    assert "resume with: earmark eval endless" in said
    assert "0 of 24 utterances are done and safe" in said
    assert "Traceback" not in said
    wait_until_gone(children)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_kill_9_costs_only_what_was_not_committed(manifest, tmp_path, workers):
    """The workers of a killed driver end themselves, the lock is free, and the next start does the rest."""
    process = start(manifest, tmp_path / "run", "--workers", workers)
    wait_for_parts(process, tmp_path / "run", 2)
    children = children_of(process.pid)
    process.kill()
    said_by(process)
    wait_until_gone(children)
    done = rows_done(tmp_path / "run")
    summary = finish(manifest, tmp_path / "run", "--workers", "3")
    assert done > 0
    assert summary["num_scored"] == 24


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    for pid in pids:
        while is_running(pid):
            assert time.monotonic() < deadline, f"process {pid} outlived its driver"
            time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return state_of(pid) != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def state_of(pid: int) -> str:
    """The kernel's letter for it: ``R`` while it runs, ``S`` while it sleeps, ``Z`` when it is dead."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
