"""``--shard`` on the command line: what is said at the end of a share, and the line that finishes the run."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from earmark.cli.main import run
from earmark.cli.share import finishing_words
from tests.toys import toy_source, write_manifest


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    source = toy_source(tmp_path / "audio", 6)
    return write_manifest(tmp_path / "audio" / "manifest.jsonl", source)


def typed(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> int:
    monkeypatch.setattr(sys, "argv", ["earmark", *words])
    return run(words)


def test_a_share_says_what_is_left_and_the_line_that_it_says_finishes_the_run(manifest, tmp_path, monkeypatch, capsys):
    """Exit code 0, nothing on stdout; and the line, typed as it stands, prints the summary."""
    out = tmp_path / "a run"
    words = ["eval", "echo", "-d", str(manifest), "--out", str(out), "--engine", "inline", "--max-batch-seconds", "1"]
    assert typed(monkeypatch, [*words, "--shard", "1/2"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "are left to other shares" in said.err
    [line] = [line for line in said.err.splitlines() if line.startswith("finish without them: ")]
    assert typed(monkeypatch, shlex.split(line.partition(": ")[2])[1:]) == 0
    assert "WER" in capsys.readouterr().out


def test_the_last_share_prints_the_summary(manifest, tmp_path, monkeypatch, capsys):
    """As a run without shares does."""
    words = ["eval", "echo", "-d", str(manifest), "-o", str(tmp_path / "run"), "--engine", "inline"]
    for shard in ("1/2", "2/2"):
        assert typed(monkeypatch, [*words, f"--shard={shard}"]) == 0
    assert "WER" in capsys.readouterr().out


def test_the_finishing_line_names_the_folder(tmp_path):
    """Where the share did not, its folder is one by identity, which is said."""
    words = ["eval", "echo", "--shard", "3/16", "-d", "m.jsonl", "--set", "x=--shard"]
    expected = ["earmark", "eval", "echo", "-d", "m.jsonl", "--set", "x=--shard", "--out", "runs/echo"]
    assert finishing_words(words, "runs/echo") == expected
    assert finishing_words(["eval", "--out=r", "--shard=1/2"], "r") == ["earmark", "eval", "--out=r"]


def test_a_share_that_is_none_is_refused(manifest, tmp_path, monkeypatch, capsys):
    """Exit code 2, with an example."""
    assert typed(monkeypatch, ["eval", "echo", "-d", str(manifest), "--shard", "3"]) == 2
    assert "3/16" in capsys.readouterr().err
