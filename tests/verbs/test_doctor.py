"""The whole look at a machine: quick, fit where a plain run works, and silent about secrets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.verbs import doctor as verb
from earmark.verbs.doctor import doctor


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without torch, which takes seconds, in an empty folder."""
    monkeypatch.setattr(verb, "torch_build", lambda: None)
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def silent() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_machine_that_runs_these_tests_is_fit():
    """Everything is looked at, nothing is written, and JSON says the same."""
    found = doctor()
    assert found.is_fit, [one for one in found.findings if one.level == "problem"]
    assert {"packages", "cores", "open files", "shared memory", "disk, runs", "disk, cache", "disk, temporary", "clock",
            "codecs", "devices", "torch", "token, Hugging Face"} <= {one.name for one in found.findings}  # fmt: skip
    assert all(one.mend for one in found.findings if one.level != "ok")
    assert json.loads(json.dumps(found.as_json()))["is_fit"] is True
    assert list(Path().iterdir()) == []


def test_a_cluster_that_was_asked_for_must_answer(silent, monkeypatch):
    """One that only the environment names is a warning: a plain run does not need it."""
    assert not doctor(address=silent).is_fit
    monkeypatch.setenv("RAY_ADDRESS", silent)
    found = doctor()
    assert found.is_fit
    assert [one.level for one in found.findings if one.name == "cluster"] == ["warning"]


def test_a_cache_that_cannot_be_written_is_a_problem(monkeypatch, tmp_path):
    """With the variable that moves it."""
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "file" / "cache"))
    (finding,) = [one for one in doctor().findings if one.level == "problem"]
    assert "EARMARK_CACHE" in finding.mend


def test_the_command_prints_a_line_each_and_shows_no_token(tmp_path, silent):
    """Exit 1 where what was asked about does not answer; the page and JSON have no value of a token in them."""
    secrets = dict.fromkeys(("HF_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "MODAL_TOKEN_ID"), " canary-77 ")
    script = "import earmark.verbs.doctor as verb, earmark.__main__ as m; verb.torch_build = lambda: None; m.main()"
    for form in ([], ["--json"]):
        words = ["doctor", "--address", f"ray://me:canary-78@{silent}", *form]
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.argv[1:] = {words!r}; {script}"],
            env={**os.environ, **secrets}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        assert "canary" not in done.stdout + done.stderr
        assert "a plain run will not work: 1 problem" in done.stderr
        assert "no address of a cluster" in done.stdout
        if form:
            assert json.loads(done.stdout)["is_fit"] is False
        else:
            assert "PROBLEM cluster" in done.stdout
            assert "mend: start on the cluster: ray job submit" in done.stdout
