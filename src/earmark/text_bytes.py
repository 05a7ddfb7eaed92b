"""The bytes behind a column of texts, without a Python object for each text.

It knows how Arrow lays texts out, and nothing of what they say.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def text_offsets(texts: pa.Array) -> NDArray[np.integer[Any]]:
    """Where each text begins in the array's buffer of characters, and where the last one ends: ``len(texts) + 1``.

    Views of Arrow's memory: int32 for strings, int64 for large ones. A null is an empty text.
    """
    kind = np.dtype(np.int64 if pa.types.is_large_string(texts.type) else np.int32)
    if not len(texts):
        return np.zeros(1, kind)
    offsets: NDArray[np.integer[Any]] = np.frombuffer(texts.buffers()[1], kind)
    return offsets[texts.offset : texts.offset + len(texts) + 1]


def text_bytes(texts: pa.Array) -> NDArray[np.uint8]:
    """The UTF-8 bytes of all texts, one after the other: a view of Arrow's memory."""
    offsets, characters = text_offsets(texts), texts.buffers()[2]
    if characters is None:
        return np.zeros(0, np.uint8)
    return np.frombuffer(characters, np.uint8)[offsets[0] : offsets[-1]]
