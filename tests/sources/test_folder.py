from __future__ import annotations

import os

import pytest

from earmark.errors import FolderError, ManifestError, UsageError
from earmark.sources import open_source


def test_a_folder_pairs_audio_with_texts(tmp_path):
    """Each audio file at any depth is an utterance; the text of the same name is its reference, where there is one."""
    (tmp_path / "b").mkdir()
    for name in ("z.wav", "b/a.FLAC", "b/c.mp3", "b/notes.md", "._z.wav"):
        (tmp_path / name).touch()
    (tmp_path / "z.txt").write_text("\ufeffhello there\n", encoding="utf-8")
    found = [(u.id, u.audio.uri, u.reference) for u in open_source(str(tmp_path)).utterances()]
    assert found == [("z", "z.wav", "hello there"), ("b/a", "b/a.FLAC", None), ("b/c", "b/c.mp3", None)]


def test_names_that_differ_in_the_suffix_keep_it(tmp_path):
    """Two files of one stem keep their suffixes in their ids, so that all ids differ."""
    for name in ("a.wav", "a.flac", "a.wav.flac", "b.wav"):
        (tmp_path / name).touch()
    assert [u.id for u in open_source(str(tmp_path)).utterances()] == ["a.flac", "a.wav", "a.wav.flac", "b"]


def test_references_can_be_left_out(tmp_path):
    """With the text column "none" the texts are not read."""
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.txt").write_bytes(b"\xff")
    assert next(open_source(str(tmp_path), text_column="none").utterances()).reference is None
    with pytest.raises(ManifestError, match="not UTF-8"):
        list(open_source(str(tmp_path)).utterances())


def test_a_folder_without_audio_says_so(tmp_path):
    """No audio is an error, not an empty run."""
    (tmp_path / "a.txt").touch()
    with pytest.raises(UsageError, match="no audio"):
        list(open_source(str(tmp_path)).utterances())


def test_a_name_that_is_no_utf8_is_refused(tmp_path):
    """A name that no table can hold is told before the run, not in its middle."""
    (tmp_path / os.fsdecode(b"caf\xe9.wav")).touch()
    with pytest.raises(FolderError, match="cannot use"):
        list(open_source(str(tmp_path)).utterances())
