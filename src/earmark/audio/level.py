"""How loud samples are. Knows no file."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

QUIETEST_DBFS = -120.0
"""Of digital silence, and of what is not even a sixth of the last of 20 bits: so a level is always a number."""
_LARGEST = np.float32(1 - 2.0**-15)


def rms_dbfs(samples: NDArray[np.float32]) -> float:
    """The root mean square of samples in [-1, 1], shape ``(num_samples,)``, in dB to full scale.

    Full scale is the constant 1, so a sine that reaches it is at -3 dB. At least ``QUIETEST_DBFS``; no samples are as
    quiet as that.
    """
    if not len(samples):
        return QUIETEST_DBFS
    mean_square = float(np.dot(samples, samples)) / len(samples)
    return max(QUIETEST_DBFS, 10 * math.log10(mean_square)) if mean_square > 0 else QUIETEST_DBFS


def peak_dbfs(samples: NDArray[np.float32]) -> float:
    """The largest magnitude of samples in [-1, 1], shape ``(num_samples,)``, in dB to full scale: 0 where it is 1.

    At least ``QUIETEST_DBFS``; no samples are as quiet as that.
    """
    peak = float(max(samples.max(), -samples.min())) if len(samples) else 0.0
    return max(QUIETEST_DBFS, 20 * math.log10(peak)) if peak > 0 else QUIETEST_DBFS


def num_clipped(samples: NDArray[np.float32]) -> int:
    """How many samples stand at full scale: at the largest number of 16 bits, or beyond it."""
    if not len(samples) or max(samples.max(), -samples.min()) < _LARGEST:
        return 0
    return int(np.count_nonzero(np.abs(samples) >= _LARGEST))
