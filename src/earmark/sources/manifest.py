"""Utterances of a manifest: a table with a row for each, in one of the formats of the field."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.errors import ManifestError, UsageError
from earmark.formats.cells import AUDIO, LANGUAGE, SPEAKER
from earmark.formats.delimited import delimited_chunks, delimited_rows
from earmark.formats.jsonl import jsonl_chunks, jsonl_rows
from earmark.formats.lines import near_hint
from earmark.formats.parquet import parquet_chunks, parquet_rows
from earmark.formats.surviving import BadRow, surviving_rows
from earmark.sources.columns import RowReader
from earmark.sources.options import SourceOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from earmark.formats.row_chunks import RowChunk
    from earmark.records import Utterance
    from earmark.sources.base import Source

Rows = Callable[[str], Iterator[tuple[int, dict[str, Any]]]]
"""Reads a manifest row by row: slow, exact, and the one to tell what is wrong with which row."""

Chunks = Callable[[str], "Iterator[RowChunk]"]
"""Reads the same rows some at a time, by column."""

FORMATS: dict[str, tuple[str, Rows, Chunks]] = {
    ".jsonl": ("jsonl", jsonl_rows, jsonl_chunks),
    ".json": ("jsonl", jsonl_rows, jsonl_chunks),
    ".csv": ("csv", partial(delimited_rows, has_tabs=False), partial(delimited_chunks, has_tabs=False)),
    ".tsv": ("tsv", partial(delimited_rows, has_tabs=True), partial(delimited_chunks, has_tabs=True)),
    ".parquet": ("parquet", parquet_rows, partial(parquet_chunks, repeated=(*AUDIO, *LANGUAGE, *SPEAKER))),
}


def open_manifest(path: str, options: SourceOptions) -> Source:
    """Open the manifest at ``path``; a Parquet file that holds its audio itself as what it is. Raises UsageError."""
    if Path(path).suffix.lower() == ".parquet" and _holds_audio(path):
        from earmark.sources.embedded import open_parquet

        return open_parquet(path, options)
    return ManifestSource(path, options)


class ManifestSource:
    """The rows of the manifest at ``path``, in its order.

    Raises UsageError for an unknown ending, and ManifestError where there is no file.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        suffix = Path(path).suffix.lower()
        if suffix not in FORMATS:
            raise UsageError(f"cannot tell the format of {path}", cause=f"known endings: {', '.join(FORMATS)}")
        if not Path(path).is_file():
            raise ManifestError(path, "there is no such file", hint=near_hint(Path(path)))
        self._path = path
        self._options = options
        self._format, self._rows, self._chunks = FORMATS[suffix]

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._path

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the format, the options that change utterances, and the file's bytes."""
        digest = hashlib.sha256(self._options.canonical(self._format))
        with Path(self._path).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    @cached_property
    def root(self) -> str:
        """The audio root or the manifest's folder; its folder ``clips`` where the first row's audio lies only there."""
        folder = Path(self._options.audio_root or Path(self._path).parent).absolute()
        # Of the first row that can be read: whoever reads the utterances is told of one that cannot.
        _, row = next(surviving_rows(self._format, self._path, _ignore), (0, {}))
        columns = {name.lower(): name for name in row}
        audio = next((row[columns[name]] for name in AUDIO if name in columns), None)
        clips = folder / "clips"
        is_in_clips = isinstance(audio, str) and not _exists(folder / audio) and _exists(clips / audio)
        return str(clips if is_in_clips else folder)

    def utterances(self) -> Iterator[Utterance]:
        """Each row's utterance, read as it is asked for. Raises ManifestError or MissingColumnError."""
        reader = RowReader(self._path, self._options)
        with _pointing_to_check(self._path):
            for line, row in self._checked_rows():
                yield reader.utterance(line, row)

    def surviving(self, bad: BadRow) -> Iterator[Utterance]:
        """The utterances of the usable rows; ``bad`` is told of each of the others. Raises MissingColumnError."""
        reader = RowReader(self._path, self._options)
        for line, row in surviving_rows(self._format, self._path, bad):
            try:
                yield reader.utterance(line, row)
            except ManifestError as error:
                bad(error)

    def chunks(self) -> Iterator[pa.RecordBatch | list[Utterance]]:
        """The same utterances by column. Raises the same errors, at the same row."""
        from earmark.sources.columnar import utterance_chunks  # what is opened to be looked at needs no Arrow

        is_empty = True
        with _pointing_to_check(self._path):
            for chunk in utterance_chunks(self._chunks(self._path), self._path, self._options):
                is_empty = False
                yield chunk
        if is_empty:
            raise ManifestError(self._path, "holds no utterance")

    def _checked_rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        is_empty = True
        for numbered_row in self._rows(self._path):
            is_empty = False
            yield numbered_row
        if is_empty:
            raise ManifestError(self._path, "holds no utterance")


@contextlib.contextmanager
def _pointing_to_check(path: str) -> Iterator[None]:
    """Where a row is broken and nothing is known to do about it, say how to see all that are."""
    try:
        yield
    except ManifestError as error:
        if error.line is not None and error.hint is None:
            error.hint = f"earmark check {shlex.quote(path)} lists all that is broken"
        raise


def _ignore(error: ManifestError) -> None:
    del error


def _holds_audio(path: str) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from earmark.sources.embedded_columns import audio_column

    try:
        return audio_column(pq.read_schema(path)) is not None
    except (OSError, pa.ArrowException):  # what is wrong with it is told when it is read
        return False


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  # Path.exists raises for a name that is too long
