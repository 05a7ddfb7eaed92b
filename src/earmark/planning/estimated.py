"""The pieces of long audio as far as lengths alone say them: nothing is decoded. For a forecast; no run uses them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from earmark import schema
from earmark.spec import RunSpec


def estimated_segments(utterances: pa.Table, spec: RunSpec) -> pa.Table:
    """A table of schema.SEGMENTS: what is longer than the recognizer takes, in as few equal pieces as it takes.

    Empty where it takes any length, or where nothing is to be cut.
    """
    longest_s = spec.max_piece_s
    if longest_s is None or spec.segmentation.name == "none":
        return schema.SEGMENTS.empty_table()
    duration_s = utterances["duration_s"].to_numpy()
    long = np.flatnonzero(duration_s > longest_s)
    num_pieces = np.ceil(duration_s[long] / longest_s).astype(np.int64)
    ends = np.cumsum(num_pieces)
    number = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - num_pieces, num_pieces)
    piece_s = np.repeat(duration_s[long] / num_pieces, num_pieces)
    columns = {
        "index": np.repeat(utterances["index"].to_numpy()[long], num_pieces),
        "segment": number.astype(np.int32),
        "num_segments": np.repeat(num_pieces, num_pieces).astype(np.int32),
        "start_s": number * piece_s,
        "duration_s": piece_s,
        "utterance_s": np.repeat(duration_s[long], num_pieces),
    }
    return pa.table(columns, schema=schema.SEGMENTS)
