"""Alignments of many pairs at once by dynamic programming, with given weights and a given order among ties.

Where several operations lead to a cell at the same cost, scorers choose differently, and so their counts differ. A
``TieRule`` says which choice is made, reading from the end. Pairs of similar length are put into one table, which numpy
fills a row at a time and traces back a step at a time. It knows tokens as anything hashable, and no text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]
Table = NDArray[np.int32]

HIT, SUBSTITUTION, DELETION, INSERTION = range(4)
"""Operations, in the order of their counts and of ``LETTERS``."""

LETTERS = "=SDI"

_MAX_CELLS = 2**19  # of a table: 2 MiB, so that it stays in the processor's cache
_NO_REFERENCE, _NO_HYPOTHESIS = -1, -2


@dataclass(frozen=True, slots=True)
class TieRule:
    """The weights of the three errors, and which operation is taken where several are as cheap.

    ``order`` has ``"="`` for a hit or a substitution (whichever the tokens allow), ``"D"`` and ``"I"``, the first
    choice first, seen from the end of both texts.
    """

    substitution: int
    deletion: int
    insertion: int
    order: tuple[str, str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Alignments:
    """``counts`` are hits, substitutions, deletions and insertions of each pair: int32 of shape ``(4, num_pairs)``."""

    codes: list[str]
    counts: NDArray[np.int32]


def align_pairs(references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]], rule: TieRule) -> Alignments:
    """Align each pair by ``rule``. Memory grows with the answer and the longest pair, not with its square."""
    num_pairs = len(references)
    codes = [""] * num_pairs
    counts = np.zeros((4, num_pairs), np.int32)
    for members in _groups(references, hypotheses):
        operations = _operations([references[k] for k in members], [hypotheses[k] for k in members], rule)
        counts[:, members] = _counted(operations, len(members))
        for k, code in zip(members, _coded(operations), strict=True):
            codes[k] = code
    return Alignments(codes, counts)


def _groups(references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]]) -> Iterator[list[int]]:
    """Numbers of pairs that share a table, those of similar length together."""
    sizes = [(len(reference), len(hypothesis)) for reference, hypothesis in zip(references, hypotheses, strict=True)]
    members: list[int] = []
    longest = 0
    for k in sorted(range(len(sizes)), key=sizes.__getitem__):
        new_longest = max(longest, sizes[k][1])
        if members and (len(members) + 1) * (sizes[k][0] + 1) * (new_longest + 1) > _MAX_CELLS:
            yield members
            members, new_longest = [], sizes[k][1]
        members.append(k)
        longest = new_longest
    if members:
        yield members


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Padded tokens, a row a pair, and how many of them are real."""

    reference: Tokens
    hypothesis: Tokens
    num_reference: NDArray[np.int64]
    num_hypothesis: NDArray[np.int64]


def _padded(texts: Sequence[Sequence[str]], numbers: dict[str, int], padding: int) -> tuple[Tokens, NDArray[np.int64]]:
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    table = np.full((len(texts), max(1, int(lengths.max()))), padding, np.int32)
    flat = [numbers.setdefault(token, len(numbers)) for token in chain.from_iterable(texts)]
    table[np.arange(table.shape[1]) < lengths[:, None]] = flat
    return table, lengths


def _operations(
    references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]], rule: TieRule
) -> list[NDArray[np.int8]]:
    """The operations of each pair of a group, in the order of the texts."""
    numbers: dict[str, int] = {}
    reference, num_reference = _padded(references, numbers, _NO_REFERENCE)
    hypothesis, num_hypothesis = _padded(hypotheses, numbers, _NO_HYPOTHESIS)
    pairs = _Pairs(reference, hypothesis, num_reference, num_hypothesis)
    trace = _Trace(pairs, rule)
    for start, table in _tables(pairs, rule):
        trace.go_back(table, start)
    return trace.operations()


def _tables(pairs: _Pairs, rule: TieRule) -> Iterator[tuple[int, Table]]:
    """Pieces of the table from its end: the number of the first row, and rows of shape ``(num_pairs, width)``.

    A table that fits is one piece. Of another, rows are kept at regular distances and the ones between filled again.
    """
    num_rows = pairs.reference.shape[1]
    width = pairs.hypothesis.shape[1] + 1
    first = np.zeros((len(pairs.reference), width), np.int32)
    height = num_rows if first.size * (num_rows + 1) <= _MAX_CELLS else max(1, int(num_rows**0.5))
    starts = range(0, max(1, num_rows), max(1, height))
    kept = [first]
    for start in starts[:-1]:
        kept.append(_filled(pairs, rule, kept[-1], start, start + height)[-1].copy())
    for start, row in zip(reversed(starts), reversed(kept), strict=True):
        yield start, _filled(pairs, rule, row, start, min(num_rows, start + height))


def _filled(pairs: _Pairs, rule: TieRule, first: Table, start: int, stop: int) -> Table:
    """Rows ``start`` to ``stop`` of the table, the first of them given.

    The value of cell (i, j) is its cost less i deletions and j insertions. So these two cost nothing, and what is left
    of a hit and of a substitution is what it saves over both together.
    """
    hit = -(rule.deletion + rule.insertion)
    table = np.empty((stop - start + 1, *first.shape), np.int32)
    table[0] = first
    for above, row, i in zip(table[:-1], table[1:], range(start, stop), strict=True):
        saved = np.where(pairs.hypothesis == pairs.reference[:, i, None], hit, hit + rule.substitution)
        row[:, 0] = 0
        np.add(above[:, :-1], saved, out=row[:, 1:])
        np.minimum(row, above, out=row)
        np.minimum.accumulate(row, axis=1, out=row)
    return table


class _Trace:
    """Walks back through the tables of all pairs of a group at once."""

    def __init__(self, pairs: _Pairs, rule: TieRule) -> None:
        self._pairs = pairs
        self._hit = -(rule.deletion + rule.insertion)
        self._substitution = self._hit + rule.substitution
        self._order = rule.order
        self._i = pairs.num_reference.copy()
        self._j = pairs.num_hypothesis.copy()
        self._steps: list[tuple[NDArray[np.int64], NDArray[np.int8]]] = []

    def go_back(self, table: Table, start: int) -> None:
        """Walk until every pair is at row ``start``, the table's first, or, if that is 0, at its beginning."""
        walking = np.flatnonzero((self._i > start) | ((start == 0) & (self._j > 0)))
        while len(walking):
            i, j = self._i[walking], self._j[walking]
            operation = self._chosen(table, walking, i, j, start)
            i -= operation != INSERTION
            j -= operation != DELETION
            self._i[walking], self._j[walking] = i, j
            self._steps.append((walking, operation))
            walking = walking[(i > start) | ((start == 0) & (j > 0))]

    def _chosen(
        self, table: Table, pair: NDArray[np.int64], i: NDArray[np.int64], j: NDArray[np.int64], start: int
    ) -> NDArray[np.int8]:
        """The operation that ends the alignment to cell (i, j) of each pair. Index -1 is read and never taken."""
        here = table[i - start, pair, j]
        is_hit = self._pairs.reference[pair, i - 1] == self._pairs.hypothesis[pair, j - 1]
        saved = np.where(is_hit, self._hit, self._substitution)
        is_inside = (i > 0) & (j > 0)
        diagonal = is_inside & (table[i - start - 1, pair, j - 1] + saved == here)
        deletion = (i > 0) & (table[i - start - 1, pair, j] == here)
        insertion = (j > 0) & (table[i - start, pair, j - 1] == here)
        possible = {"=": diagonal, "D": deletion, "I": insertion}
        code = {
            "=": np.where(is_hit, HIT, SUBSTITUTION).astype(np.int8),
            "D": np.full(len(pair), DELETION, np.int8),
            "I": np.full(len(pair), INSERTION, np.int8),
        }
        first, second, last = self._order
        found: NDArray[np.int8] = np.where(
            possible[first], code[first], np.where(possible[second], code[second], code[last])
        )
        return found

    def operations(self) -> list[NDArray[np.int8]]:
        """What was found, in the order of the texts."""
        num_pairs = len(self._i)
        if not self._steps:
            return [np.zeros(0, np.int8)] * num_pairs
        pair = np.concatenate([walking for walking, _ in self._steps][::-1])
        operation = np.concatenate([chosen for _, chosen in self._steps][::-1])
        order = np.argsort(pair, kind="stable")
        ends = np.cumsum(np.bincount(pair, minlength=num_pairs))
        return np.split(operation[order], ends[:-1])


def _counted(operations: Sequence[NDArray[np.int8]], num_pairs: int) -> NDArray[np.int64]:
    flat = np.concatenate(operations).astype(np.int64)
    pair = np.repeat(np.arange(num_pairs), [len(one) for one in operations])
    return np.bincount(flat * num_pairs + pair, minlength=4 * num_pairs).reshape(4, num_pairs)


def _coded(operations: Sequence[NDArray[np.int8]]) -> Iterator[str]:
    """The code of each alignment: its runs, a number and a letter each."""
    for one in operations:
        edges = np.flatnonzero(np.diff(one, prepend=-1, append=-1)).tolist()
        letters = one[edges[:-1]].tolist() if edges else []
        runs = zip(edges[:-1], edges[1:], letters, strict=True)
        yield "".join(f"{stop - start}{LETTERS[letter]}" for start, stop, letter in runs)
