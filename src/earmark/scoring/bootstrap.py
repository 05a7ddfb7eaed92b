"""How far a word error rate, or the difference of two, could have fallen otherwise: percentile bootstrap intervals.

A replicate draws as many units as there are, with replacement. Units with the same errors and the same number of words
are exchangeable, so it is enough to draw how often each distinct pair of numbers comes up: one multinomial draw, which
is the same distribution exactly, at a cost that grows with the distinct pairs and not with the corpus. (Bisani and Ney
2004, "Bootstrap estimates for confidence intervals in ASR performance evaluation", is the use for speech.)

Two systems that heard the same references are drawn together, utterance by utterance. Both rates have the same
denominator, so their difference is one rate, of the differences in errors.

It knows counts and names of speakers, and no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL = 0.95
Unit = Literal["speaker", "utterance"]
MIN_SPEAKERS = 10
"""Fewer speakers than this say too little about speakers; then utterances are drawn."""
MIN_UNITS = 6
"""Of fewer there is no interval. What is drawn lies between the units that there are, and five of them all fall on one
side of the middle of such units in one case of 16: not even their whole range holds it in 95 %. Six do in one of 32."""

_MAX_DRAWN = 2**20  # numbers drawn at once, so that memory stays small


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval for a word error rate, or for a difference of two (fractions).

    ``num_units`` is what was drawn for it in each replicate, speakers or utterances.
    """

    low: float
    high: float
    level: float
    num_replicates: int
    unit: Unit
    num_units: int


def wer_interval(
    errors: NDArray[np.integer],
    reference_words: NDArray[np.integer],
    groups: Sequence[str | None] | None = None,
    *,
    num_replicates: int = 1000,
    seed: int = 0,
) -> Interval | None:
    """Estimate the 95 % percentile interval of sum(errors) / sum(reference_words), of shape ``(num_utterances,)``.

    ``groups`` names the speaker of each utterance. Utterances of a speaker are alike, so speakers are drawn whole where
    there are at least ``MIN_SPEAKERS`` and every one is known; else utterances are drawn. The answer depends on the
    seed and the numbers, not on the order of the rows. None without reference words or with fewer than ``MIN_UNITS``.
    A replicate without reference words has no rate and is left out. Raises ValueError where the lengths differ.
    """
    return _interval(*drawn_units(errors, reference_words, groups), num_replicates, seed)


def difference_interval(
    differences: NDArray[np.integer],
    reference_words: NDArray[np.integer],
    groups: Sequence[str | None] | None = None,
    *,
    num_replicates: int = 10_000,
    seed: int = 0,
) -> Interval | None:
    """Estimate the interval of sum(differences) / sum(reference_words): the paired bootstrap of two systems.

    ``differences`` are errors of B less errors of A, of shape ``(num_utterances,)``. What is drawn, what comes back and
    what is raised are as in ``wer_interval``. Swapping A and B mirrors the interval exactly.
    """
    numbers, unit = drawn_units(differences, reference_words, groups)
    if not _has_enough(numbers):
        return None
    mirrored = numbers * np.array([[-1], [1]])
    here, there = (_distinct(one).T.tolist() for one in (numbers, mirrored))
    # Of the two directions always the same one is drawn.
    interval = _interval(numbers if here <= there else mirrored, unit, num_replicates, seed)
    if interval is None or here < there:
        return interval
    low, high = -interval.high, -interval.low
    if here == there:
        high = (interval.high - interval.low) / 2
        low = -high
    return replace(interval, low=low, high=high)


def drawn_units(
    errors: NDArray[np.integer], reference_words: NDArray[np.integer], groups: Sequence[str | None] | None
) -> tuple[NDArray[np.int64], Unit]:
    """Return the errors and the words of what is drawn as a whole, shape ``(2, num_units)``, and what that is.

    Raises ValueError where the lengths differ.
    """
    if len(errors) != len(reference_words) or (groups is not None and len(groups) != len(errors)):
        raise ValueError("errors, reference words and groups must be of the same utterances")
    numbers = np.stack([np.asarray(errors, np.int64), np.asarray(reference_words, np.int64)])
    speakers = _by_speaker(numbers, groups)
    return (numbers, "utterance") if speakers is None else (speakers, "speaker")


def _interval(numbers: NDArray[np.int64], unit: Unit, num_replicates: int, seed: int) -> Interval | None:
    if not _has_enough(numbers):
        return None
    rates = _replicates(numbers, num_replicates, np.random.default_rng(seed))
    if rates.size == 0:
        return None
    low, high = np.quantile(rates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return Interval(low, high, LEVEL, num_replicates, unit, numbers.shape[1])


def _has_enough(numbers: NDArray[np.int64]) -> bool:
    """Whether drawing says anything."""
    return numbers.shape[1] >= MIN_UNITS and bool(numbers[1].any())


def _by_speaker(numbers: NDArray[np.int64], groups: Sequence[str | None] | None) -> NDArray[np.int64] | None:
    """Return the sums of each speaker, shape ``(2, num_speakers)``; None where utterances are to be drawn."""
    if groups is None or None in groups:
        return None
    positions: dict[str | None, int] = {}
    speaker = np.fromiter((positions.setdefault(name, len(positions)) for name in groups), np.int64, len(groups))
    if len(positions) < MIN_SPEAKERS:
        return None
    sums = np.zeros((2, len(positions)), np.int64)
    np.add.at(sums[0], speaker, numbers[0])
    np.add.at(sums[1], speaker, numbers[1])
    return sums


def _distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the distinct columns in ascending order, and below them how often each comes up: shape ``(3, ...)``."""
    order = np.lexsort(numbers[::-1])
    ascending = numbers[:, order]
    starts = np.flatnonzero(np.append(True, (ascending[:, 1:] != ascending[:, :-1]).any(axis=0)))
    return np.vstack([ascending[:, starts], np.diff(np.append(starts, numbers.shape[1]))])


def _replicates(numbers: NDArray[np.int64], num_replicates: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw the rates of replicates. The distinct pairs are sorted, so the order of rows does not matter."""
    *columns, frequencies = _distinct(numbers)
    num_units = numbers.shape[1]
    sums = np.empty((num_replicates, 2), np.int64)
    chunk = max(1, _MAX_DRAWN // len(frequencies))
    for start in range(0, num_replicates, chunk):
        size = min(chunk, num_replicates - start)
        drawn = random.multinomial(num_units, frequencies / num_units, size=size)
        sums[start : start + size] = drawn @ np.stack(columns, axis=1)
    has_words = sums[:, 1] > 0
    rates: NDArray[np.float64] = sums[has_words, 0] / sums[has_words, 1]
    return rates
