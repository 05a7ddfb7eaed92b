"""How surprising a difference between two systems would be if they were equally good: p-values of paired tests.

Where A and B are equally good, each unit's difference in errors could as well have had the other sign. So the signs are
turned: the p-value is the share of all 2**n ways to do so whose sum is at least as far from 0 as the one that was seen.
It knows numbers of errors, and no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from earmark.scoring.bootstrap import MIN_UNITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_P = 1e-12
"""No p-value is said to be less: below it the arithmetic of floats is no evidence."""

_MAX_EXACT = 2**21  # of the sum of all differences: 2**22 floats, 32 MiB


def sign_flip_p(differences: NDArray[np.integer], *, num_permutations: int = 100_000, seed: int = 0) -> float:
    """Return the two-sided p-value of a paired sign-flip permutation test, from 1e-12 to 1.

    ``differences`` are the errors of B less those of A, one number a unit (utterance or speaker), shape
    ``(num_units,)``. Units of the same difference are turned together, by how many of them stay (binomial). The share
    is exact as long as the differences add up to less than two million errors. Beyond it is estimated from
    ``num_permutations`` random ones, as (1 + k) / (1 + number), which is never 0. Without any difference p is 1.
    """
    magnitudes = np.abs(np.asarray(differences, np.int64))
    values, frequencies = np.unique(magnitudes[magnitudes > 0], return_counts=True)
    seen = abs(int(np.sum(differences, dtype=np.int64)))
    if seen == 0:
        return 1.0
    if int(magnitudes.sum()) < _MAX_EXACT:
        return _exact(values, frequencies, seen)
    return _estimated(values, frequencies, seen, num_permutations, np.random.default_rng(seed))


def sign_flip_factor(differences: NDArray[np.integer]) -> float | None:
    """Return about how many times the units it takes for the test to say p < 0.05 to differences like these.

    None where they add up to 0: no number of units would. By the normal approximation, in which the sum over its
    standard deviation grows with the square root of the number; but never fewer than the 6 units that differ which the
    exact test needs at least, all with one sign (2 / 2**6 < 0.05).
    """
    found = np.asarray(differences, np.int64)
    seen = abs(int(found.sum()))
    if seen == 0:
        return None
    needed = NormalDist().inv_cdf(0.975) ** 2 * float(np.square(found, dtype=np.float64).sum()) / seen**2
    return max(needed, MIN_UNITS / int(np.count_nonzero(found)))


def mcnemar_p(num_fixed: int, num_broken: int) -> float:
    """Return the two-sided exact p-value of McNemar's test (1947) on which of two systems got an utterance right.

    ``num_fixed`` utterances are right only in B, ``num_broken`` only in A. Where A and B are equally good, these are
    tosses of a fair coin.
    """
    return sign_flip_p(np.repeat([-1, 1], [num_fixed, num_broken]))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, in their order (Holm 1979): the chance of any false one stays what it was."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, position in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = largest
    return adjusted


def _exact(values: NDArray[np.int64], frequencies: NDArray[np.int64], seen: int) -> float:
    """Read the distribution of the sum off its characteristic function, a product of cosines.

    A unit's difference v turns to +v or -v, each with a half: cos(v t). The sum is an integer within ``size // 2``.
    """
    size = 1 << (2 * int(values @ frequencies) + 1).bit_length()
    steps = np.arange(size // 2 + 1)
    transform = np.ones(len(steps))
    for value, frequency in zip(values.tolist(), frequencies.tolist(), strict=True):
        transform *= np.cos(2 * np.pi / size * (steps * value % size)) ** frequency
    probabilities = np.fft.irfft(transform, size)  # of the sums 0, 1, ..., -2, -1
    share = float(probabilities[seen : size - seen + 1].sum())
    return min(1.0, max(LEAST_P, share))


def _estimated(
    values: NDArray[np.int64],
    frequencies: NDArray[np.int64],
    seen: int,
    num_permutations: int,
    random: np.random.Generator,
) -> float:
    sums = np.zeros(num_permutations, np.int64)
    for value, frequency in zip(values.tolist(), frequencies.tolist(), strict=True):
        sums += value * (2 * random.binomial(frequency, 0.5, num_permutations) - frequency)
    num_as_far = int(np.count_nonzero(np.abs(sums) >= seen))
    return (1 + num_as_far) / (1 + num_permutations)
