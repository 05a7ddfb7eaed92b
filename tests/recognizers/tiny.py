"""Where a test gets a tiny model of a kind: built once a session, for all its workers. Needs no torch until asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from filelock import FileLock

KINDS = (
    "wav2vec2 group",
    "wav2vec2 layer",
    "hubert layer",
    "parakeet ctc",
    "parakeet tdt",
    "parakeet rnnt",
    "whisper",
    "moonshine",
    "canary",
)
_folder: list[Path] = []


@pytest.fixture(scope="session", autouse=True)
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import this into a module that asks for models: it says where they go."""
    base = tmp_path_factory.getbasetemp()
    _folder[:] = [(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny-models"]


def tiny_model(kind: str) -> Path:
    """The folder of the model of ``kind``; skips where torch or transformers is missing."""
    for package in ("torch", "transformers"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'earmark[transformers]'")
    from tests.recognizers.models import build

    folder = _folder[0] / kind.replace(" ", "-")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "whole").is_file():
            build(kind, folder)
            (folder / "whole").touch()
    return folder
