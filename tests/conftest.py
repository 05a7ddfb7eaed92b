"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    folder = Path(os.environ.get("EARMARK_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: EARMARK_TEST_DATA says where they are")
    return folder


@pytest.fixture(scope="session")
def open_data(data_folder: Path) -> Path:
    """The folder of 74 real utterances with its manifest.jsonl."""
    if not (data_folder / "open" / "manifest.jsonl").is_file():
        pytest.skip(f"no open/manifest.jsonl in {data_folder}")
    return data_folder / "open"
