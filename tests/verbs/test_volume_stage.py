"""What is said of staging onto a Volume before anything is done; that it works stands in ``engines/test_modal``."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.errors import UsageError
from earmark.verbs.stage import stage, stage_here

DEMO = Path(__file__).parents[2] / "src" / "earmark" / "demo"


@pytest.fixture
def token(monkeypatch):
    """Somebody's, which is never used: nothing here asks Modal."""
    pytest.importorskip("modal", reason="the extra modal is not installed")
    monkeypatch.setenv("MODAL_TOKEN_ID", "ak-nobody")
    monkeypatch.setenv("MODAL_TOKEN_SECRET", "as-nothing")


def test_a_volume_needs_the_engine_that_has_volumes(tmp_path, monkeypatch):
    """Else a folder of such a name would appear here."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="in Modal's cloud"):
        stage(DEMO / "manifest.jsonl", "modal:earmark-data/demo", engine="inline")
    assert list(tmp_path.iterdir()) == []


def test_that_engine_stages_onto_a_volume_only(tmp_path, token):
    """A container sees no folder of this machine."""
    with pytest.raises(UsageError, match="on this machine") as raised:
        stage("hf:owner/name", tmp_path / "staged", engine="modal")
    assert "modal:earmark-data/NAME" in raised.value.hint


def test_that_engine_stages_no_files_of_this_machine(token):
    """It says how they come there."""
    with pytest.raises(UsageError, match="no container") as raised:
        stage(str(DEMO / "manifest.jsonl"), "modal:earmark-data/demo", engine="modal")
    assert "modal volume put earmark-data" in raised.value.hint


def test_what_a_container_does_is_to_stage(tmp_path):
    """The body on real clips: a whole set, in the folder that the container has."""
    summary = stage_here(str(DEMO / "manifest.jsonl"), str(tmp_path / "staged"), 1, limit="3", audio_format="wav")
    assert (summary.num_staged, summary.target) == (3, str(tmp_path / "staged"))
