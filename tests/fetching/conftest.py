"""A fault server, a cache of its own for each test, and no waiting between attempts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.fetching import FetchOptions, http
from tests.fetching.servers import Server, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(http, "pause", lambda _seconds: None)
    for name in ("EARMARK_CACHE", "EARMARK_OFFLINE", "EARMARK_ALLOW_PRIVATE"):
        monkeypatch.delenv(name, raising=False)
    with serving() as found:
        yield found


@pytest.fixture
def options(tmp_path: Path) -> FetchOptions:
    return FetchOptions(cache=tmp_path / "cache", allow_private=True)
