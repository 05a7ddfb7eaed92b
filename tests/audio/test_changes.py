from __future__ import annotations

import numpy as np
import pytest

from earmark.audio.changes import changed
from earmark.records import SAMPLE_RATE_HZ


def tone(frequency_hz: float, *, seconds: float = 1.0, level: float = 0.25) -> np.ndarray:
    times = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (level * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def as_asked(samples: np.ndarray, *, speed=None, is_peak=False, level_db=None) -> np.ndarray:
    return changed(samples, speed=speed, is_peak=is_peak, level_db=level_db)


@pytest.mark.parametrize("speed", [0.5, 0.9, 1.1, 2.0])
def test_faster_is_shorter_and_higher(speed):
    """Both by the factor, at the same loudness."""
    heard = as_asked(tone(440.0), speed=speed)
    assert len(heard) == pytest.approx(SAMPLE_RATE_HZ / speed, abs=1)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    loudest_hz = np.argmax(spectrum) * SAMPLE_RATE_HZ / len(heard)
    assert loudest_hz == pytest.approx(440.0 * speed, abs=2.0)
    assert np.abs(heard[1000:-1000]).max() == pytest.approx(0.25, rel=0.01)


def test_what_no_rate_can_hold_is_filtered_and_not_folded_back():
    """A tone of 6 kHz at twice the speed would be one of 12 kHz, so it is gone."""
    heard = as_asked(tone(6000.0), speed=2.0)
    assert np.abs(heard[1000:-1000]).max() < 1e-3


def test_a_level_is_in_decibels_and_clips_at_full_scale():
    """6.02 dB are a factor of two; 20 dB on a quarter of full scale are too many."""
    samples = tone(440.0)
    assert np.abs(as_asked(samples, level_db=-6.0206)).max() == pytest.approx(0.125, rel=1e-3)
    loud = as_asked(samples, level_db=20.0)
    assert np.abs(loud).max() == 1.0
    assert loud.dtype == np.float32


def test_a_peak_is_brought_to_full_scale_before_the_level():
    """Whatever it was; and silence stays silence, without a division by nothing."""
    assert np.abs(as_asked(tone(440.0, level=0.01), is_peak=True)).max() == pytest.approx(1.0)
    assert np.abs(as_asked(tone(440.0), is_peak=True, level_db=-6.0206)).max() == pytest.approx(0.5, rel=1e-3)
    assert not as_asked(np.zeros(100, np.float32), is_peak=True).any()
