"""Waveforms changed on purpose, to ask a recognizer the same thing in another way: faster, louder, at full scale.

It knows samples, and neither files nor recognizers. Always in this order: speed, peak, level; a level that came before
the peak would be undone by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soxr

from earmark.audio.decode import RESAMPLER
from earmark.records import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray


def changed(
    samples: NDArray[np.float32], *, speed: float | None, is_peak: bool, level_db: float | None
) -> NDArray[np.float32]:
    """Change samples in [-1, 1] at 16 kHz, shape ``(num_samples,)``; another length comes back for another speed.

    ``speed`` plays it so many times as fast, pitch and all (Ko et al. 2015, "Audio augmentation for speech
    recognition"). ``is_peak`` brings the largest sample to full scale; silence stays silence. ``level_db`` makes it
    louder by so much. What is put beyond [-1, 1] is clipped, as a converter would.
    """
    if speed is not None:
        # What was recorded at 16 kHz, taken for speed x 16 kHz, lasts 1 / speed of the time.
        samples = soxr.resample(samples, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ, quality=RESAMPLER)
    if is_peak and len(samples) and (peak := float(np.max(np.abs(samples)))) > 0:
        samples = samples / np.float32(peak)
    if level_db is not None:
        samples = samples * np.float32(10 ** (level_db / 20))
    return np.clip(samples, np.float32(-1), np.float32(1))
