"""Small sounds, and the codings that they are written in."""

from __future__ import annotations

import numpy as np

FORMATS = {
    "a.wav": ("WAV", "PCM_16"),
    "a.flac": ("FLAC", "PCM_16"),
    "a.ogg": ("OGG", "VORBIS"),
    "a.opus": ("OGG", "OPUS"),
    "a.mp3": ("MP3", "MPEG_LAYER_III"),
}


def tone(duration_s: float, rate_hz: int, *, hz: float = 440.0) -> np.ndarray:
    """Make a sine of half the full scale."""
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate_hz)) / rate_hz)).astype(np.float32)
