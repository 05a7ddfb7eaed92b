from __future__ import annotations

import ast
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from earmark.text import load_normalizer

Normalize = Callable[[str], str]


@pytest.fixture(scope="session")
def oracles() -> dict[str, Normalize]:
    # The truth of each Whisper normalizer, by our name for it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its source has an invalid escape, of which Python warns when it compiles it
        english = pytest.importorskip("whisper_normalizer.english", reason="whisper_normalizer 0.1.15 is not installed")
        basic = pytest.importorskip("whisper_normalizer.basic")
    return {
        "whisper-en": english.EnglishTextNormalizer(),
        "basic": basic.BasicTextNormalizer(),
        "basic-marks": basic.BasicTextNormalizer(preserve_marks=True),
    }


Differences = Callable[[Iterable[str]], list[tuple[str, str, str, str]]]


def find_differences(oracles: dict[str, Normalize]) -> Differences:
    # Finds each (name, text, their answer, our answer) where the answers differ.
    ours = {name: load_normalizer(name) for name in oracles}

    def find(texts) -> list[tuple[str, str, str, str]]:
        return [
            (name, text, theirs(text), ours[name](text))
            for text in texts
            for name, theirs in oracles.items()
            if theirs(text) != ours[name](text)
        ]

    return find


@pytest.fixture(scope="session")
def differences(oracles) -> Differences:
    return find_differences(oracles)


@pytest.fixture(scope="session")
def leaderboard_folder() -> Path:
    folder = Path(os.environ.get("EARMARK_OPEN_ASR", "")) / "normalizer"
    if "EARMARK_OPEN_ASR" not in os.environ or not (folder / "normalizer.py").is_file():
        pytest.skip("EARMARK_OPEN_ASR names no checkout of huggingface/open_asr_leaderboard, at d1e99b2")
    return folder


@pytest.fixture(scope="session")
def leaderboard(leaderboard_folder) -> ModuleType:
    # Its package is called "normalizer", which is too plain a name to put on the path.
    package = ModuleType("open_asr_leaderboard")
    package.__path__ = [str(leaderboard_folder)]
    sys.modules[package.__name__] = package
    return import_module("open_asr_leaderboard.normalizer")


@pytest.fixture(scope="session")
def leaderboard_differences(leaderboard) -> Differences:
    return find_differences(
        {
            "open-asr-en": leaderboard.EnglishTextNormalizer(),
            "open-asr-ml": leaderboard.BasicMultilingualTextNormalizer(remove_diacritics=False),
        }
    )


@pytest.fixture(scope="session")
def leaderboard_spells(leaderboard, leaderboard_folder) -> Callable[[str, str], str]:
    # The class that spells figures stands in a module that imports half of Hugging Face; so it is taken out of it.
    num2words = pytest.importorskip("num2words", reason="num2words is not installed")
    tree = ast.parse((leaderboard_folder / "data_utils.py").read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names = {**vars(leaderboard), "num2words": num2words, "re": re}
    exec(compile(tree, "data_utils.py", "exec"), names)  # noqa: S102  # the truth's own code, from the user's checkout
    return names["MultilingualNormalizer"](remove_diacritics=False)
