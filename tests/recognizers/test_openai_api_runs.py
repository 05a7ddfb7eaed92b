"""Whole runs of the program against a server on loopback: failures, keys, kills, and a Ctrl-C while it is limited."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.cli.main import run
from earmark.store import layout
from tests.recognizers.transcribing import PATIENCE_S, Call, Handler, Server, said_of, transcribing
from tests.toys import toy_source, write_manifest

KEY = "sk-canary-9876543210"
NUM_UTTERANCES = 24
ENDS_WITHIN_S = 60.0
STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes in utterances of different lengths: several shards, of which some are done before the last."""
    folder = tmp_path_factory.mktemp("data")
    lengths = [4.0 + 0.1 * number for number in range(NUM_UTTERANCES)]
    return write_manifest(folder / "manifest.jsonl", toy_source(folder, NUM_UTTERANCES, durations_s=lengths))


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of this test's server, in the environment; no other one is there."""
    monkeypatch.setenv("EARMARK_API_KEY", KEY)
    return KEY


@pytest.fixture(autouse=True)
def no_key_of_the_tester(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EARMARK_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def words(server: Server, manifest: Path, out: Path, *more: str) -> list[str]:
    """The command line, after ``earmark``."""
    options = ["--set", "model=tone", "--set", f"url={server.url}", "--set", "retries=1", "--max-batch-seconds", "15"]
    engine = [] if "--workers" in more else ["--engine", "inline"]
    return ["eval", "openai", "--data", str(manifest), "--out", str(out), *options, *engine, *more]


def start(server: Server, manifest: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """The program in a process of its own, to be killed."""
    command = [sys.executable, "-m", "earmark", *words(server, manifest, out, *more)]
    STARTED.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    return STARTED[-1]


def scores_hash_of(out: Path) -> str:
    return json.loads((out / layout.SUMMARY).read_text())["scores_hash"]


def hypotheses_of(out: Path) -> dict[str, str | None]:
    import pyarrow.parquet as pq

    rows = pq.read_table(out / layout.SCORES, columns=["id", "hypothesis"]).to_pylist()
    return {row["id"]: row["hypothesis"] for row in rows}


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.fixture(scope="module")
def truth(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hash of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("truth") / "run"
    with transcribing() as server:
        assert run(words(server, manifest, out)) == 0
        assert len(server.calls) == NUM_UTTERANCES
        assert set(hypotheses_of(out).values()) == {said_of(call.samples) for call in server.calls}
    return scores_hash_of(out)


def test_calls_that_fail_are_failed_utterances_and_the_run_ends_with_3(manifest, tmp_path, truth, key, capfd):
    """Each with its reason, without a text and without the key; none is asked for twice; they can be done again."""
    out = tmp_path / "run"

    def repeat_the_key(handler: Handler, call: Call, number: int) -> bool:
        if len(call.samples) % 32_000 < 16_000:
            return False
        return handler.error(400, f"bad sound from {handler.headers['Authorization']}")

    with transcribing(key=key) as server:
        server.trick = repeat_the_key
        assert run(words(server, manifest, out)) == 3
        assert len(server.calls) == NUM_UTTERANCES
        failed = [json.loads(line) for line in (out / layout.ERRORS).read_text().splitlines()]
        assert 0 < len(failed) < NUM_UTTERANCES
        reason = "the server answered 400 Bad Request: bad sound from Bearer ***"
        assert all(reason in one["reason"] for one in failed)
        texts = hypotheses_of(out)
        assert {one["id"] for one in failed} == {name for name, text in texts.items() if text is None}
        assert "" not in texts.values()
        server.trick = None
        assert run(words(server, manifest, out, "--retry-failed")) == 0
    assert scores_hash_of(out) == truth
    assert key not in "".join(capfd.readouterr())
    assert key.encode() not in everything_in(out)


def test_a_wrong_key_is_one_error_and_not_one_for_each_utterance(manifest, tmp_path, key, capfd):
    """Exit code 1, before any audio is sent; the key is not to be seen, though the server repeats it."""
    with transcribing(key="another") as server:
        assert run(words(server, manifest, tmp_path / "run")) == 1
        assert not server.calls
    printed = "".join(capfd.readouterr())
    assert printed.count("error:") == 1
    assert "Incorrect API key provided: Bearer ***" in printed
    assert "hint: export EARMARK_API_KEY" in printed
    assert key not in printed
    assert key.encode() not in everything_in(tmp_path / "run")


def test_a_killed_run_goes_on_and_ends_with_the_same_hash(manifest, tmp_path, truth):
    """What was committed is not sent again."""
    arrived = threading.Event()

    def hold_the_last(handler: Handler, call: Call, number: int) -> bool:
        if number < NUM_UTTERANCES:
            return False
        arrived.set()
        handler.state.release.wait(PATIENCE_S)
        return True

    out = tmp_path / "run"
    with transcribing() as server:
        server.trick = hold_the_last
        process = start(server, manifest, out)
        assert arrived.wait(ENDS_WITHIN_S)
        process.kill()
        process.communicate()
        server.trick = None
        before = len(server.calls)
        assert run(words(server, manifest, out)) == 0
        assert 0 < len(server.calls) - before < NUM_UTTERANCES
    assert scores_hash_of(out) == truth


@pytest.mark.parametrize("engine", [[], ["--workers", "2"]], ids=["inline", "processes"])
def test_a_second_ctrl_c_ends_a_run_that_waits_for_a_rate_limit(manifest, tmp_path, truth, engine):
    """Though the server asks to wait for longer than the test does; and the run can go on."""
    limited = threading.Event()

    def limit(handler: Handler, call: Call, number: int) -> bool:
        limited.set()
        return handler.error(429, "slower", Retry_After="110")

    out = tmp_path / "run"
    with transcribing() as server:
        server.trick = limit
        process = start(server, manifest, out, "--progress", "lines", *engine)
        assert limited.wait(ENDS_WITHIN_S)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert any("Ctrl-C again stops at once" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=ENDS_WITHIN_S)
        assert process.returncode in (130, -signal.SIGINT)
        server.trick = None
        assert run(words(server, manifest, out)) == 0
    assert scores_hash_of(out) == truth
