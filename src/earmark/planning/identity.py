"""What makes two tables of utterances the same data: everything in them that can change an answer, and their audio.

References, speakers and other columns are not part of it: a corrected reference is scored anew, and not heard anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from earmark.text_bytes import text_bytes

_DECISIVE = ("id", "audio", "start_s", "stated_duration_s", "channel", "language")
_NUM_SAMPLED = 16
_SAMPLED_BYTES = 65_536
_DIGITS = 12
_ROWS_AT_ONCE = 1_000_000
_MISSING = "missing"


def data_fingerprint(utterances: pa.Table) -> str:
    """Hex SHA-256 over the columns of schema.UTTERANCES that can change an answer, in the order of the data.

    A length counts where the source states it; one that a file's header says changes when the file is mended.
    """
    digest = hashlib.sha256()
    for name in _DECISIVE:
        digest.update(f"{name} {len(utterances)} ".encode())
        _hash_chunks(digest, utterances[name])
    return digest.hexdigest()


def hash_column(digest: hashlib._Hash, column: pa.Array) -> None:
    """Feed a column of texts or numbers to ``digest``: its values, where each ends, and which are null."""
    _hash_chunks(digest, pa.chunked_array([column]))


def _hash_chunks(digest: hashlib._Hash, column: pa.ChunkedArray) -> None:
    """The same for a column in pieces, wherever it is cut; some rows at a time, as copies of all would fill memory."""
    slices = [chunk.slice(row, _ROWS_AT_ONCE) for chunk in column.chunks for row in range(0, len(chunk), _ROWS_AT_ONCE)]
    for rows in slices:
        digest.update(pc.is_valid(rows).to_numpy(zero_copy_only=False).tobytes())
    if not pa.types.is_string(column.type):
        for rows in slices:
            digest.update(rows.fill_null(0).to_numpy().astype("<f8").tobytes())
        return
    for rows in slices:
        digest.update(pc.binary_length(rows.fill_null("")).to_numpy().astype("<i8").tobytes())
    for rows in slices:
        digest.update(text_bytes(rows.fill_null("").cast(pa.large_string())).data)


def audio_sample(utterances: pa.Table, root: str) -> str:
    """A short hash over the first bytes of each of some audio files, evenly spread, separated by spaces.

    It tells apart data that differ in nothing but their audio, such as the clean and the noisy version of a test set,
    without reading them all.
    """
    rows = np.unique(np.linspace(0, len(utterances) - 1, _NUM_SAMPLED).astype(np.int64))
    return " ".join(_first_bytes(Path(root, uri)) for uri in utterances["audio"].take(rows).to_pylist())


def is_same_audio(sample: str, other: str) -> bool:
    """Whether two samples are of the same audio: at least half of their files agree, so that a few may be mended.

    A file that is missing from one of them says nothing.
    """
    return len(sample.split()) == len(other.split()) and 2 * num_changed(sample, other) <= len(sample.split())


def num_changed(sample: str, other: str) -> int:
    """How many of the sampled files have other bytes."""
    pairs = zip(sample.split(), other.split(), strict=False)
    return sum(one != two and _MISSING not in (one, two) for one, two in pairs)


def _first_bytes(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.sha256(file.read(_SAMPLED_BYTES)).hexdigest()[:_DIGITS]
    except OSError:
        return _MISSING
