"""A clock that passes only while a toy works, and a price that makes a second of it cost 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.verbs import metering


class Clock:
    """Seconds, which whoever works adds."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """That of the engine's time, as the meter reads it."""
    clock = Clock()
    monkeypatch.setattr(metering, "_clock", clock)
    return clock


@pytest.fixture
def priced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of a processor costs 3,600: a second costs 1."""
    path = tmp_path / "prices.toml"
    path.write_text('currency = "USD"\n[devices.cpu]\nper_hour = 3600\nas_of = 2026-01-01\n')
    monkeypatch.setenv("EARMARK_PRICES", str(path))
