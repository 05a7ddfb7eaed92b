"""``--dry-run``, ``--budget`` and the line about cost, as a person sees them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.cli.forecast import pilot_words
from earmark.cli.main import run
from earmark.cli.results import capacity_line
from earmark.reports.capacity import Capacity, DeviceShare
from earmark.reports.usage import Cost
from tests.toys import toy_source, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve utterances, and a list in which an hour of a processor costs 3,600."""
    write_manifest(tmp_path / "manifest.jsonl", toy_source(tmp_path))
    text = 'currency = "USD"\n[devices.cpu]\nper_hour = 3600\nas_of = 2026-01-01\n'
    (tmp_path / "prices.toml").write_text(text)
    return tmp_path


def earmark(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    own = {"EARMARK_CACHE": str(folder / "cache"), "EARMARK_PRICES": str(folder / "prices.toml")}
    words = [sys.executable, "-m", "earmark", *shlex.split(line)]
    return subprocess.run(words, cwd=folder, env={**os.environ, **own}, capture_output=True, text=True, check=False)


def test_from_the_dry_run_by_a_pilot_to_the_end_of_a_budget(folder):
    """What is not known is said, the pilot that is offered makes it known, and a budget ends with its own code."""
    line = "eval slow --data manifest.jsonl --set seconds=0.1 --workers 1 --engine inline"
    first = earmark(folder, f"{line} --dry-run")
    assert first.returncode == 0, first.stderr
    assert "nothing is started" in first.stdout
    assert "time    not known" in first.stdout
    assert "cost    not known: the time is not known" in first.stdout
    assert not (folder / "runs").exists()

    offered = first.stderr.splitlines()[-1].removeprefix("earmark ")
    assert offered == f"{line} --limit 1 --seed 0 --out runs/pilot"
    pilot = earmark(folder, offered)
    assert pilot.returncode == 0, pilot.stderr
    assert "an audio hour" in pilot.stdout
    assert "cold start" in pilot.stdout

    second = earmark(folder, f"{line} --dry-run --format json")
    found = json.loads(second.stdout)
    assert found["throughput"]["num_workers"] == 1
    assert found["cost"]["amount"] == pytest.approx(found["wall_s"])
    assert second.stderr == ""
    assert "cost    about" in earmark(folder, f"{line} --dry-run").stdout

    again = "--out runs/pilot --limit 1 --seed 0 --dry-run --format json"
    assert json.loads(earmark(folder, f"{line} {again}").stdout)["num_segments_left"] == 0
    fresh = json.loads(earmark(folder, f"{line} {again} --fresh --budget 0.000001").stdout)
    assert (fresh["num_segments_left"], fresh["spent"]) == (1, 0.0)

    ended = earmark(folder, f"{line} --out runs/budget --budget 0.000001")
    assert ended.returncode == 5
    assert "warning: the budget of 0.000001 USD is reached" in ended.stderr
    assert "hint: the same command with a larger --budget" in ended.stderr
    begun = (folder / "runs" / "budget" / "attempts").exists()
    assert begun
    # Nothing was transcribed, but the time of its engine is paid for.
    refused = earmark(folder, f"{line} --out runs/budget --budget 0.000001")
    assert refused.returncode == 2
    assert "is spent already" in refused.stderr


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("eval m --data d --dry-run", "eval m --data d"),
        ("eval m --limit 5% --seed 3 --data d --fresh", "eval m --data d"),
        ("eval m --out=x -o y --data d --budget 5", "eval m --data d"),
        ("eval m --data d --limit=7 --workers 2", "eval m --data d --workers 2"),
    ],
)
def test_a_pilot_is_the_same_command_with_fewer_utterances(words, kept):
    """In a folder of its own; a tenth of them, and no more than 50."""
    assert pilot_words(words.split(), 74)[-5:-4] == ["7"]
    assert pilot_words(words.split(), 10_000) == [*kept.split(), "--limit", "50", "--seed", "0", "--out", "runs/pilot"]


@pytest.mark.parametrize("rank", ["0", "1"])
def test_of_the_ranks_of_torchrun_one_speaks(folder, monkeypatch, capsys, rank):
    """Each of them has the same command."""
    monkeypatch.chdir(folder)
    for name, value in (("RANK", rank), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    assert run(["eval", "echo", "--data", "manifest.jsonl", "--engine", "torchrun", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert ("work    2 workers, torchrun" in said.out) is (rank == "0")
    assert bool(said.out + said.err) is (rank == "0")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["eval", "echo", "--data", "d", "--engine", "modal", "--num-requests", "0"], "--num-requests 0"),
        (["eval", "echo", "--data", "d", "--workers=none"], "--workers none"),
        (["stage", "d", "--to", "t", "--workers", "-1"], "--workers -1"),
    ],
)
def test_a_number_of_workers_that_is_none_is_named_as_it_was_typed(capsys, words, name):
    """By the one flag of two that was."""
    assert run(words) == 2
    assert f"error: {name} is neither auto nor a number from 1" in capsys.readouterr().err


def test_a_variable_with_a_number_of_workers_that_is_none_is_named(monkeypatch, capsys):
    """It is no flag that is to be mended then."""
    monkeypatch.setenv("EARMARK_WORKERS", "0")
    assert run(["eval", "echo", "--data", "d"]) == 2
    assert "error: EARMARK_WORKERS 0 is neither" in capsys.readouterr().err


def test_the_line_about_cost_says_each_kind_of_device():
    """And nothing of what is not known."""
    devices = (
        DeviceShare(device="NVIDIA L4", num_workers=2, busy_share=0.9, least_busy_share=0.8),
        DeviceShare(device="cpu", num_workers=1, busy_share=0.5, least_busy_share=0.5),
    )
    facts = {"parallel_efficiency": 0.95, "devices": devices, "paid_s": 1.0}
    cost = Cost(amount=0.0321, currency="USD", basis="b")
    line = capacity_line(
        Capacity(**facts, cold_start_s=12.34, cost=cost, cost_per_audio_hour=0.0123, price_as_of="2025-10-21")
    )
    assert line == (
        "workers 2 on NVIDIA L4, recognizing 90 % of the time (least 80 %) and 1 on cpu, recognizing 50 % of the time; "
        "parallel efficiency 95 %; "
        "cold start 12.3 s; cost 0.0321 USD, 0.0123 an audio hour (price of 2025-10-21)"
    )
    bare = Capacity(
        devices=devices[1:],
        parallel_efficiency=None,
        paid_s=1.0,
        cold_start_s=None,
        cost=None,
        cost_per_audio_hour=None,
    )
    assert capacity_line(bare) == "workers 1 on cpu, recognizing 50 % of the time"
