"""A target in a store that is not there is a failure, and not bad usage."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.cli.main import run
from tests.toys import write_wav


def test_a_store_that_is_not_there_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """With its cause, and the variable that says where it is."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    write_wav(tmp_path / "a.wav", 0.25)
    (tmp_path / "m.jsonl").write_text('{"audio": "a.wav", "text": "x"}\n')
    assert run(["stage", str(tmp_path / "m.jsonl"), "--to", "s3://data/set"]) == 1
    shown = capsys.readouterr().err
    assert "cause: its server does not answer\nhint: AWS_ENDPOINT_URL names another server" in shown
