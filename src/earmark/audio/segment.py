"""Where to cut long audio: at its quietest places. It knows energies, and nothing of speech."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.reader import mono_blocks, open_audio

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOP_S = 0.01
"""One energy for each so many seconds."""
QUIET_HOPS = 30
"""A cut is as quiet as the 0.3 s around it."""


@dataclass(frozen=True, slots=True)
class Cutting:
    """Where a stretch of audio was cut: its pieces, each ``(start_s, duration_s)`` in the file, in their order.

    ``length_s`` is that of the whole stretch. What of it is in no piece was left out.
    """

    pieces: tuple[tuple[float, float], ...]
    length_s: float


def cut_points(
    path: str,
    *,
    start_s: float,
    duration_s: float | None,
    channel: int | None,
    max_piece_s: float,
    max_decoded_s: float = math.inf,
) -> Cutting:
    """Cut the given stretch of the file at ``path`` into pieces.

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
    return cutting(itertools.pairwise(edges), rate, num_frames)


def cutting(pieces: Iterable[tuple[int, int]], rate_hz: int, num_frames: int) -> Cutting:
    """Turn pieces in frames of the file, first and the one after the last, into seconds, of ``num_frames`` in all."""
    seconds = tuple((first / rate_hz, (last - first) / rate_hz) for first, last in pieces)
    return Cutting(seconds, num_frames / rate_hz)


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
    sums = energy_sums(energies)
    earliest = max_hops - max_hops // 3
    return repeated_cuts(
        len(energies), max_hops, earliest, lambda first, last: quietest(sums, first, last, QUIET_HOPS // 2)
    )


def repeated_cuts(num_hops: int, max_hops: int, earliest: int, choose: Callable[[int, int], int]) -> list[int]:
    """Cut again and again until at most ``max_hops`` are left, where ``choose`` says of the first and the last place.

    The first is ``earliest`` (at least 1) after the cut before; the last leaves a third of ``max_hops`` for the rest.
    """
    cuts: list[int] = []
    done = 0
    while num_hops - done > max_hops:
        done = choose(done + earliest, min(done + max_hops, num_hops - max_hops // 3))
        cuts.append(done)
    return cuts


def energy_sums(energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """The energy before each place, shape ``(num_hops + 1,)``: what ``quietest`` looks at."""
    return np.concatenate([[0.0], np.cumsum(energies)])


def quietest(sums: NDArray[np.float64], first: int, last: int, half: int) -> int:
    """From ``first`` to ``last`` the place with the least energy in ``half`` hops on each side; of several the last."""
    places = np.arange(first, last + 1)
    loudness = sums[np.minimum(places + half, len(sums) - 1)] - sums[np.maximum(places - half, 0)]
    return int(places[len(places) - 1 - int(np.argmin(loudness[::-1]))])
