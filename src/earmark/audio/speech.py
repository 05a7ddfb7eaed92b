"""Where to cut long audio by what a voice-activity detector hears: in silences, and long ones are left out.

It knows probabilities of speech and energies; how the detector finds them is ``vad``'s.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.decode import resampled
from earmark.audio.reader import OpenAudio, mono_blocks, open_audio
from earmark.audio.segment import Cutting, cutting, energy_sums, quietest, repeated_cuts
from earmark.audio.vad import WINDOW_SAMPLES, Heard, SpeechDetector
from earmark.records import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = "1"
"""Of the rules below; another one gives other pieces, so it is part of a run's identity."""
SPEECH_FROM, SILENCE_BELOW = 0.5, 0.35
"""Speech begins at a window as likely as the first, and ends at one less likely than the second (silero-vad's own)."""
LONG_SILENCE_S = 2.0
"""A silence from this length on is left out: people pause for less between sentences."""
MARGIN_S = 0.5
"""What is kept of a silence that is left out, on the side of speech."""
OPTIONS = {
    "speech_from": SPEECH_FROM,
    "silence_below": SILENCE_BELOW,
    "long_silence_s": LONG_SILENCE_S,
    "margin_s": MARGIN_S,
}
_WINDOW_S = WINDOW_SAMPLES / SAMPLE_RATE_HZ
_LEAST_SILENCE = 4  # windows, 0.13 s: less is within a word
_HALF_QUIET = 5  # windows on each side of a cut without silence, 0.3 s in all

Piece = tuple[int, int]
"""The first window, and the one after the last."""


def cut_at_silence(
    path: str,
    *,
    detector: SpeechDetector,
    start_s: float,
    duration_s: float | None,
    channel: int | None,
    max_piece_s: float,
    max_decoded_s: float = math.inf,
) -> Cutting:
    """Cut the given stretch of the file at ``path`` into pieces of at most ``max_piece_s``, in silences.

    What fits is one piece, whole. Of the rest, silences of 2 s and more are left out but for half a second beside
    speech, and what is still too long is cut in the middle of its longest silences, or where there is none in its
    quietest places. Where no speech is heard at all nothing is left out: it may be the detector that is wrong. The file
    is streamed. Raises AudioError as ``decode`` does.
    """
    with open_audio(path) as audio:
        start, stop = audio.frame_range(start_s, duration_s)
        rate = audio.sample_rate_hz
        max_windows = _max_windows(max_piece_s)
        frames = _CountedFrames(audio, start, stop, channel, max_decoded_s * rate)
        heard = detector.listen(frames.at_16_khz())
    num_frames = frames.number
    if num_frames <= max_piece_s * rate:
        return cutting([(start, start + num_frames)], rate, num_frames)

    def frame(edge: int) -> int:
        return start + min(num_frames, round(edge * WINDOW_SAMPLES * rate / SAMPLE_RATE_HZ))

    pieces = speech_pieces(heard, max_windows)
    return cutting([(frame(first), frame(last)) for first, last in pieces], rate, num_frames)


def _max_windows(max_piece_s: float) -> int:
    """One less than fits, as edges are rounded to frames. Raises ValueError where that is none."""
    found = math.ceil(max_piece_s / _WINDOW_S) - 1
    if found < 1:
        raise ValueError(f"max_piece_s must be more than {_WINDOW_S:g}, is {max_piece_s:g}")
    return found


class _CountedFrames:
    """The blocks of a stretch, counted at the file's own rate on their way to 16 kHz."""

    def __init__(self, audio: OpenAudio, start: int, stop: int | None, channel: int | None, max_frames: float) -> None:
        self.number = 0
        self._rate = audio.sample_rate_hz
        self._blocks = mono_blocks(audio, start, stop, channel=channel, max_frames=max_frames)

    def at_16_khz(self) -> Iterator[NDArray[np.float32]]:
        """Each once."""
        return self._counted() if self._rate == SAMPLE_RATE_HZ else resampled(self._counted(), self._rate)

    def _counted(self) -> Iterator[NDArray[np.float32]]:
        for block in self._blocks:
            self.number += len(block)
            yield block


def speech_pieces(heard: Heard, max_windows: int) -> list[Piece]:
    """The pieces to transcribe, in order, none longer than ``max_windows``."""
    found, sums = silences(heard.probabilities), energy_sums(heard.energies)
    pieces: list[Piece] = []
    for first, last in _stretches(found, len(heard.probabilities)):
        choose = _Places(found, sums, first)
        inner = repeated_cuts(last - first, max_windows, max(1, max_windows // 2), choose)
        edges = [first, *(first + cut for cut in inner), last]
        pieces += list(itertools.pairwise(edges))
    return pieces


def silences(probabilities: NDArray[np.float32]) -> list[Piece]:
    """Where nobody speaks for 0.13 s and more, in order, in windows."""
    known = np.select([probabilities >= SPEECH_FROM, probabilities < SILENCE_BELOW], [1, 0], -1)
    # In between it is as in the window before.
    latest = np.maximum.accumulate(np.where(known >= 0, np.arange(len(known)), -1))
    is_silent = np.where(latest >= 0, known[latest], 0) == 0 if len(known) else np.empty(0, bool)
    changes = np.flatnonzero(np.diff(np.concatenate([[False], is_silent, [False]]).astype(np.int8))).tolist()
    runs = zip(changes[::2], changes[1::2], strict=True)
    return [(first, last) for first, last in runs if last - first >= _LEAST_SILENCE]


def _stretches(found: list[Piece], num_windows: int) -> list[Piece]:
    """What is left between the long silences, with its margins; all of it where there is nothing but silence."""
    least, margin = math.ceil(LONG_SILENCE_S / _WINDOW_S), round(MARGIN_S / _WINDOW_S)
    long = [(first, last) for first, last in found if last - first >= least]
    edges = [0, *(edge for first, last in long for edge in (first + margin, last - margin)), num_windows]
    stretches = list(zip(edges[::2], edges[1::2], strict=True))
    if long and long[0][0] == 0:
        stretches = stretches[1:]
    if long and long[-1][1] == num_windows:
        stretches = stretches[:-1]
    return stretches or [(0, num_windows)]


class _Places:
    """Chooses where to cut within the stretch that begins at the window ``start``; places count from there."""

    def __init__(self, found: list[Piece], sums: NDArray[np.float64], start: int) -> None:
        self._silences = found
        self._sums = sums
        self._start = start

    def __call__(self, first: int, last: int) -> int:
        """The middle of the longest silence (of several the last) from ``first`` to ``last``, or the quietest place."""
        first, last = self._start + first, self._start + last
        middles = [(stop - start, (start + stop) // 2) for start, stop in self._silences]
        inside = [silence for silence in middles if first <= silence[1] <= last]
        return (max(inside)[1] if inside else quietest(self._sums, first, last, _HALF_QUIET)) - self._start
