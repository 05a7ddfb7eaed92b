"""Rows of a table some at a time, by column where they can be had so. It knows no format.

By column is for speed alone: what a chunk's rows say is what the slow reader of its format says of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

NumberedRow = tuple[int, dict[str, Any]]
"""A row with its line, or its number in a table without lines, from 1."""


@dataclass(frozen=True, slots=True)
class RowChunk:
    """Some rows that follow each other.

    ``columns`` maps each name, in the rows' order, to its values, one a row; it is None where the rows differ in their
    names, or nothing is sure but what the slow reader will say. ``rows`` reads them with that one: it raises
    ManifestError at the row that is broken.
    """

    columns: Mapping[str, pa.Array | Sequence[Any]] | None
    rows: Callable[[], Iterator[NumberedRow]]
