"""Parquet with audio in it, as ``datasets`` writes it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def clip(number: int, *, kind: str = "WAV") -> bytes:
    """A short noise, another one for each number."""
    noise = np.random.default_rng(number).normal(scale=0.1, size=1600 + 16 * number).clip(-1, 1)
    file = io.BytesIO()
    soundfile.write(file, noise.astype(np.float32), 16_000, format=kind, subtype="PCM_16")
    return file.getvalue()


def shard(
    first: int,
    num_rows: int,
    *,
    columns: Mapping[str, Sequence[Any] | pa.Array] | None = None,
    audio: str = "audio",
    rows_a_group: int = 2,
    features: Mapping[str, Any] | None = None,
) -> bytes:
    """The bytes of a Parquet file of the clips from ``first``, with a sentence each unless ``columns`` are given."""
    numbers = range(first, first + num_rows)
    cells = [{"bytes": clip(number), "path": f"clip-{number}.wav"} for number in numbers]
    named = columns if columns is not None else {"sentence": [f"text {number}" for number in numbers]}
    table = pa.table({audio: pa.array(cells, AUDIO), **{name: pa.array(column) for name, column in named.items()}})
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=rows_a_group)
    return file.getvalue()


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
