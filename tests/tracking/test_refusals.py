"""What trackers raise is said in plain words. The messages are those that the packages gave on loopback."""

from __future__ import annotations

import pytest

from earmark.tracking.refusals import refusal

DEAD_MLFLOW = (
    "API request to http://127.0.0.1:9/api/2.0/mlflow/runs/create failed with exception HTTPConnectionPool(host='127."
    "0.0.1', port=9): Max retries exceeded with url: /api/2.0/mlflow/runs/create (Caused by NewConnectionError("
    '"HTTPConnection(port=9): Failed to establish a new connection: [Errno 111] Connection refused"))'
)
DEAD_WANDB = (
    "Failed to get resume status for run c2: context deadline exceeded\nwhile retrying: Post "
    '"http://127.0.0.1:9/graphql": dial tcp 127.0.0.1:9: connect: connection refused'
)
FORBIDDEN_WANDB = (
    'Failed to get resume status for run c4: returned error 403: {"errors":[{"message":"permission denied"}]}'
)
BAD_WANDB = "1 validation error for Settings\nbase_url\n  Input should be a valid URL, relative URL without a base"


@pytest.mark.parametrize(
    ("tracker", "said", "what", "cause", "hint"),
    [
        (
            "mlflow",
            DEAD_MLFLOW,
            "no server of MLflow answers at http://here",
            "connection refused",
            "MLFLOW_TRACKING_URI",
        ),
        ("wandb", DEAD_WANDB, "no server of Weights & Biases answers at http://here", "connection refused", "start it"),
        (
            "mlflow",
            "PERMISSION_DENIED: Permission denied",
            "MLflow lets nobody in",
            "PERMISSION",
            "MLFLOW_TRACKING_TOKEN",
        ),
        ("wandb", FORBIDDEN_WANDB, "Weights & Biases lets nobody in", "Failed to get", "WANDB_API_KEY"),
        (
            "wandb",
            "No API key configured. Use `wandb login` to log in.",
            "Weights & Biases lets",
            "No API key",
            "wandb login",
        ),
        ("mlflow", "got unsupported URI 'foo://bar' for", "MLFLOW_TRACKING_URI is no address", None, "https://HOST"),
        ("wandb", BAD_WANDB, "WANDB_BASE_URL is no address", None, "https://HOST"),
        (
            "mlflow",
            "No Experiment with id=77 exists",
            "MLflow does not take it",
            "RuntimeError: No Experiment",
            "export",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_mends_it(monkeypatch, tracker, said, what, cause, hint):
    """A dead server, no permission, an address that is none; else the package's own words."""
    for name in ("MLFLOW_TRACKING_URI", "WANDB_BASE_URL"):
        monkeypatch.setenv(name, "http://here")
    error = refusal(tracker, RuntimeError(said))
    assert error.what.startswith(what)
    assert (error.cause or "").startswith(cause or "")
    assert hint in error.hint


def test_no_secret_of_an_address_is_shown(monkeypatch):
    """Neither of the variable, nor of what the package says."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:canary@here/x?token=canary")
    error = refusal("mlflow", RuntimeError("at http://me:canary@here: odd"))
    assert "canary" not in f"{error.what} {error.cause} {error.hint}"
    assert "canary" not in refusal("mlflow", ConnectionError("Connection refused")).what


def test_a_file_that_cannot_be_written_is_named():
    """A store on this machine's disk."""
    error = refusal("mlflow", PermissionError(13, "Permission denied", "/store/runs.db"))
    assert error.cause == "/store/runs.db: Permission denied"
    assert "MLFLOW_TRACKING_URI" in error.hint


def test_another_tracker_speaks_for_itself():
    """What is wrong with it is not known here."""
    assert refusal("toy", ConnectionError("refused")).what == "toy: ConnectionError: refused"
