"""A detector that is a toy: loud is speech."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from earmark.audio.vad import WINDOW_SAMPLES, Heard


class Loudness:
    """Takes every window that is not quite silent for speech."""

    def listen(self, blocks: Iterable[np.ndarray]) -> Heard:
        rest = np.empty(0, np.float32)
        energies = []
        for block in blocks:
            samples = np.concatenate([rest, block])
            whole = len(samples) // WINDOW_SAMPLES * WINDOW_SAMPLES
            energies.append(np.square(samples[:whole].reshape(-1, WINDOW_SAMPLES), dtype=np.float64).sum(axis=1))
            rest = samples[whole:]
        energies.append(np.square(rest, dtype=np.float64).sum(keepdims=True)[: len(rest)])
        found = np.concatenate(energies)
        return Heard((found > 0.01).astype(np.float32), found)
