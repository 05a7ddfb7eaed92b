"""Counting in bounded memory: what occurs again, how often each value occurs, and the first of each kind of trouble.

An utterance costs some tens of bytes here, however long its id and its text are.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earmark.reports.data_check import MOST_LISTED, Share, Spread
from earmark.reports.data_problems import FAILS_EVERY, KINDS, Problem, Weight


def digest_of(text: str) -> int:
    """64 bits of BLAKE2b: two of ten million different texts share them with a chance of 3 in a million."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@dataclass
class Repeats:
    """Tells which of many digests occur again. 16 bytes each."""

    _digests: array[int] = field(default_factory=lambda: array("Q"))
    _indices: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, index: int, digest: int) -> None:
        """The utterance at ``index`` has ``digest``. Indices grow."""
        self._digests.append(digest)
        self._indices.append(index)

    def found(self) -> tuple[int, int, int] | None:
        """How many have the digest of an earlier one; the first of them; and the earlier one. None: there is none."""
        again, first = self._again()
        if not len(again):
            return None
        return len(again), self._indices[int(again[0])], self._indices[int(first[0])]

    def copies(self) -> NDArray[np.uint64]:
        """The indices of those that have the digest of an earlier one, shape ``(num_copies,)``, growing."""
        return np.array(self._indices, np.uint64)[self._again()[0]]

    def _again(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where the digests stand that stood before, and where each did first."""
        # A copy, since an array that a buffer looks into cannot grow.
        digests = np.array(self._digests, np.uint64)
        _, firsts, inverse = np.unique(digests, return_index=True, return_inverse=True)
        first = firsts[inverse]
        again = np.flatnonzero(first != np.arange(len(digests)))
        return again, first[again]


@dataclass(frozen=True, slots=True)
class Place:
    """An utterance, for messages."""

    id: str
    audio: str


@dataclass
class Troubles:
    """How many there are of each kind of trouble, and the first one."""

    weights: dict[str, Weight] = field(default_factory=dict)
    _numbers: Counter[str] = field(default_factory=Counter)
    _first: dict[str, tuple[Place, str]] = field(default_factory=dict)

    def note(self, kind: str, place: Place, detail: str = "", number: int = 1) -> None:
        """One more; the first call of a kind is the one that is told."""
        self._numbers[kind] += number
        self._first.setdefault(kind, (place, detail))

    def problems(self) -> tuple[Problem, ...]:
        """All of them: the gravest first, then in the order of KINDS."""
        order = list(KINDS)
        told = [self._problem(kind) for kind in sorted(self._numbers, key=lambda kind: (kind not in KINDS, kind))]
        ranks = {"refuses": 0, "fails": 1, "look": 2}
        return tuple(
            sorted(told, key=lambda one: (ranks[one.weight], order.index(one.kind) if one.kind in KINDS else 0))
        )

    def _problem(self, kind: str) -> Problem:
        known = KINDS.get(kind, FAILS_EVERY)
        place, detail = self._first[kind]
        weight = self.weights.get(kind, known.weight)
        number = self._numbers[kind]
        what = known.one if number == 1 else known.many
        return Problem(kind, weight, number, what, place.id, place.audio, detail, known.todo)


def shares(counts: Counter[Hashable]) -> tuple[Share, ...]:
    """The most frequent values first, at most 100; equally frequent ones by their text."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return tuple(
        Share(value if isinstance(value, str | int) else None, number) for value, number in ranked[:MOST_LISTED]
    )


def spread(numbers: NDArray[np.float64]) -> Spread | None:
    """Of numbers, shape ``(n,)``; None where there are none. The middle of an even number is the mean of two."""
    if not len(numbers):
        return None
    return Spread(float(numbers.min()), float(np.median(numbers)), float(numbers.max()))
