"""Utterances of a staged set: a folder, or a prefix of an object store, that ``earmark stage`` filled.

Reads the set's table; opens no audio. An utterance that failed to be staged is one all the same, without a file, so
that it is counted as missing and never dropped in silence.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from earmark import schema
from earmark.errors import ManifestError, MissingColumnError, without_secret
from earmark.formats.staged import is_inside
from earmark.records import AudioRef, Utterance
from earmark.sources.staged_files import StagedFile, staged_files

if TYPE_CHECKING:
    from earmark.sources.options import SourceOptions

_ROWS_AT_ONCE = 64
_TEXT = "text"
_COLUMNS = ("id", "path", "duration", "text", "language", "speaker", "extra", "size_bytes", "sha256")


class StagedSource:
    """The utterances of the staged set at ``path``, in the order of the data that were staged.

    ``path`` is a folder, or an ``s3://`` or ``gs://`` URL: then the table is brought to the cache when the set is
    opened, and the audio as the utterances are read, some hundreds at a time. Raises ManifestError or FolderError where
    there is no complete staged set, and FetchError.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        self._name = without_secret(path)
        self._options = options
        self._files = staged_files(path)

    @property
    def name(self) -> str:
        """The path as it was given, without secrets."""
        return self._name

    @property
    def root(self) -> str:
        """The audio root, the set's folder, or its place in the cache."""
        return str(self._options.audio_root or self._files.root)

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the options and the digest of the table, in which the digest of each file stands."""
        digest = hashlib.sha256(self._options.canonical("staged"))
        digest.update(str(self._files.facts.table_sha256).encode())
        return digest.hexdigest()

    def utterances(self) -> Iterator[Utterance]:
        """Each utterance. Raises ManifestError for a damaged table, MissingColumnError, and FetchError."""
        table = self._files.table()
        try:
            with pq.ParquetFile(table, page_checksum_verification=True) as parquet:
                for batch in parquet.iter_batches(_ROWS_AT_ONCE, columns=list(_COLUMNS)):
                    rows = batch.to_pylist()
                    _check_paths(rows)
                    self._files.bring(
                        [StagedFile(row["path"], row["size_bytes"], row["sha256"]) for row in rows if row["sha256"]]
                    )
                    yield from map(self._utterance, rows)
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise ManifestError(f"{self._name}/{table.name}", f"damaged: {error}") from error

    def restore(self) -> None:
        """Bring what is not here; nothing of a set that is a folder."""
        if not self._files.is_here:
            deque(self.utterances(), maxlen=0)

    def _utterance(self, row: dict[str, Any]) -> Utterance:
        extra = json.loads(row["extra"]) if row["extra"] else {}
        options = self._options
        is_staged = row["sha256"] is not None
        return Utterance(
            row["id"],
            AudioRef(row["path"], duration_s=row["duration"] if is_staged else None, channel=options.channel),
            self._reference(row, extra),
            row["language"] or options.language,
            row["speaker"],
            extra,
        )

    def _reference(self, row: dict[str, Any], extra: dict[str, Any]) -> str | None:
        column = self._options.text_column
        if column in (None, _TEXT):
            return row["text"] if row["text"] is None else str(row["text"])
        if not self._options.has_text:
            return None
        if column not in extra:
            names = [*schema.STAGED.names, *extra]
            raise MissingColumnError(self._name, "reference text", names, flag="--text-column")
        return None if extra[column] is None else str(extra[column])


def _check_paths(rows: list[dict[str, Any]]) -> None:
    """Raise ValueError for a path that leads out of the set: what is brought is written there."""
    for row in rows:
        if not is_inside(row["path"]):
            raise ValueError(f"{row['path']!r} leads out of the set")
