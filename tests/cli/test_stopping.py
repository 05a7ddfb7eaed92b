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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.lock import locked
from tests.cli.plugged import plugged
from tests.diary import is_running
from tests.toys import toy_source, write_manifest

NUM_UTTERANCES = 12
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
    return write_manifest(folder / "manifest.jsonl", toy_source(folder, NUM_UTTERANCES))


@dataclass(frozen=True)
class Gated:
    """Evaluations by a recognizer that goes no further than a gate, until that is opened."""

    manifest: Path
    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "run"

    def start(self, *more: str) -> subprocess.Popen[str]:
        """The program in a group of processes of its own, which a signal can be sent to as a terminal does."""
        options = ["--set", f"texts={self.manifest}", "--max-batch-seconds", "1", *more]
        return started(
            ["gated", "--data", str(self.manifest), "--out", str(self.out), *options], plugged(self.folder / "toys")
        )

    def wait(self, process: subprocess.Popen[str], num_parts: int = 1) -> None:
        """Until so many parts are committed and a worker is in the middle of a batch."""
        wait_for_parts(process, self.out, num_parts)
        wait_for((self.folder / "toys" / "held").exists, "a batch was held", process, self.out)

    def open(self) -> None:
        (self.folder / "toys" / "gate").touch()

    def finish(self, *more: str) -> dict[str, Any]:
        """What the same line makes of the rest."""
        self.open()
        process = self.start(*more)
        said = said_by(process)
        assert process.returncode == 0, said
        return json.loads((self.out / layout.SUMMARY).read_text())


@pytest.fixture
def gated(manifest: Path, tmp_path: Path) -> Gated:
    return Gated(manifest, tmp_path)


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


def wait_until_it_says(process: subprocess.Popen[str], words: str) -> str:
    """What it writes to stderr up to a line with ``words``. Its end, or a minute of waiting, fails the test.

    Lines that it writes at once with that one may be lost.
    """
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
    return "".join([*said, line])


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


@pytest.mark.parametrize(
    ("number", "workers"),
    [
        (signal.SIGINT, "1"),
        (signal.SIGTERM, "2"),
        pytest.param(signal.SIGINT, "2", marks=pytest.mark.soak),
        pytest.param(signal.SIGTERM, "1", marks=pytest.mark.soak),
    ],
)
def test_the_first_signal_finishes_the_batch_and_says_how_to_resume(gated, workers, number):
    """Exit code 130, the line that resumes, results kept; the same line ends the run."""
    process = gated.start("--workers", workers)
    gated.wait(process)
    process.send_signal(number)
    said = wait_until_it_says(process, "resume with:")
    before = rows_done(gated.out)
    gated.open()
    said += said_by(process)
    assert process.returncode == 130
    assert "resume with: earmark eval gated" in said
    assert "are done and safe" in said
    assert "Traceback" not in said
    assert before < rows_done(gated.out) < NUM_UTTERANCES
    summary = gated.finish("--workers", "2" if workers == "1" else "1")
    assert (summary["num_scored"], summary["num_failed"], summary["wer"]) == (NUM_UTTERANCES, 0, 0.0)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_a_signal_to_the_whole_group_is_answered_by_the_driver_alone(gated, number):
    """A terminal sends Ctrl-C to all: workers finish their batches without a word."""
    process = gated.start("--workers", "2")
    gated.wait(process, 2)
    assert len(children_of(process.pid)) >= 2, "workers are what this is about"
    os.killpg(process.pid, number)
    said = wait_until_it_says(process, "resume with:")
    gated.open()
    said += said_by(process)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "KeyboardInterrupt" not in said
    assert said.count("resume with:") == 1
    attempt = json.loads(next((gated.out / layout.ATTEMPTS).iterdir()).read_text())
    assert attempt["outcome"] == "interrupted"
    done = rows_done(gated.out)
    assert attempt["num_rows"] == done
    assert 0 < done < NUM_UTTERANCES


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


def test_a_share_that_waits_for_another_says_so_and_hears_a_signal(gated):
    """It need not wait until the other one has begun."""
    out = gated.out
    with locked(LocalFolder(out), name=f"{layout.LOCK}-gate"):
        process = gated.start("--shard", "1/2")
        wait_until_it_says(process, f"process {os.getpid()} on ")
        wait_for(lambda: state_of(process.pid) == "S", "it slept at the gate", process, out)
        process.send_signal(signal.SIGTERM)
        said = said_by(process)
    assert process.returncode == 130, said
    assert "resume with: earmark eval gated" in said
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
    assert f"0 of {NUM_UTTERANCES} utterances are done and safe" in said
    assert "Traceback" not in said
    wait_until_gone(children)


@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.soak), "2"])
def test_kill_9_costs_only_what_was_not_committed(gated, workers):
    """The workers of a killed driver end themselves, the lock is free, and the next start does the rest."""
    process = gated.start("--workers", workers)
    gated.wait(process, 2)
    children = children_of(process.pid)
    assert children, "workers are what this is about"
    process.kill()
    said_by(process)
    wait_until_gone(children)
    done = rows_done(gated.out)
    summary = gated.finish("--workers", "3" if workers == "1" else "1")
    assert 0 < done < NUM_UTTERANCES
    assert summary["num_scored"] == NUM_UTTERANCES


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    for pid in pids:
        while is_running(pid):
            assert time.monotonic() < deadline, f"process {pid} outlived its driver"
            time.sleep(0.05)


def state_of(pid: int) -> str:
    """The kernel's letter for it: ``R`` while it runs, ``S`` while it sleeps, ``Z`` when it is dead."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
