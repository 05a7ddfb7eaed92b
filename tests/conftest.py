"""What every test may ask for."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process of pytest a core: threads of torch would wait for each other
hypothesis.settings.register_profile("earmark", deadline=None)  # a busy machine is no fault
hypothesis.settings.load_profile("earmark")
_FROZEN = {"num_modules": 0}
_LONG = ("tests/contracts/", "tests/engines/", "tests/recognizers/", "tests/test_golden_matrix.py", "tests/cli/")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files begin first, so that both processes end together."""
    _forget_modules_that_cannot_be_looked_at()  # what a test file imports may have imported SpeechBrain
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


@pytest.fixture(autouse=True)
def _no_modules_that_cannot_be_looked_at() -> None:
    """Before each test, as one before it may have imported them."""
    _forget_modules_that_cannot_be_looked_at()


def _forget_modules_that_cannot_be_looked_at() -> None:
    """SpeechBrain, once imported, leaves modules that are imported when anybody asks them for anything.

    Hypothesis asks every module for its file, and some of them need what is not installed.
    """
    if "speechbrain" in sys.modules:
        for name, module in list(sys.modules.items()):
            if type(module).__module__ == "speechbrain.utils.importutils":
                del sys.modules[name]


@pytest.fixture(autouse=True)
def _imports_are_not_searched_for_cycles() -> None:
    """A search takes a second once NeMo and Transformers are loaded, and there is one wherever a model is let go."""
    if len(sys.modules) > _FROZEN["num_modules"] + 300:
        _FROZEN["num_modules"] = len(sys.modules)
        gc.freeze()


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
