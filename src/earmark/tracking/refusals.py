"""What a tracker's package raises, in plain words, with what mends it.

Knows what the packages say where a server is dead, lets nobody in, or is none, and the variables that they read. It
goes by their messages, since one class of theirs stands for many things; it imports none of them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from earmark.errors import EarmarkError, first_line, sentence_of


@dataclass(frozen=True, slots=True)
class _Tool:
    """What people call it, the variable that names its server, and what gives it a key."""

    name: str
    address: str
    key: str


_TOOLS = {
    "mlflow": _Tool(
        "MLflow",
        "MLFLOW_TRACKING_URI",
        "export MLFLOW_TRACKING_TOKEN=..., or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    ),
    "wandb": _Tool("Weights & Biases", "WANDB_BASE_URL", "wandb login, or export WANDB_API_KEY=..."),
}
_NO_KEY = re.compile(
    r"PERMISSION_DENIED|UNAUTHENTICATED|permission denied|not logged in|No API key|WANDB_API_KEY invalid"
    r"|(?:returned error|error code|status code):? 40[13]\b",
    re.IGNORECASE,
)
_NO_ADDRESS = re.compile(r"unsupported URI|valid URL|Invalid URL|base_url|No connection adapters|No host supplied")
_NO_ANSWER = re.compile(
    r"Connection refused|connection reset|Failed to resolve|Name or service not known|no such host|timed out"
    r"|deadline exceeded|No route to host|Network is unreachable|Max retries exceeded",
    re.IGNORECASE,
)


def refusal(tracker: str, error: Exception) -> EarmarkError:
    """The error that is told of what ``tracker`` raised: what it means where that is known, else what it says."""
    tool, said = _TOOLS.get(tracker), str(error)
    if tool is None:
        return EarmarkError(f"{tracker}: {sentence_of(error)}")
    if isinstance(error, OSError) and error.filename:
        cause = f"{error.filename}: {error.strerror}"
        return EarmarkError(f"{tool.name} cannot write where it is to", cause=cause, hint=_elsewhere(tool))
    if _NO_KEY.search(said):
        return EarmarkError(f"{tool.name} lets nobody in{_at(tool)}", cause=first_line(error), hint=tool.key)
    if _NO_ADDRESS.search(said):
        return EarmarkError(f"{tool.address} is no address{_at(tool)}", hint=f"export {tool.address}=https://HOST")
    if found := re.findall(_NO_ANSWER, said):
        what = f"no server of {tool.name} answers{_at(tool)}"
        return EarmarkError(what, cause=str(found[-1]).lower(), hint=f"start it, or {_elsewhere(tool)}")
    return EarmarkError(f"{tool.name} does not take it", cause=sentence_of(error), hint=_elsewhere(tool))


def _elsewhere(tool: _Tool) -> str:
    return f"export {tool.address}=... names another place"


def _at(tool: _Tool) -> str:
    """Where it was looked for, as far as the environment says."""
    address = os.environ.get(tool.address)
    return f" at {address}" if address else ""
