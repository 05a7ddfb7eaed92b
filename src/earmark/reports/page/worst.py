"""The utterances of a run with the most errors: those that one listens to first. It knows tables of schema.SCORES."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.schema import SCORED

NEEDED = ("status", "hits", "substitutions", "deletions", "insertions")
"""The columns that ``worst_rows`` looks at."""


def worst_rows(scores: pa.Table, number: int) -> NDArray[np.int64]:
    """Positions of at most ``number`` scored utterances that have an error, the most errors first.

    Of as many errors the higher rate goes first, then the order of the data.
    """
    hits, substitutions, deletions, insertions = (pc.fill_null(scores[name], 0).to_numpy() for name in NEEDED[1:])
    errors = (substitutions + deletions + insertions).astype(np.int64)
    words = hits + substitutions + deletions
    is_wrong = (errors > 0) & pc.equal(scores["status"], SCORED).to_numpy()
    order = np.lexsort((np.arange(len(errors)), -errors / np.maximum(words, 1), -errors))
    return np.asarray(order[is_wrong[order]][:number])
