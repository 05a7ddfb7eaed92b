"""Utterances of a manifest: a table with a row for each, in one of the formats of the field."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.errors import ManifestError, UsageError
from earmark.formats.cells import AUDIO
from earmark.formats.delimited import delimited_rows
from earmark.formats.jsonl import jsonl_rows
from earmark.formats.lines import near_hint
from earmark.formats.parquet import parquet_rows
from earmark.sources.columns import RowReader
from earmark.sources.options import SourceOptions

if TYPE_CHECKING:
    from earmark.records import Utterance

Rows = Callable[[str], Iterator[tuple[int, dict[str, Any]]]]

FORMATS: dict[str, tuple[str, Rows]] = {
    ".jsonl": ("jsonl", jsonl_rows),
    ".json": ("jsonl", jsonl_rows),
    ".csv": ("csv", partial(delimited_rows, has_tabs=False)),
    ".tsv": ("tsv", partial(delimited_rows, has_tabs=True)),
    ".parquet": ("parquet", parquet_rows),
}


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
        self._format, self._rows = FORMATS[suffix]

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
        _, row = next(self._checked_rows())
        columns = {name.lower(): name for name in row}
        audio = next((row[columns[name]] for name in AUDIO if name in columns), None)
        clips = folder / "clips"
        is_in_clips = isinstance(audio, str) and not _exists(folder / audio) and _exists(clips / audio)
        return str(clips if is_in_clips else folder)

    def utterances(self) -> Iterator[Utterance]:
        """Each row's utterance, read as it is asked for. Raises ManifestError or MissingColumnError."""
        reader = RowReader(self._path, self._options)
        for line, row in self._checked_rows():
            yield reader.utterance(line, row)

    def _checked_rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        is_empty = True
        for numbered_row in self._rows(self._path):
            is_empty = False
            yield numbered_row
        if is_empty:
            raise ManifestError(self._path, "holds no utterance")


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  # Path.exists raises for a name that is too long
