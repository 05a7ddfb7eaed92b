"""Who is asked to work, and who started the command."""

from __future__ import annotations

import pytest

import earmark
from earmark.errors import UsageError


def test_a_rank_of_torchrun_does_not_do_the_whole_run_by_another_engine(tmp_path, monkeypatch):
    """All of them would do the same; the hint is the engine that was forgotten."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    with pytest.raises(UsageError) as raised:
        earmark.evaluate("echo", tmp_path / "nothing.jsonl", engine="processes")
    assert raised.value.hint == "--engine torchrun"
