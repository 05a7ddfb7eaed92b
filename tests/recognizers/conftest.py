"""A transcription server for a test, and no waiting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recognizers.transcribing import Server, transcribing


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of whoever tests, and no pause between the repetitions of a call."""
    from earmark.recognizers.openai_api import pace

    monkeypatch.delenv("EARMARK_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(pace, "_FIRST_PAUSE_S", 0.0)


@pytest.fixture
def server(at_once: None) -> Iterator[Server]:
    with transcribing() as one:
        yield one
