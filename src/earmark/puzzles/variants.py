"""Variants of a puzzle: what is done to a grid before a solver sees it, and undone on its answer. It knows no solver.

Every variant here is a symmetry of Sudoku, so it is two tables: what becomes of each token, and from where each cell is
taken. One after the other is again one of them. The tables come from the name alone, by SHA-256, so a name means the
same on every machine and with every version of NumPy.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earmark.errors import UnknownNameError, UsageError
from earmark.puzzles.grids import FIRST_DIGIT, Tokens, box_side_of

_NUM_TOKENS = 256
_ARGUMENT = re.compile(r"[0-9]{1,18}", re.ASCII)


class Variant(Protocol):
    """A map of grids with its inverse; both take and give uint8 of shape ``(num, cells)``."""

    @property
    def name(self) -> str:
        """How it is asked for; it says all of it."""
        ...

    def forward(self, tokens: Tokens) -> Tokens:
        """What the solver is shown."""
        ...

    def inverse(self, tokens: Tokens) -> Tokens:
        """An answer to what was shown, as an answer to the puzzle itself."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Symmetry:
    """A variant as tables: cell i of what is shown is ``relabel[tokens[cells[i]]]``.

    ``relabel`` is uint8 of shape ``(256,)``, a permutation that moves digits only; ``cells`` is a permutation of the
    cells.
    """

    name: str
    relabel: Tokens
    cells: NDArray[np.intp]

    def forward(self, tokens: Tokens) -> Tokens:
        return self.relabel[np.take(tokens, self.cells, axis=1)]

    def inverse(self, tokens: Tokens) -> Tokens:
        relabel = np.argsort(self.relabel).astype(np.uint8)
        return relabel[np.take(tokens, np.argsort(self.cells), axis=1)]

    def then(self, other: Symmetry) -> Symmetry:
        """This one first, ``other`` on what it gives."""
        return Symmetry(f"{self.name}+{other.name}", other.relabel[self.relabel], self.cells[other.cells])

    def does_as(self, other: Symmetry) -> bool:
        """Whether both do the same to every grid, whatever they are called."""
        return np.array_equal(self.relabel, other.relabel) and np.array_equal(self.cells, other.cells)


def variants_of(names: Sequence[str], size: int) -> tuple[Variant, ...]:
    """The variants of these names: ``relabel:K``, ``random:SEED``, ``transpose``, ``rows:SEED``, ``columns:SEED``.

    Several joined with ``+`` are done one after the other, the left one first. Raises UnknownNameError, and UsageError
    for a missing or senseless argument, for no name at all, and for two variants that do the same to every grid: they
    would count one answer twice.
    """
    if not names:
        raise UsageError("no variant is named", hint="--variants relabel:0 is the puzzle as it is")
    variants = [_joined(name, size) for name in names]
    for place, variant in enumerate(variants):
        for earlier in variants[:place]:
            if variant.does_as(earlier):
                raise UsageError(
                    f"the variants {earlier.name!r} and {variant.name!r} are the same",
                    cause=f"both do the same to every grid of size {size}, so one answer would count twice",
                    hint=f"leave {variant.name!r} out of --variants, or give it another number",
                )
    return tuple(variants)


def cyclic(num: int, size: int) -> tuple[Variant, ...]:
    """``relabel:0`` to ``relabel:num-1``. Raises UsageError where ``num`` is not in 1 to ``size``."""
    if not 1 <= num <= size:
        raise UsageError(
            f"--permutes {num} is out of range",
            cause=f"digits of grids of size {size} are relabelled in {size} cyclic ways, the first of them none at all",
            hint=f"--permutes takes 1 to {size}; --variants names others, such as random:1 or transpose",
        )
    return variants_of([f"relabel:{shift}" for shift in range(num)], size)


def _joined(name: str, size: int) -> Symmetry:
    first, *others = [_single(part.strip(), size) for part in name.split("+")]
    for other in others:
        first = first.then(other)
    return first


def _single(name: str, size: int) -> Symmetry:
    kind, colon, argument = name.partition(":")
    if kind not in _KINDS:
        raise UnknownNameError("variant", name, [f"{known}{':N' * takes}" for known, (takes, _) in _KINDS.items()])
    takes_argument, make = _KINDS[kind]
    if not takes_argument:
        if colon:
            raise UsageError(f"the variant {kind!r} takes no argument", cause=f"it was {name!r}", hint=f"write {kind}")
        return make(0, size)
    if not _ARGUMENT.fullmatch(argument):
        raise UsageError(
            f"the variant {name!r} says no number",
            cause=f"{kind} takes a whole number from 0 on, of 18 figures at most",
            hint=f"write {kind}:1",
        )
    return make(int(argument), size)


def _cyclic_relabel(shift: int, size: int) -> Symmetry:
    digits = (np.arange(size) + shift % size) % size
    return Symmetry(f"relabel:{shift}", _relabel(digits), np.arange(size * size))


def _random_relabel(seed: int, size: int) -> Symmetry:
    name = f"random:{seed}"
    return Symmetry(name, _relabel(_order(name, size)), np.arange(size * size))


def _transpose(_: int, size: int) -> Symmetry:
    cells = np.arange(size * size).reshape(size, size).T.reshape(-1)
    return Symmetry("transpose", _relabel(np.arange(size)), cells)


def _rows(seed: int, size: int) -> Symmetry:
    name = f"rows:{seed}"
    cells = np.arange(size * size).reshape(size, size)[_lines(name, size)]
    return Symmetry(name, _relabel(np.arange(size)), cells.reshape(-1))


def _columns(seed: int, size: int) -> Symmetry:
    name = f"columns:{seed}"
    cells = np.arange(size * size).reshape(size, size)[:, _lines(name, size)]
    return Symmetry(name, _relabel(np.arange(size)), cells.reshape(-1))


def _relabel(digits: NDArray[np.intp]) -> Tokens:
    """The table that turns digit i (from 0) into ``digits[i]``."""
    table = np.arange(_NUM_TOKENS, dtype=np.uint8)
    table[FIRST_DIGIT : FIRST_DIGIT + len(digits)] = digits + FIRST_DIGIT
    return table


def _lines(name: str, size: int) -> NDArray[np.intp]:
    """From where each line is taken: whole bands change places, and lines within a band."""
    side = box_side_of(size)
    bands = _order(f"{name}/bands", side)
    return np.concatenate([band * side + _order(f"{name}/band {band}", side) for band in bands])


def _order(name: str, num: int) -> NDArray[np.intp]:
    """0 to ``num`` - 1 in an order that is of the name alone, every order as likely as another."""
    digests = [hashlib.sha256(f"{name}/{place}".encode()).digest() for place in range(num)]
    return np.array(sorted(range(num), key=digests.__getitem__), dtype=np.intp)


_KINDS: dict[str, tuple[bool, Callable[[int, int], Symmetry]]] = {
    "relabel": (True, _cyclic_relabel),
    "random": (True, _random_relabel),
    "transpose": (False, _transpose),
    "rows": (True, _rows),
    "columns": (True, _columns),
}
"""By name: whether it takes a number, and what makes it of number and size."""
