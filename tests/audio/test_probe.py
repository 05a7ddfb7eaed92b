from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earmark.audio.probe import AudioInfo, probe
from earmark.errors import AudioError
from tests.audio.tones import FORMATS, tone


@pytest.mark.parametrize("name", FORMATS)
def test_the_header_tells_length_rate_and_channels(write, name):
    """Every format's header gives its duration, rate, channels and coding."""
    stereo = np.stack([tone(0.5, 48_000)] * 2, axis=1)
    assert probe(write(name, stereo, 48_000)) == AudioInfo(0.5, 48_000, 2, "/".join(FORMATS[name]))


def test_no_sample_is_read(write):
    """A file whose samples are damaged still has a duration."""
    path = Path(write("a.flac", tone(1.0, 16_000)))
    raw = path.read_bytes()
    path.write_bytes(raw[:-2000] + bytes(2000))
    assert probe(str(path)).duration_s == 1.0


def test_an_unknown_length_is_zero(write):
    """A FLAC from a pipe has no length in its header, so the claim is 0 and not 18 million years."""
    path = Path(write("a.flac", tone(0.1, 16_000)))
    raw = bytearray(path.read_bytes())
    raw[21] &= 0xF0
    raw[22:26] = bytes(4)
    path.write_bytes(raw)
    assert probe(str(path)).duration_s == 0.0


def test_what_is_no_audio_is_told_apart(tmp_path, write):
    """Missing, unreadable and empty files raise errors of those kinds."""
    (tmp_path / "b.wav").write_text("not audio")
    paths = {
        "missing": str(tmp_path / "c.wav"),
        "unreadable": str(tmp_path / "b.wav"),
        "empty": write("a.wav", np.zeros(0)),
    }
    for kind, path in paths.items():
        with pytest.raises(AudioError) as caught:
            probe(path)
        assert caught.value.kind == kind
