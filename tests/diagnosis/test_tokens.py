"""Tokens are said to be there or not; what they are never leaves, not even their length."""

from __future__ import annotations

import json
from dataclasses import asdict

from earmark.diagnosis.tokens import token_findings

CANARY = "canary-7f3a91"
VARIABLES = (
    "HF_TOKEN", "WANDB_API_KEY", "MLFLOW_TRACKING_TOKEN", "MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "EARMARK_API_KEY", "OPENAI_API_KEY",
)  # fmt: skip


def said(environment, home) -> str:
    return json.dumps([asdict(one) for one in token_findings(environment, home)])


def test_no_value_is_ever_shown(tmp_path):
    """Not of one that is there, of one that is odd, of one in a file, nor of half a pair."""
    for text in (CANARY, f"'{CANARY}'", f" {CANARY}\n"):
        for chosen in (VARIABLES, VARIABLES[::2]):
            assert "canary" not in said(dict.fromkeys(chosen, text), tmp_path)
    (tmp_path / ".modal.toml").write_text(CANARY)
    assert "canary" not in said({}, tmp_path)


def test_present_and_absent_are_told_apart(tmp_path):
    """By variable or by file; all absent is fine."""
    assert {one.level for one in token_findings({}, tmp_path)} == {"ok"}
    (tmp_path / ".modal.toml").write_text(CANARY)
    found = {one.name: one.sentence for one in token_findings({"HF_TOKEN": CANARY, "WANDB_API_KEY": ""}, tmp_path)}
    assert found["token, Hugging Face"] == "present (HF_TOKEN)"
    assert found["token, W&B"] == "absent (WANDB_API_KEY)"
    assert found["token, Modal"] == "present (~/.modal.toml)"


def test_half_of_a_pair_and_a_token_in_quotes_are_mended(tmp_path):
    """Both look like a wrong token to the server."""
    found = {one.name: one for one in token_findings({"MODAL_TOKEN_ID": "x", "HF_TOKEN": '"x"'}, tmp_path)}
    assert "MODAL_TOKEN_SECRET is not" in found["token, Modal"].sentence
    assert found["token, Modal"].mend == "export MODAL_TOKEN_SECRET=..."
    assert found["token, Hugging Face"].level == "warning"
