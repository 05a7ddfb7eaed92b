"""Which pairs of cell and puzzle are handed out next, in which batches. Knows what is done; solves nothing.

A puzzle that is accepted needs no further cell. Those that are left of one cell go on to the next one, where they are
gathered into full batches. Which pairs are done depends on nothing but the answers: of each puzzle, the cells in order
up to the first that is accepted. Workers, batch sizes and kills only change who does what when.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.records import AudioRef, Batch, Segment, Shard
from earmark.solving import CellBatch
from earmark.sweeps.tally import ACCEPTED, FAILED, NOT_DONE, Tally

_NO_AUDIO = AudioRef(uri="")
_LEAST_ROWS = 256
"""Fewer rows than these are not shared out among idle workers: another process costs more than it saves."""

Index = NDArray[np.int64]
_NOTHING = np.zeros(0, np.int64)


def pilot_items(num_items: int, num_pilot: int) -> Index:
    """The puzzles of the pilot: evenly spread, all of a small set."""
    return np.unique(np.linspace(0, num_items - 1, num_pilot).astype(np.int64))


class Frontier:
    """Hands out shards, a batch each, as an engine asks for them; tell it what is done with ``done``.

    It ends whenever nothing can be handed out, which may be until something else is done: an engine that asks again
    gets more, and for one that does not the engine is run again while something ``is_left``. With ``drops`` a puzzle
    leaves when it is accepted, and members are tried on the pilot first; else every pair is done, in the order of
    cells. ``retries`` does what has failed again, once.
    """

    def __init__(
        self,
        tally: Tally,
        *,
        num_variants: int,
        num_pilot: int,
        drops: bool,
        retries: bool,
        batch_size: int,
        num_workers: int,
    ) -> None:
        self._tally = tally
        self._num_variants = num_variants
        self._drops = drops
        self._batch_size = batch_size
        self._num_workers = num_workers
        self._todo = tally.state == NOT_DONE
        if retries:
            self._todo |= tally.state == FAILED
        self._num_cells, self._num_items = tally.state.shape
        num_members = self._num_cells // num_variants
        self._pilot = pilot_items(self._num_items, num_pilot) if num_members > 1 else _NOTHING
        self._is_first = drops  # whether it is not yet known in which order cells are done
        self._order: Sequence[int] = range(self._num_cells)
        self._ready: dict[int, Index] = {}
        self._out: dict[int, set[int]] = {}
        self._cut: deque[tuple[int, Index]] = deque()
        self._put(self._todo & self._comes_first(retries=retries) if drops else self._todo)
        self._end_first()

    def is_left(self) -> bool:
        """Whether there is still something to do, or to wait for."""
        return self._is_first or bool(self._cut or self._ready or any(self._out.values()))

    def __iter__(self) -> Iterator[Shard]:
        return self

    def __next__(self) -> Shard:
        """The next shard; ends where there is none, for now or for good."""
        self._end_first()
        if not self._cut:
            self._cut_next()
        if not self._cut:
            raise StopIteration
        cell, index = self._cut.popleft()
        self._out.setdefault(cell, set()).update(index.tolist())
        return Shard((self._batch(cell, index),))

    def done(self, cells: Index, index: Index) -> None:
        """Take note that pairs have rows, and that the tally knows them."""
        for cell in np.unique(cells).tolist():
            out = self._out.get(cell, set())
            rows = np.array([item for item in index[cells == cell].tolist() if item in out], np.int64)
            out.difference_update(rows.tolist())  # what comes twice was moved on the first time
            self._todo[cell, rows] = False
            if self._feeds:
                self._move_on(rows)

    def lost(self) -> None:
        """Take back what was handed out and has no rows: the engine that had it is gone."""
        for cell, items in self._out.items():
            if items:
                rows = np.array(sorted(items), np.int64)
                self._ready[cell] = np.concatenate([self._ready.get(cell, _NOTHING), rows])
        self._out.clear()

    @property
    def is_item_done(self) -> NDArray[np.bool_]:
        """Of each puzzle, whether it needs no further cell."""
        is_done = ~self._todo.any(axis=0)
        return np.asarray(is_done | self._tally.is_accepted if self._drops else is_done)

    @property
    def num_left_of_cell(self) -> Index:
        """How many puzzles still may come to each cell."""
        open_items = self._todo
        if self._drops:
            open_items = open_items & ~self._tally.is_accepted
        return np.asarray(open_items.sum(axis=1), np.int64)

    @property
    def _first_cells(self) -> range:
        """Of each member, its first variant."""
        return range(0, self._num_cells, self._num_variants)

    def _comes_first(self, *, retries: bool) -> NDArray[np.bool_]:
        """The pairs of the pilot; and what is done again, whether or not another cell has solved the puzzle since."""
        first: NDArray[np.bool_] = self._tally.state == FAILED if retries else np.zeros_like(self._todo)
        first[np.ix_(np.array(self._first_cells), self._pilot)] = True
        return first

    def _put(self, pairs: NDArray[np.bool_]) -> None:
        """Put puzzles before cells, as an array (cells, puzzles) says."""
        self._ready = {cell: np.flatnonzero(pairs[cell]) for cell in self._order if pairs[cell].any()}

    def _end_first(self) -> None:
        """Where all that comes first is done, order the members by how many puzzles of the pilot they solved.

        Then each puzzle stands before the first of its cells that is not done.
        """
        if not self._is_first or self._cut or self._ready or any(self._out.values()):
            return
        solved = {cell: int((self._tally.state[cell, self._pilot] == ACCEPTED).sum()) for cell in self._first_cells}
        firsts = sorted(solved, key=lambda cell: -solved[cell])  # stable: as they were named where they are equal
        self._order = [first + variant for first in firsts for variant in range(self._num_variants)]
        self._is_first = False
        self._move_on(np.arange(self._num_items))

    def _move_on(self, items: Index) -> None:
        """Put puzzles before their next cell; those that are accepted, or have none, leave."""
        items = items[~(self._tally.state[:, items] == ACCEPTED).any(axis=0)]
        order = np.array(self._order, np.int64)
        waits = self._todo[np.ix_(order, items)]
        has_next = waits.any(axis=0)
        following = order[waits.argmax(axis=0)]
        for cell in np.unique(following[has_next]).tolist():
            rows = items[has_next & (following == cell)]
            self._ready[cell] = np.concatenate([self._ready.get(cell, _NOTHING), rows])

    def _cut_next(self) -> None:
        """Cut batches off the first cell that waits; once something is out that may add to later cells, full ones."""
        may_add = False
        for cell in self._order:
            rows = self._ready.get(cell, _NOTHING)
            if len(rows) >= self._batch_size or (len(rows) and not may_add):
                return self._cut_off(cell, is_final=not may_add)
            may_add = may_add or (self._feeds and bool(self._out.get(cell)))
        return None

    @property
    def _feeds(self) -> bool:
        """Whether what is left of one cell goes on to the next."""
        return self._drops and not self._is_first

    def _cut_off(self, cell: int, *, is_final: bool) -> None:
        """Cut a full batch off; of the last rows of a cell, as many equal ones as workers can share."""
        rows = np.sort(self._ready.pop(cell))
        if not is_final or len(rows) >= self._batch_size * self._num_workers:
            rows, rest = rows[: self._batch_size], rows[self._batch_size :]
            if len(rest):
                self._ready[cell] = rest
        num_shares = min(self._num_workers, -(-len(rows) // _LEAST_ROWS))
        num_pieces = max(-(-len(rows) // self._batch_size), num_shares if is_final and cell not in self._ready else 1)
        self._cut.extend((cell, piece) for piece in np.array_split(rows, num_pieces))

    def _batch(self, cell: int, index: Index) -> Batch:
        """A batch whose number is that of its first pair: no other batch of the sweep can begin with it."""
        segments = tuple(Segment(item, cell, self._num_cells, str(item), _NO_AUDIO) for item in index.tolist())
        return CellBatch(cell * self._num_items + int(index[0]), segments)
