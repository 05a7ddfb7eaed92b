"""What can still stand in each cell of a grid, for many grids at once. It knows the rules, and no tokens or files.

A grid is a column of masks: uint16 of shape ``(cells, num)``, bit d (from 0) set where digit d + 1 is possible. One
round of narrowing takes from each cell the digits that are settled beside it, and settles a digit that has one place
left in a row, column or box. What narrowing cannot end is split in two and narrowed again: so a search is complete.
All grids go through a round together, so that the cost of a step of Python is shared by hundreds of them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.puzzles.grids import box_side_of

Masks = NDArray[np.uint16]
"""Possible digits, uint16 of shape ``(cells, num)``."""

_MOST_DIGITS = 9
_NUM_DIGITS = np.array([mask.bit_count() for mask in range(1 << _MOST_DIGITS)], dtype=np.uint8)
"""By mask: how many digits are possible."""
_SETTLED = 255


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of narrowing gave, a value a grid.

    ``is_dead`` grids have no solution. ``is_solved`` ones are whole and follow the rules. A grid that is neither and
    not ``is_narrower`` must be split.
    """

    masks: Masks
    is_dead: NDArray[np.bool_]
    is_solved: NDArray[np.bool_]
    is_narrower: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Units:
    """The rows, columns and boxes of a size.

    ``members`` has shape ``(size, 3 * size)``: a column lists a unit's cells. ``of_cell`` has shape ``(3, cells)``: the
    row, the column and the box of each cell.
    """

    members: NDArray[np.intp]
    of_cell: NDArray[np.intp]


@functools.cache
def units_of(size: int) -> Units:
    """The units of grids of this size."""
    side = box_side_of(size)
    cells = np.arange(size * size)
    rows, columns = cells // size, cells % size
    boxes = rows // side * side + columns // side
    of_cell = np.stack([rows, columns + size, boxes + 2 * size])
    members = np.stack([np.nonzero((of_cell == unit).any(axis=0))[0] for unit in range(3 * size)], axis=1)
    return Units(members, of_cell)


def narrow(masks: Masks, size: int) -> Round:
    """One round for every grid."""
    units = units_of(size)
    whole, one = np.uint16((1 << size) - 1), np.uint16(1)
    is_open = ((masks & (masks - one)) == 0).astype(np.uint16) - one  # every bit of a cell that is not settled
    anywhere, twice = _places(masks[units.members])
    taken, taken_twice = _places((masks & ~is_open)[units.members])
    narrower = masks & ~(_beside(taken, units) & is_open)
    last_place = narrower & _beside(anywhere & ~twice, units)
    last_place &= -last_place  # two digits for one cell: the other then has no place, and the next round sees it
    narrower &= last_place | ((last_place != 0).astype(np.uint16) - one)

    is_dead = (_all_bits(anywhere) != whole) | (_any_bits(taken_twice) != 0) | (masks.min(axis=0) == 0)
    is_solved = (_any_bits(is_open) == 0) & ~is_dead
    return Round(narrower, is_dead, is_solved, (_any_bits(narrower ^ masks) != 0) & ~is_dead)


def halves(masks: Masks) -> tuple[Masks, Masks]:
    """Each grid twice: a cell with the fewest digits is settled on the lowest of them, or loses that one."""
    cells = open_counts(masks).argmin(axis=0)
    grids = np.arange(masks.shape[1])
    chosen = masks[cells, grids]
    lowest = chosen & -chosen
    first, second = masks.copy(), masks
    first[cells, grids] = lowest
    second[cells, grids] = chosen & ~lowest
    return first, second


def open_counts(masks: Masks) -> NDArray[np.uint8]:
    """How many digits are possible in each cell; a settled cell has more than any other, so that it is never least."""
    counts = _NUM_DIGITS[masks]
    counts[counts == 1] = _SETTLED
    return counts


def _any_bits(values: Masks) -> Masks:
    return np.asarray(np.bitwise_or.reduce(values, axis=0), dtype=np.uint16)


def _all_bits(values: Masks) -> Masks:
    return np.asarray(np.bitwise_and.reduce(values, axis=0), dtype=np.uint16)


def _places(members: Masks) -> tuple[Masks, Masks]:
    """Of each unit the digits that are possible somewhere, and in two cells or more; both ``(units, num)``."""
    anywhere, twice = np.zeros_like(members[0]), np.zeros_like(members[0])
    for cell in members:
        twice |= anywhere & cell
        anywhere |= cell
    return anywhere, twice


def _beside(digits: Masks, units: Units) -> Masks:
    """Of each cell the digits of its three units."""
    row, column, box = units.of_cell
    return np.asarray(digits[row] | digits[column] | digits[box], dtype=np.uint16)
