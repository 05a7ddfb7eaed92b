from __future__ import annotations

import warnings
from collections.abc import Callable

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
    return {"whisper-en": english.EnglishTextNormalizer(), "basic": basic.BasicTextNormalizer()}


@pytest.fixture(scope="session")
def differences(oracles) -> Callable[..., list[tuple[str, str, str, str]]]:
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
