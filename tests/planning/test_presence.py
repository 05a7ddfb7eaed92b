"""Which audio files are there, by listings and by asking."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.planning import presence
from earmark.planning.presence import AudioFiles

NAMES = ["a.wav", "sub/b.wav", "sub/c d.wav", "sub/é.wav", "sub/folder", "link.wav", "dangling.wav", "sub/../a.wav"]
ODD = [
    "",
    ".",
    "..",
    "/",
    "sub",
    "sub/",
    "sub//b.wav",
    "./a.wav",
    "no/a.wav",
    "a.wav/",
    "x\0y",
    "sub/" + "n" * 300,
    "A.WAV",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sub" / "folder").mkdir(parents=True)
    for name in ("a.wav", "sub/b.wav", "sub/c d.wav", "sub/é.wav", ".hidden.wav"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
    (tmp_path / "dangling.wav").symlink_to(tmp_path / "nothing")
    return tmp_path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(uris=st.lists(st.sampled_from([*NAMES, *ODD, ".hidden.wav"]), max_size=12), many=st.sampled_from([1, 3, 1000]))
def test_a_listing_says_what_asking_says(root, monkeypatch, uris, many):
    """Links, folders, names that are none, and paths with dots; however few files make a folder worth listing."""
    monkeypatch.setattr(presence, "_MANY", many)
    files = AudioFiles(str(root))
    expected = [os.path.isfile(os.path.join(root, uri)) for uri in uris]  # noqa: PTH113, PTH118  # the truth
    assert files.are_there(uris) == expected
    assert files.are_there(uris[::-1]) == expected[::-1]


def test_a_folder_of_many_is_listed_once_and_each_file_is_not_asked_for(root, monkeypatch):
    """Absolute paths too; a file that the listing does not show is asked for."""
    monkeypatch.setattr(presence, "_MANY", 2)
    asked: list[str] = []
    monkeypatch.setattr(presence.os.path, "isfile", lambda path: bool(asked.append(path)))
    files = AudioFiles("/nowhere")
    uris = [str(root / "sub" / name) for name in ("b.wav", "c d.wav", "none.wav")]
    assert files.are_there(uris) == [True, True, False]
    assert asked == [uris[2]]
    (root / "sub" / "late.wav").write_bytes(b"")
    assert files.are_there([str(root / "sub" / "b.wav"), str(root / "sub" / "late.wav")]) == [True, False]
    assert asked == [uris[2], str(root / "sub" / "late.wav")]


def test_a_listing_that_is_cut_short_or_refused_only_costs_time(root, monkeypatch):
    """No more names are kept than are worth it, and a folder that cannot be listed can still hold files."""
    monkeypatch.setattr(presence, "_MANY", 1)
    monkeypatch.setattr(presence, "_MOST_NAMES", 1)
    assert AudioFiles(str(root)).are_there(["a.wav", "sub/b.wav", "sub/none.wav"]) == [True, True, False]
    (root / "sub").chmod(0o311)
    try:
        assert AudioFiles(str(root)).are_there(["sub/b.wav", "sub/c d.wav"]) == [True, True]
    finally:
        (root / "sub").chmod(0o755)
