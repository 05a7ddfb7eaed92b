"""Columns that grow by arrays and end in one piece, with little more memory than they need. It knows no table.

Arrow would hold a column twice while it joins its chunks, and the chunks of a decoder keep twice what they hold. Bytes
that grow in place need neither: the operating system moves their pages, and those not yet written cost nothing.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.text_bytes import text_bytes, text_offsets

MOST_BYTES = 2**31 - 1
"""Of the characters in one array of texts: Arrow counts them in 32 bits."""


class Column:
    """A column of ``kind``, a text or a number of whole bytes, that takes arrays one after the other."""

    def __init__(self, kind: pa.DataType) -> None:
        self._kind = kind
        self._is_text = pa.types.is_string(kind)
        self._pieces: list[pa.Array] = []
        self._begin()

    def add(self, array: pa.Array) -> None:
        """Add an array of the kind, of a dictionary of it, or of nulls."""
        if not self._num_valid and array.null_count == len(array):
            self._num_rows += len(array)
            return
        array = array if array.type == self._kind else array.cast(self._kind)
        if self._is_text and len(self._values) + len(text_bytes(array)) > MOST_BYTES:
            self._end()
        if not self._num_valid:
            self._fill(self._num_rows)
        if self._is_text:
            self._add_texts(array)
        else:
            width = self._kind.bit_width // 8
            self._values += memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]
        self._add_validity(array)
        self._num_rows += len(array)
        self._num_valid += len(array) - array.null_count

    def whole(self) -> pa.ChunkedArray:
        """All of it, in one piece, or in as few as hold the characters of its texts. Nothing can be added after it."""
        self._end()
        return pa.chunked_array(self._pieces, self._kind)

    def _begin(self) -> None:
        self._num_rows = 0
        self._num_valid = 0
        self._values = bytearray()
        self._ends = bytearray()
        self._validity: bytearray | None = None  # a byte a row; none as long as there is no null

    def _fill(self, num_rows: int) -> None:
        """Write what nulls at the beginning, which were only counted, take."""
        self._ends = bytearray(4 * (num_rows + 1))
        self._values = bytearray() if self._is_text else bytearray(num_rows * (self._kind.bit_width // 8))
        self._validity = bytearray(num_rows) if num_rows else None

    def _add_texts(self, texts: pa.Array) -> None:
        offsets = text_offsets(texts)
        ends = offsets[1:] + np.int32(len(self._values) - int(offsets[0]))
        self._values += text_bytes(texts).data
        self._ends += ends.data

    def _add_validity(self, array: pa.Array) -> None:
        if array.null_count and self._validity is None:
            self._validity = bytearray(b"\1") * self._num_rows
        if self._validity is not None:
            self._validity += memoryview(pc.is_valid(array).to_numpy(zero_copy_only=False).view(np.uint8))

    def _end(self) -> None:
        if not self._num_rows:
            return
        if not self._num_valid:
            self._pieces.append(_nulls(self._num_rows, self._kind))
        else:
            packed = None if self._validity is None else np.packbits(_bytes(self._validity), bitorder="little")
            ends = [pa.py_buffer(self._ends)] if self._is_text else []
            buffers = [None if packed is None else pa.py_buffer(packed), *ends, pa.py_buffer(self._values)]
            self._pieces.append(pa.Array.from_buffers(self._kind, self._num_rows, buffers))
        self._begin()


def _nulls(num_rows: int, kind: pa.DataType) -> pa.Array:
    """Zeros that nobody writes are not in memory; the same ones say that all is null, and that all texts are empty."""
    zeros = pa.py_buffer(np.zeros(num_rows + 1, np.int64))
    return pa.Array.from_buffers(kind, num_rows, [zeros] * (3 if pa.types.is_string(kind) else 2))


def _bytes(flags: bytearray) -> NDArray[np.uint8]:
    return np.frombuffer(flags, np.uint8)
