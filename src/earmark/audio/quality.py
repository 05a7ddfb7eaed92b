"""How a piece of audio sounds in numbers: level, peak, clipping, silence, offset. It decodes, and keeps no samples.

Measured at the file's own rate, on what a recognizer would be given: the chosen channel, or the mean of all.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.level import QUIETEST_DBFS, num_clipped
from earmark.audio.reader import mono_blocks, open_audio

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class AudioQuality:
    """``duration_s`` is what decoded. Levels are in dB to full scale (the constant 1), at least ``QUIETEST_DBFS``.

    ``level_dbfs`` is the root mean square without the offset, so that a constant is silence. ``offset`` is the mean, as
    a share of full scale. ``clipped_share`` is the share of samples that stand at full scale. ``content`` is a digest
    of the samples and their rate: the same for the same samples, however they were packed. All these are of samples
    cut at -1 and 1, as ``decode`` gives them; ``peak_dbfs`` is of those in the file, of which ``beyond_share`` is the
    share that was cut.
    """

    duration_s: float
    level_dbfs: float
    peak_dbfs: float
    offset: float
    clipped_share: float
    beyond_share: float
    content: bytes


def measure_quality(
    path: str,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    channel: int | None = None,
    max_decoded_s: float,
) -> AudioQuality:
    """Decode a piece of the file at ``path`` and measure it, in the memory of one block.

    The arguments, and the AudioError that it raises, are those of ``decode``: what passes here can be transcribed.
    """
    with open_audio(path) as audio:
        start, stop = audio.frame_range(start_s, duration_s)
        rate_hz = audio.sample_rate_hz
        sums = _Sums()
        sums.digest.update(str(rate_hz).encode())
        for block in mono_blocks(audio, start, stop, channel=channel, max_frames=max_decoded_s * rate_hz):
            sums.add(block)
    return sums.quality(rate_hz)


@dataclass
class _Sums:
    """What is added up over the blocks, in double precision."""

    num_samples: int = 0
    total: float = 0.0
    squares: float = 0.0
    peak: float = 0.0
    num_clipped: int = 0
    num_beyond: int = 0
    digest: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=8))

    def add(self, block: NDArray[np.float32]) -> None:
        peak = float(max(block.max(), -block.min()))
        self.peak = max(self.peak, peak)
        if peak > 1:
            self.num_beyond += int(np.count_nonzero(np.abs(block) > 1))
            block = np.clip(block, np.float32(-1), np.float32(1))
        exact = block.astype(np.float64)
        self.num_samples += len(block)
        self.total += float(exact.sum())
        self.squares += float(np.dot(exact, exact))
        self.num_clipped += num_clipped(block)
        self.digest.update(block.tobytes())

    def quality(self, rate_hz: int) -> AudioQuality:
        offset = self.total / self.num_samples
        variance = max(0.0, self.squares / self.num_samples - offset**2)
        return AudioQuality(
            duration_s=self.num_samples / rate_hz,
            level_dbfs=_decibels(math.sqrt(variance)),
            peak_dbfs=_decibels(self.peak),
            offset=offset,
            clipped_share=self.num_clipped / self.num_samples,
            beyond_share=self.num_beyond / self.num_samples,
            content=self.digest.digest(),
        )


def _decibels(amplitude: float) -> float:
    return max(QUIETEST_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else QUIETEST_DBFS
