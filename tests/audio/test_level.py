"""How loud samples are, against what a sound engineer expects."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.audio.level import QUIETEST_DBFS, rms_dbfs


@pytest.mark.parametrize(("amplitude", "level"), [(1.0, 0.0), (0.5, -6.0206), (0.001, -60.0)])
def test_a_constant_has_the_level_of_its_amplitude(amplitude, level):
    """20 log10 of it."""
    assert rms_dbfs(np.full(1000, amplitude, np.float32)) == pytest.approx(level, abs=1e-3)


def test_a_full_sine_is_three_db_below_full_scale():
    """Its mean square is a half."""
    samples = np.sin(2 * np.pi * np.arange(16_000) / 100).astype(np.float32)
    assert rms_dbfs(samples) == pytest.approx(-3.0103, abs=1e-3)


@pytest.mark.parametrize("samples", [np.zeros(16, np.float32), np.zeros(0, np.float32), np.full(9, 1e-9, np.float32)])
def test_silence_has_a_number(samples):
    """And never minus infinity."""
    assert rms_dbfs(samples) == QUIETEST_DBFS
