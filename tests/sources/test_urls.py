"""A URL where none is taken is said to be one, and which are taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.errors import UsageError
from earmark.registry import Entry
from earmark.sources import SOURCES, open_source

OURS = {name for name, entry in SOURCES.entries().items() if entry.target.startswith("earmark.")}


@pytest.mark.parametrize("prefix", sorted(OURS - {"hf", "staged"}))
def test_a_url_behind_a_prefix_of_this_machine_is_refused(prefix: str):
    """It is no missing file; the hint names what may be a URL, and nothing shows a secret."""
    with pytest.raises(UsageError, match=f"{prefix}: takes no URL") as caught:
        open_source(f"{prefix}:https://me:hunter2@host.example/set.parquet?sig=hunter2")
    assert "s3: and gs: a staged set" in str(caught.value.hint)
    assert "hunter2" not in f"{caught.value} {caught.value.cause}"


def test_a_source_of_another_package_is_given_its_urls(monkeypatch: pytest.MonkeyPatch):
    """It may read what is elsewhere, and says so itself where it does not."""
    given = []
    monkeypatch.setattr(SOURCES, "_entries", {"theirs": Entry("theirs", "package_of_theirs:open", "")})
    monkeypatch.setattr(SOURCES, "load", lambda name: lambda path, options: given.append((name, path)))
    open_source("theirs:https://host.example/set")
    assert given == [("theirs", "https://host.example/set")]


@pytest.mark.parametrize("data", ["ftp://host/x.jsonl", "file:///tmp/m.jsonl", "FTP://host/folder", "az://b/x"])
def test_nothing_is_fetched_from_other_schemes(tmp_path: Path, data: str):
    """As data, and as the place of audio."""
    with pytest.raises(UsageError, match="no data are fetched from"):
        open_source(data)
    (tmp_path / "m.jsonl").write_text('{"audio": "a.wav", "text": "x"}\n')
    with pytest.raises(UsageError, match="no audio is fetched from") as caught:
        open_source(str(tmp_path / "m.jsonl"), audio_root=data)
    assert "https:, s3:, gs:" in str(caught.value.hint)


def test_what_is_here_is_no_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Even where it is called like one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ftp:").mkdir()
    (tmp_path / "ftp:" / "m.jsonl").write_text('{"audio": "a.wav", "text": "x"}\n')
    assert [row.id for row in open_source("ftp://m.jsonl").utterances()] == ["a"]
