"""Utterances of a staged set: a folder, or a prefix of an object store, that ``earmark stage`` filled.

Reads the set's table; opens no audio. An utterance that failed to be staged is one all the same, without a file, so
that it is counted as missing and never dropped in silence.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from earmark import schema
from earmark.errors import ManifestError, without_secret
from earmark.formats.staged import ERRORS, TABLE, change_in, changed_name, failure_in, is_inside
from earmark.records import AudioRef, Utterance
from earmark.sources.columns import no_text_column, refuse_no_text
from earmark.sources.staged_files import StagedFile, staged_files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from earmark.sources.options import SourceOptions

_ROWS_AT_ONCE = 64
_TEXT = "text"
_COLUMNS = ("id", "path", "duration", "text", "language", "speaker", "extra", "size_bytes", "sha256")


class StagedSource:
    """The utterances of the staged set at ``path``, in the order of the data that were staged.

    ``path`` is a folder, or an ``s3://`` or ``gs://`` URL: then ``staged.json`` is fetched when the set is opened, the
    table when it is first read, and the audio as the utterances are, some at a time. Raises ManifestError or
    FolderError where there is no complete staged set, UsageError for a text column of ids or paths, and FetchError.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        self._name = without_secret(path)
        self._options = options
        self._files = staged_files(path, options.fetching)
        if options.has_text and options.text_column is not None:
            refuse_no_text(self._name, options.text_column, (*schema.STAGED.names, options.text_column))

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

    @property
    def loss(self) -> str | None:
        """How many of the data that were staged failed or were left out; None where none was."""
        counts = self._files.facts.counts
        if counts is None or not counts.num_failed + counts.num_skipped:
            return None
        lost = f"{counts.num_failed:,} failed and {counts.num_skipped:,} were left out"
        listing = f"{self._name.partition('?')[0].rstrip('/')}/{ERRORS}"
        return f"when these data were staged, of {counts.num_utterances:,} utterances\n{lost}: {listing}"

    def why_missing(self, uri: str) -> tuple[str, str] | None:
        """That it failed when it was staged, or is gone since; and how to stage it again."""
        again = "type the line that staged it, with"
        if kind := failure_in(uri):
            num_failed = self._files.facts.counts.num_failed if self._files.facts.counts else 0
            return f"{num_failed:,} failed when they were staged, the first: {kind}", f"{again} --retry-failed"
        return change_in(uri) or "it was staged, and is gone", f"{again} --verify"

    def ids(self) -> Iterator[str]:
        """The id of each utterance. Raises what ``utterances`` raises."""
        with self._damage():
            for rows in self._rows(["id"]):
                yield from rows["id"].to_pylist()

    def utterances(self) -> Iterator[Utterance]:
        """Each utterance. Raises ManifestError for a damaged table, MissingColumnError, and FetchError."""
        return self._read(None)

    def chosen(self, is_chosen: NDArray[np.bool_]) -> Iterator[Utterance]:
        """Those for which ``is_chosen``; no audio of another is fetched. Raises what ``utterances`` raises."""
        return self._read(is_chosen)

    def _read(self, is_chosen: NDArray[np.bool_] | None) -> Iterator[Utterance]:
        start = 0
        with self._damage():
            for batch in self._rows(list(_COLUMNS)):
                there = batch if is_chosen is None else batch.filter(pa.array(is_chosen[start : start + len(batch)]))
                start += len(batch)
                rows = there.to_pylist()
                self._bring(rows)
                yield from map(self._utterance, rows)

    def _rows(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self._files.table(), page_checksum_verification=True) as parquet:
            yield from parquet.iter_batches(_ROWS_AT_ONCE, columns=columns)

    @contextlib.contextmanager
    def _damage(self) -> Iterator[None]:
        """What a table raises that is not what it should be: its digest may be right all the same."""
        try:
            yield
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise ManifestError(f"{self._name}/{TABLE}", f"damaged: {error}") from error

    def _bring(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:  # what is fetched is written there
            if not is_inside(str(row["path"])):
                raise ManifestError(f"{self._name}/{TABLE}", f"{row['path']!r} leads out of the set")
        self._files.bring([StagedFile(row["path"], row["size_bytes"], row["sha256"]) for row in rows if row["sha256"]])

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
            AudioRef(
                self._audio(row),
                duration_s=row["duration"] if is_staged else None,
                channel=options.channel,
                sha256=row["sha256"],
            ),
            self._reference(row, extra),
            row["language"] or options.language,
            row["speaker"],
            extra,
        )

    def _audio(self, row: dict[str, Any]) -> str:
        """The path of its file; where that has another size than the table says, one that no file has.

        So it is missing, whatever is done with missing audio, and not heard as what it is no more.
        """
        path = str(row["path"])
        if row["sha256"] is None or not self._files.is_here:  # what is brought was compared byte by byte
            return path
        try:
            size_bytes = os.stat(f"{self.root}/{path}").st_size  # noqa: PTH116  # a Path costs more, a million times
        except OSError:
            return path
        return path if size_bytes == row["size_bytes"] else changed_name(path, size_bytes, row["size_bytes"])

    def _reference(self, row: dict[str, Any], extra: dict[str, Any]) -> str | None:
        column = self._options.text_column
        if column in (None, _TEXT):
            return row["text"] if row["text"] is None else str(row["text"])
        if not self._options.has_text:
            return None
        if column not in extra:
            raise no_text_column(self._name, [_TEXT, *extra], column)
        return None if extra[column] is None else str(extra[column])
