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

from earmark.errors import ManifestError, UsageError, lines_listed
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
    if holds_audio(path):
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
        return (utterance for _, utterance in self.numbered())

    def surviving(self, bad: BadRow) -> Iterator[Utterance]:
        """The utterances of the usable rows; ``bad`` is told of each of the others. Raises MissingColumnError."""
        return (utterance for _, utterance in self.numbered_surviving(bad))

    def lines_with(self, utterance_id: str) -> list[int]:
        """The lines of the rows with that id."""
        return [line for line, utterance in self.numbered() if utterance.id == utterance_id]

    def numbered(self) -> Iterator[tuple[int, Utterance]]:
        """Each row's utterance with its line. Raises the same errors."""
        reader = RowReader(self._path, self._options)
        with self._telling():
            for line, row in self._checked_rows():
                yield line, reader.utterance(line, row)

    def numbered_surviving(self, bad: BadRow) -> Iterator[tuple[int, Utterance]]:
        """``surviving`` with lines. Raises the same errors."""
        reader = RowReader(self._path, self._options)

        def tell(error: ManifestError) -> None:
            self._rename(error)
            bad(error)

        with self._telling(lists_broken=False):
            for line, row in surviving_rows(self._format, self._path, tell):
                try:
                    yield line, reader.utterance(line, row)
                except ManifestError as error:
                    tell(error)

    def chunks(self) -> Iterator[pa.RecordBatch | list[Utterance]]:
        """The same utterances by column. Raises the same errors, at the same row."""
        from earmark.sources.columnar import utterance_chunks  # what is opened to be looked at needs no Arrow

        is_empty = True
        with self._telling():
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
    def _telling(self, *, lists_broken: bool = True) -> Iterator[None]:
        """Errors speak of the data as the user does; of one broken row, they say how to see all that are."""
        try:
            yield
        except UsageError as error:
            if lists_broken and isinstance(error, ManifestError) and error.line is not None and error.hint is None:
                error.hint = f"{self._all_broken()}earmark check {shlex.quote(self._path)} lists all that is broken"
            self._rename(error)
            raise

    def _all_broken(self) -> str:
        """How many rows are broken and where, if it is more than the one that is told."""
        lines: list[int] = []
        with contextlib.suppress(UsageError):
            for _ in self.numbered_surviving(lambda error: lines.append(error.line or 0)):
                pass
        return f"{len(lines):,} rows are broken ({lines_listed(lines)}): " if len(lines) > 1 else ""

    def _rename(self, error: UsageError) -> None:
        """Call the data what the user calls them."""
        if self._options.called is not None:
            error.rename(self._path, self._options.called)


def _ignore(error: ManifestError) -> None:
    del error


def holds_audio(path: str) -> bool:
    """Whether the file is Parquet, and has its audio in it."""
    if Path(path).suffix.lower() != ".parquet":
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    from earmark.sources.embedded_columns import audio_column

    try:
        return audio_column(pq.read_schema(path)) is not None
    except (OSError, pa.ArrowException):  # what is wrong with it is told when it is read
        return False


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  # Path.exists raises for a name that is too long
