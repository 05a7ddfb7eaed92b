"""What the references of some data come to: words, characters, what is strange in them, and what does not fit its time.

It counts as they come, one utterance at a time, and knows no audio but its length.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from earmark.reports.data_check import MOST_LISTED, Characters, References, Unexpected
from earmark.reports.data_facts import (
    FAST_RATIO,
    LEAST_FAST_CHARACTERS,
    LEAST_RATED,
    LEAST_SLOW_S,
    MOST_CHARACTERS_PER_S,
    SLOW_RATIO,
)
from earmark.reports.data_tally import Place, spread
from earmark.text.script import Expected, is_control, name_of


class Texts:
    """The references of utterances, in their order. 16 bytes an utterance are kept."""

    def __init__(self, expected: str | None) -> None:
        self._given = expected
        self._counts: Counter[str] = Counter()
        self._first: dict[str, Place] = {}
        self._num_references = 0
        self._num_words = 0
        self._rated_words = 0
        self._rated_s = 0.0
        self._characters = array("Q")
        self._durations_s = array("d")

    def add(self, place: Place, reference: str | None, duration_s: float) -> None:
        """The next utterance; ``duration_s`` 0 is unknown."""
        if reference is None:
            self._rate(0, 0.0)
            return
        words = reference.split()
        self._num_references += 1
        self._num_words += len(words)
        for character in set(reference) - self._counts.keys():
            self._first[character] = place
        self._counts.update(reference)
        self._rate(sum(map(len, words)), duration_s)
        if words and duration_s > 0:
            self._rated_words += len(words)
            self._rated_s += duration_s

    def _rate(self, num_characters: int, duration_s: float) -> None:
        self._characters.append(num_characters)
        self._durations_s.append(duration_s)

    def references(self) -> References:
        """The counts and rates."""
        rates = self._rates()
        return References(
            num_references=self._num_references,
            num_words=self._num_words,
            num_characters=sum(number for one, number in self._counts.items() if not one.isspace()),
            words_per_s=self._rated_words / self._rated_s if self._rated_s else None,
            characters_per_s=spread(rates[np.isfinite(rates)]),
        )

    def characters(self) -> Characters:
        """What script they are in, and which characters do not go with it."""
        expected = Expected.guess(self._counts, self._given)
        strange = [(one, number) for one, number in self._counts.items() if one not in expected]
        strange.sort(key=lambda item: (-item[1], item[0]))
        return Characters(
            script=expected.script,
            expected=expected.sentence,
            num_unexpected_kinds=len(strange),
            unexpected=tuple(
                Unexpected(one, name_of(one), number, self._first[one].id, is_control(one))
                for one, number in strange[:MOST_LISTED]
            ),
        )

    def strange(self, *, controls: bool) -> tuple[int, Place, str] | None:
        """How many control (or other unexpected) characters there are, where the first is, and its name."""
        expected = Expected.guess(self._counts, self._given)
        kinds = [one for one in self._counts if one not in expected and is_control(one) is controls]
        if not kinds:
            return None
        # The order of the counter is the order in which characters came, but for those of one reference.
        return sum(self._counts[one] for one in kinds), self._first[kinds[0]], name_of(kinds[0])

    def mismatched(self, is_lost: NDArray[np.bool_], *, fast: bool) -> tuple[int, int, str] | None:
        """How many texts are too long (or too short) for their audio; the index of the first; and its rate.

        Those that are lost, shape ``(num_utterances,)``, have another trouble, and their length means nothing.
        """
        rates = np.where(is_lost, np.nan, self._rates())
        rated = np.isfinite(rates)
        median = float(np.median(rates[rated])) if np.count_nonzero(rated) >= LEAST_RATED else math.nan
        if fast:
            most = min(MOST_CHARACTERS_PER_S, FAST_RATIO * median) if not math.isnan(median) else MOST_CHARACTERS_PER_S
            is_off = (rates > most) & (self._array("_characters") >= LEAST_FAST_CHARACTERS)
        else:
            is_off = (rates < SLOW_RATIO * median) & (self._array("_durations_s") >= LEAST_SLOW_S)
        found = np.flatnonzero(is_off)
        if not len(found):
            return None
        index = int(found[0])
        usual = "" if math.isnan(median) else f", the median is {median:.1f}"
        number = self._characters[index]
        said = f"{number:,} character{'' if number == 1 else 's'} in {self._durations_s[index]:.1f} s"
        return len(found), index, f"{said}: {rates[index]:.1f} a second{usual}"

    def _rates(self) -> NDArray[np.float64]:
        """Characters a second of each utterance; NaN where there is no text or no duration."""
        characters, durations_s = self._array("_characters"), self._array("_durations_s")
        is_rated = (characters > 0) & (durations_s > 0)
        rates = np.full(len(characters), np.nan)
        np.divide(characters, durations_s, out=rates, where=is_rated)
        return rates

    def _array(self, name: str) -> NDArray[np.float64]:
        # A copy, since an array that a buffer looks into cannot grow.
        return np.array(getattr(self, name), np.float64)
