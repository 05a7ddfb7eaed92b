"""Where to cut long audio: at its quietest places. It knows energies, and nothing of speech."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.reader import mono_blocks, open_audio

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOP_S = 0.01
"""One energy for each so many seconds."""
QUIET_HOPS = 30
"""A cut is as quiet as the 0.3 s around it."""


def cut_points(
    path: str,
    *,
    start_s: float,
    duration_s: float | None,
    channel: int | None,
    max_piece_s: float,
    max_decoded_s: float = math.inf,
) -> list[tuple[float, float]]:
    """Cut the given stretch of the file at ``path`` into pieces, each ``(start_s, duration_s)`` in the file.

    They follow one another without gap or overlap, to the frame; none is longer than ``max_piece_s``, and of several
    none is shorter than a third of that (less one hop). The file is streamed: 8 bytes are kept for each 10 ms. Raises
    AudioError as ``decode`` does.
    """
    with open_audio(path) as audio:
        start, stop = audio.frame_range(start_s, duration_s)
        rate = audio.sample_rate_hz
        hop = max(1, round(HOP_S * rate))
        max_hops = int(max_piece_s * rate) // hop
        if max_hops < 1:
            raise ValueError(f"max_piece_s must be at least {hop / rate:g}, is {max_piece_s:g}")
        blocks = mono_blocks(audio, start, stop, channel=channel, max_frames=max_decoded_s * rate)
        energies, num_frames = hop_energies(blocks, hop)
    inner = [start + cut * hop for cut in quiet_cuts(energies, max_hops)]
    edges = [start, *inner, start + num_frames]
    return [(first / rate, (last - first) / rate) for first, last in itertools.pairwise(edges)]


def hop_energies(blocks: Iterable[NDArray[np.float32]], hop: int) -> tuple[NDArray[np.float64], int]:
    """Sum the squares of each ``hop`` samples (the last may have fewer), shape ``(num_hops,)``; count the samples."""
    energies: list[NDArray[np.float64]] = []
    rest = np.empty(0, np.float32)
    num_samples = 0
    for block in blocks:
        num_samples += len(block)
        samples = np.concatenate([rest, block])
        whole = len(samples) // hop * hop
        energies.append(np.square(samples[:whole].reshape(-1, hop), dtype=np.float64).sum(axis=1))
        rest = samples[whole:]
    if len(rest):
        energies.append(np.square(rest, dtype=np.float64).sum(keepdims=True))
    return np.concatenate(energies) if energies else np.empty(0), num_samples


def quiet_cuts(energies: NDArray[np.float64], max_hops: int) -> list[int]:
    """Say where to cut, as numbers of hops from the start, rising; the last cut leaves at most ``max_hops``.

    Each cut is the quietest place (of several the last) in the last third of the ``max_hops`` that follow the one
    before, and leaves a third of them for the rest.
    """
    sums = np.concatenate([[0.0], np.cumsum(energies)])
    num_hops = len(energies)
    third = max_hops // 3
    cuts: list[int] = []
    done = 0
    while num_hops - done > max_hops:
        places = np.arange(done + max_hops - third, min(done + max_hops, num_hops - third) + 1)
        loudness = sums[np.minimum(places + QUIET_HOPS // 2, num_hops)] - sums[np.maximum(places - QUIET_HOPS // 2, 0)]
        done = int(places[len(places) - 1 - int(np.argmin(loudness[::-1]))])
        cuts.append(done)
    return cuts
