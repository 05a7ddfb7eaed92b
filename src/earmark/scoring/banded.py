"""The canonical alignment by dynamic programming in a band, for long texts and for alignments.

The number of errors E of the best alignment is known before (bit-parallel, fast). An alignment with E errors has at
most E insertions and deletions together, so it never leaves E + 1 diagonals (Ukkonen 1985, "Algorithms for approximate
string matching"). Only these are filled, a row of numpy at a time. It knows tokens as integers, and no text.

An alignment costs ``unit`` for each error and 1 more for each substitution. With ``unit = E + 1`` the cheapest one has
the fewest errors and, among those, the fewest substitutions: that is, the most hits, because
``2 hits = reference + hypothesis - errors - substitutions``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]
Row = NDArray[np.int32] | NDArray[np.int64]

_NO_TOKEN = -1


def intern(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[Tokens, Tokens]:
    """Write both texts as integers that are equal exactly where the words are."""
    numbers: dict[str, int] = {}
    texts = [[numbers.setdefault(word, len(numbers)) for word in words] for words in (reference, hypothesis)]
    return np.array(texts[0], np.int32), np.array(texts[1], np.int32)


@dataclass(frozen=True, slots=True)
class Band:
    """The diagonals that an alignment with ``num_errors`` errors can touch.

    Cell (i, j) means: i reference tokens and j hypothesis tokens are aligned. Position b of row i is the cell
    (i, i + b - max_deletions), so that a position is a diagonal.
    """

    num_reference: int
    num_hypothesis: int
    num_errors: int

    @property
    def max_deletions(self) -> int:
        """The most deletions that an alignment with these errors can have."""
        return (self.num_errors + self.num_reference - self.num_hypothesis) // 2

    @property
    def max_insertions(self) -> int:
        """The most insertions that an alignment with these errors can have."""
        return (self.num_errors - self.num_reference + self.num_hypothesis) // 2

    @property
    def width(self) -> int:
        """How many diagonals there are."""
        return self.max_deletions + self.max_insertions + 1

    @property
    def num_cells(self) -> int:
        """Cells of the whole table."""
        return (self.num_reference + 1) * self.width

    @property
    def last(self) -> int:
        """Position of the last cell (num_reference, num_hypothesis) in the last row."""
        return self.max_insertions

    @property
    def unit(self) -> int:
        """The cost of an error: more than all substitutions together can cost on top."""
        return self.num_errors + 1

    def costs(self, row: Row, i: int) -> NDArray[np.int64]:
        """Return the costs of the cells of row ``i``, from the shifted values that ``rows`` yields."""
        shift = (self.unit + 1) * i - self.unit * self.max_deletions
        return row.astype(np.int64) + shift + self.unit * np.arange(self.width)


def rows(reference: Tokens, hypothesis: Tokens, band: Band) -> Iterator[Row]:
    """Yield rows 0, 1, ... of the table, shape ``(width,)`` each, as costs shifted so that most steps are free.

    The value of cell (i, b) is its cost - (unit + 1) i - unit (b - max_deletions). So a substitution and an insertion
    cost 0, a deletion unit - 1, and a hit -(unit + 1). Cells left of the table hold a value beyond all others; cells
    right of it hold values that no cell inside ever looks at.
    """
    width, unit = band.width, band.unit
    is_large = (unit + 1) * (len(reference) + 2) >= 2**28  # far below 2**30, so that sums of two stay apart too
    kind = np.dtype(np.int64 if is_large else np.int32)
    beyond = kind.type(2**60 if is_large else 2**30)
    hit, deletion = kind.type(unit + 1), kind.type(unit - 1)
    window = np.full(len(reference) + width, _NO_TOKEN, np.int32)
    tokens = hypothesis[: len(window) - band.max_deletions]
    window[band.max_deletions : band.max_deletions + len(tokens)] = tokens
    row = np.zeros(width, kind)
    row[: band.max_deletions] = beyond
    yield row
    for i, token in enumerate(reference.tolist()):
        step = row - np.multiply(window[i : i + width] == token, hit, dtype=kind)
        np.minimum(step[:-1], row[1:] + deletion, out=step[:-1])
        row = np.minimum.accumulate(step)
        yield row


def _final_row(reference: Tokens, hypothesis: Tokens, band: Band) -> Row:
    return deque(rows(reference, hypothesis, band), maxlen=1)[0]


def fewest_substitutions(reference: Tokens, hypothesis: Tokens, num_errors: int) -> int:
    """Count the substitutions of the canonical alignment, which has ``num_errors`` errors. A row is kept at a time."""
    band = Band(len(reference), len(hypothesis), num_errors)
    costs = band.costs(_final_row(reference, hypothesis, band), len(reference))
    return int(costs[band.last]) - band.unit * num_errors


def middle(reference: Tokens, hypothesis: Tokens, band: Band) -> tuple[int, int]:
    """Find a cell (i, j) in the middle row that a canonical alignment passes (Hirschberg 1975).

    The costs to the cells of that row come from the texts, those from it from the texts read backwards; there the
    diagonals are in opposite order.
    """
    i = len(reference) // 2
    rest = len(reference) - i
    to_here = band.costs(_final_row(reference[:i], hypothesis, band), i)
    from_here = band.costs(_final_row(reference[i:][::-1], hypothesis[::-1], band), rest)[::-1]
    return i, i + int(np.argmin(to_here + from_here)) - band.max_deletions


def trace(reference: Tokens, hypothesis: Tokens, band: Band) -> str:
    """Return the operations of a canonical alignment, a letter each (``=SDI``); the whole table is kept.

    Of several such alignments it is the one that, read from the end, takes a hit, then a substitution, then a deletion.
    """
    table = list(rows(reference, hypothesis, band))
    i, b = len(reference), band.last
    operations = []
    while i > 0 or b > band.max_deletions:
        j = i + b - band.max_deletions
        is_hit = i > 0 and j > 0 and bool(reference[i - 1] == hypothesis[j - 1])
        operation = _last_operation(table, i, b, band, is_hit=is_hit)
        operations.append(operation)
        i -= operation != "I"
        b += {"D": 1, "I": -1}.get(operation, 0)
    return "".join(reversed(operations))


def _last_operation(table: Sequence[Row], i: int, b: int, band: Band, *, is_hit: bool) -> str:
    """Return the operation that an alignment to cell (i, b) ends with. A hit is always as cheap as anything else."""
    if is_hit:
        return "="
    if i > 0 and table[i][b] == table[i - 1][b]:
        return "S"
    if i > 0 and b + 1 < band.width and table[i][b] == table[i - 1][b + 1] + band.unit - 1:
        return "D"
    return "I"


def trace_short(reference: Sequence[str], hypothesis: Sequence[str], band: Band) -> str:
    """``trace`` of words, without numpy: some times as fast where the band has a few hundred cells."""
    unit, beyond = band.unit, band.unit * (band.num_reference + band.num_hypothesis + 2)
    row = [j * unit for j in range(band.max_insertions + 1)] + [beyond] * (band.num_hypothesis - band.max_insertions)
    table = [row]
    for i, word in enumerate(reference, start=1):
        above, row = row, [beyond] * (band.num_hypothesis + 1)
        first, last = max(0, i - band.max_deletions), min(band.num_hypothesis, i + band.max_insertions)
        if first == 0:
            row[0], first = i * unit, 1
        for j in range(first, last + 1):
            if word == hypothesis[j - 1]:
                row[j] = above[j - 1]
            else:
                row[j] = min(above[j - 1] + 1, above[j], row[j - 1]) + unit
        table.append(row)
    return _trace_words(reference, hypothesis, table, unit)


def _trace_words(reference: Sequence[str], hypothesis: Sequence[str], table: Sequence[list[int]], unit: int) -> str:
    i, j = len(reference), len(hypothesis)
    operations = []
    while i or j:
        cost = table[i][j]
        if i and j and reference[i - 1] == hypothesis[j - 1]:
            operation = "="
        elif i and j and cost == table[i - 1][j - 1] + unit + 1:
            operation = "S"
        else:
            operation = "D" if i and cost == table[i - 1][j] + unit else "I"
        operations.append(operation)
        i -= operation != "I"
        j -= operation != "D"
    return "".join(reversed(operations))
