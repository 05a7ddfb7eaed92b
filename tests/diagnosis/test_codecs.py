"""A library that reads too little, or cannot be loaded, is told with what brings a better one."""

from __future__ import annotations

import pytest

from earmark.diagnosis import codecs
from earmark.diagnosis.codecs import codec_finding


def test_the_library_here_reads_what_the_field_uses():
    """It came with the package that the base needs."""
    finding = codec_finding()
    assert finding.level == "ok"
    assert "FLAC" in finding.sentence


@pytest.mark.parametrize(
    ("formats", "level", "says"),
    [({"WAV", "MP3", "OGG"}, "problem", "no FLAC"), ({"WAV", "FLAC", "OGG"}, "warning", "no MP3")],
)
def test_a_library_that_reads_too_little(monkeypatch, formats, level, says):
    """No run does without FLAC; an old one has no MP3."""
    monkeypatch.setattr(codecs, "readable_containers", lambda: frozenset(formats))
    finding = codec_finding()
    assert finding.level == level
    assert says in finding.sentence
    assert "pip install --upgrade soundfile" in finding.mend


def test_a_library_that_cannot_be_loaded(monkeypatch):
    """What the system says of it, in a line."""

    def missing() -> frozenset[str]:
        raise OSError("sndfile library not found\nmore")

    monkeypatch.setattr(codecs, "readable_containers", missing)
    assert codec_finding().sentence == "libsndfile cannot be loaded: sndfile library not found"
