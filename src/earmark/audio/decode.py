"""Any audio file, or a piece of one, as float32 mono at 16 kHz."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import soxr

from earmark.audio.probe import AudioInfo, info_of
from earmark.audio.reader import mono_blocks, open_audio
from earmark.errors import AudioError
from earmark.records import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLER = "HQ"
"""soxr's quality: the fastest of those without audible loss or aliases."""


def decode(
    path: str,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    channel: int | None = None,
    max_decoded_s: float,
) -> NDArray[np.float32]:
    """Read a piece of the file at ``path`` as float32 in [-1, 1], shape ``(num_samples,)``, mono, 16 kHz.

    ``start_s`` and the end are each rounded to the nearest frame of the file; ``duration_s`` None reaches to its end.
    ``channel`` counts from 0, None is the mean of all, taken before resampling. Integers are scaled by their full
    range, and what floats or the resampler put beyond [-1, 1] is clipped. Memory follows what decodes, at most
    ``max_decoded_s``, never what a header claims. A piece is resampled on its own, without its neighbours.

    Raises AudioError of kind ``missing``, ``unreadable``, ``empty``, ``truncated``, ``not_finite``, ``no_channel``,
    ``past_the_end`` or ``too_long``, with a reason that is the same on every machine.
    """
    return decode_with_info(path, start_s=start_s, duration_s=duration_s, channel=channel, max_decoded_s=max_decoded_s)[
        0
    ]


def decode_with_info(
    path: str, *, start_s: float, duration_s: float | None, channel: int | None, max_decoded_s: float
) -> tuple[NDArray[np.float32], AudioInfo]:
    """What ``decode`` gives, and what the file's header says of the whole file, opening it once."""
    with open_audio(path) as audio:
        start, stop = audio.frame_range(start_s, duration_s)
        rate = audio.sample_rate_hz
        blocks = mono_blocks(audio, start, stop, channel=channel, max_frames=max_decoded_s * rate)
        pieces = list(blocks if rate == SAMPLE_RATE_HZ else resampled(blocks, rate))
        samples: NDArray[np.float32] = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        if len(samples) == 0:
            raise AudioError("empty", f"{audio.name} holds less than one sample at {SAMPLE_RATE_HZ:,} Hz")
        info = info_of(audio)
    samples = np.ascontiguousarray(samples)  # one channel of several is a view that would keep them all
    if not audio.is_bounded or rate != SAMPLE_RATE_HZ:
        np.clip(samples, np.float32(-1), np.float32(1), out=samples)
    return samples, info


def resampled(blocks: Iterable[NDArray[np.float32]], rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """Bring mono blocks of ``rate_hz`` to 16 kHz; sample for sample what soxr gives for all of them at once."""
    stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality=RESAMPLER)
    for block in blocks:
        yield stream.resample_chunk(np.ascontiguousarray(block))
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)
