"""Which words were taken for which, and which were lost or added most: counted along the alignments.

Knows the columns of schema.SCORES. Memory grows with the number of distinct pairs and words up to a bound, not with the
run: see ``BoundedCounts``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from earmark.errors import UsageError
from earmark.scoring.alignment import DELETION, HIT, INSERTION, SUBSTITUTION, spans

MAX_DISTINCT = 2**17
"""Distinct things that one counter keeps: about 25 MiB of pairs of words."""


def check_number(num_confusions: int) -> None:
    """Raise UsageError for less than none."""
    if num_confusions < 0:
        raise UsageError(f"--confusions {num_confusions} is no number from 0")


@dataclass(frozen=True, slots=True)
class Substitution:
    """A reference word and what was heard in its place, ``number`` times."""

    reference: str
    hypothesis: str
    number: int


@dataclass(frozen=True, slots=True)
class LostWord:
    """A word that was deleted ``number`` times, of ``num_said`` times that it is in the references."""

    word: str
    number: int
    num_said: int

    @property
    def share(self) -> float:
        """How many of its occurrences were deleted."""
        return self.number / self.num_said


@dataclass(frozen=True, slots=True)
class AddedWord:
    """A word that was inserted ``number`` times."""

    word: str
    number: int


@dataclass(frozen=True, slots=True)
class Confusions:
    """The most frequent errors of each kind, each list by number and then by word.

    A number may be too low by up to ``undercount``, which is 0 unless there were more distinct errors than are kept.
    """

    substitutions: tuple[Substitution, ...]
    deletions: tuple[LostWord, ...]
    insertions: tuple[AddedWord, ...]
    undercount: int

    def facts(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return {
            "substitutions": [[one.reference, one.hypothesis, one.number] for one in self.substitutions],
            "deletions": [[one.word, one.number, one.num_said] for one in self.deletions],
            "insertions": [[one.word, one.number] for one in self.insertions],
            "undercount": self.undercount,
        }


class BoundedCounts:
    """Counts how often each key comes, for at most ``max_distinct`` keys and those of one more ``add``.

    With more, the rarest half of them is forgotten, as in lossy counting (Manku and Motwani 2002, "Approximate
    frequency counts over data streams"): ``undercount`` says by how much a number may be too low for that.
    """

    def __init__(self, max_distinct: int = MAX_DISTINCT) -> None:
        self._counts = Counter[str]()
        self._max_distinct = max_distinct
        self.undercount = 0

    def add(self, keys: Iterable[str]) -> None:
        """Count the keys."""
        self._counts.update(keys)
        if len(self._counts) > self._max_distinct:
            self._forget()

    def most(self, number: int) -> list[tuple[str, int]]:
        """The keys that came most often; of those that came as often, the first in the order of code points."""
        return sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))[:number]

    def __getitem__(self, key: str) -> int:
        return self._counts[key]

    def _forget(self) -> None:
        numbers = sorted(self._counts.values())
        rare = numbers[len(numbers) // 2]
        self._counts = Counter({key: number for key, number in self._counts.items() if number > rare})
        self.undercount += rare


class ConfusionTally:
    """Counts the word errors of a run, a window at a time. Hits cost nothing but the splitting of their texts."""

    def __init__(self) -> None:
        self._substitutions = BoundedCounts()
        self._deletions = BoundedCounts()
        self._insertions = BoundedCounts()
        self._said = BoundedCounts()

    def add(self, scored: pa.Table, tokens: Callable[[str], list[str]]) -> None:
        """Take rows of schema.SCORES that are scored; ``tokens`` are what their scorer aligns."""
        columns = ("reference_normalized", "hypothesis_normalized", "alignment")
        found: dict[str, list[str]] = {SUBSTITUTION: [], DELETION: [], INSERTION: []}
        words: list[str] = []
        for reference, hypothesis, code in zip(*(scored[name].to_pylist() for name in columns), strict=True):
            said = tokens(reference)
            words += said
            if code not in ("", f"{len(said)}{HIT}"):
                _collect(found, said, tokens(hypothesis), code)
        # One call for all: counting is quick, and beginning to count is not.
        self._said.add(words)
        self._substitutions.add(found[SUBSTITUTION])
        self._deletions.add(found[DELETION])
        self._insertions.add(found[INSERTION])

    def most(self, number: int) -> Confusions:
        """The ``number`` most frequent errors of each kind."""
        kinds = (self._substitutions, self._deletions, self._insertions)
        substitutions, deletions, insertions = (kind.most(number) for kind in kinds)
        return Confusions(
            tuple(_substitution(pair, times) for pair, times in substitutions),
            tuple(LostWord(word, times, max(times, self._said[word])) for word, times in deletions),
            tuple(AddedWord(word, times) for word, times in insertions),
            max(kind.undercount for kind in (*kinds, self._said)),
        )


def _collect(found: Mapping[str, list[str]], said: list[str], heard: list[str], code: str) -> None:
    """Add the errors of one alignment to those of each kind."""
    i = j = 0
    for letter, num_said, num_heard in spans(code):
        if letter == DELETION:
            found[DELETION].extend(said[i : i + num_said])
        elif letter == INSERTION:
            found[INSERTION].extend(heard[j : j + num_heard])
        elif letter == SUBSTITUTION:
            pairs = zip(said[i : i + num_said], heard[j : j + num_heard], strict=True)
            found[SUBSTITUTION].extend(f"{a} {b}" for a, b in pairs)
        i += num_said
        j += num_heard


def _substitution(pair: str, number: int) -> Substitution:
    reference, hypothesis = pair.split(" ")
    return Substitution(reference, hypothesis, number)
