"""What every test may ask for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_modules_that_cannot_be_looked_at() -> None:
    """SpeechBrain, once imported, leaves modules that are imported when anybody asks them for anything.

    Hypothesis asks every module for its file, and some of them need what is not installed.
    """
    if "speechbrain" in sys.modules:
        for name, module in list(sys.modules.items()):
            if type(module).__module__ == "speechbrain.utils.importutils":
                del sys.modules[name]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a run remembers of its speed is not left in the cache of whoever runs the tests."""
    os.environ.setdefault("EARMARK_CACHE", str(tmp_path_factory.mktemp("cache")))


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
