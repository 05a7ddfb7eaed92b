"""Utterances of Mozilla Common Voice: a table of a split, without quotes, and its clips.

::

    cv-corpus-17.0-2024-03-15/es/
        clips/common_voice_es_18306544.mp3
        train.tsv dev.tsv test.tsv validated.tsv invalidated.tsv other.tsv

Source: Ardila et al., Common Voice, LREC 2020. Columns came and went from release to release; ``path`` and ``sentence``
are in all of them. Every row's other columns (votes, age, gender, accents, variant, segment, ...) are kept.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections import deque
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.errors import FolderError, ManifestError, UsageError
from earmark.formats.lines import near_hint
from earmark.formats.surviving import BadRow
from earmark.records import Utterance
from earmark.sources.files import fingerprint_of_files
from earmark.sources.manifest import ManifestSource
from earmark.sources.naming import known_split, likely, without_split
from earmark.sources.options import SourceOptions

if TYPE_CHECKING:
    import pyarrow as pa

SPLITS = ("train", "dev", "test", "validated", "invalidated", "other")
"""The tables of clips. ``reported.tsv``, ``clip_durations.tsv`` and the like name no utterances."""


class CommonVoiceSource:
    """The rows of ``FOLDER/SPLIT.tsv``, named ``FOLDER:SPLIT``, in their order; ids are the clips' names.

    The language is that of the row, else ``--language``, else the folder's name. Raises FolderError, UnknownNameError
    for a split that is none, UsageError where none is named or the folder does not have it.
    """

    def __init__(self, name: str, options: SourceOptions) -> None:
        path, split = without_split(name)
        if path.endswith(".tsv") and split is None:
            path, split = str(Path(path).parent), Path(path).stem
        folder = Path(path)
        if not folder.is_dir():
            raise FolderError(
                path, "there is no such folder", hint=near_hint(folder, "common-voice:", f":{split}" if split else "")
            )
        self._name = name
        self._folder = folder
        self._split = _chosen(folder, split)
        language = options.language or folder.resolve().name
        self._options = dataclasses.replace(options, language=language)
        self._path = str(folder / f"{self._split}.tsv")
        self._table = ManifestSource(self._path, self._options)

    @property
    def name(self) -> str:
        """The name as it was given."""
        return self._name

    @property
    def root(self) -> str:
        """The audio root, or the folder of the clips."""
        return str(Path(self._options.audio_root or self._folder / "clips").absolute())

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the options, the language, and the table's bytes."""
        return fingerprint_of_files(self._options.canonical("common-voice"), str(self._folder), [f"{self._split}.tsv"])

    def utterances(self) -> Iterator[Utterance]:
        """Each row. Raises ManifestError with the line of a broken row, and MissingColumnError without ``sentence``."""
        return (self._checked(line, utterance) for line, utterance in self._table.numbered())

    def surviving(self, bad: BadRow) -> Iterator[Utterance]:
        """The usable rows; ``bad`` is told of each of the others. Raises MissingColumnError."""
        for line, utterance in self._table.numbered_surviving(bad):
            try:
                yield self._checked(line, utterance)
            except ManifestError as error:
                bad(error)

    def lines_with(self, utterance_id: str) -> list[int]:
        """The lines of the rows with that id."""
        return self._table.lines_with(utterance_id)

    def chunks(self) -> Iterator[pa.RecordBatch | list[Utterance]]:
        """The same utterances by column. Raises the same errors, at the same row."""
        for chunk in self._table.chunks():
            names = (row.audio.uri for row in chunk) if isinstance(chunk, list) else chunk["audio"].to_pylist()
            if any("/" in name for name in names):
                deque(self.utterances(), maxlen=0)  # it knows the line
            yield chunk

    def _checked(self, line: int, utterance: Utterance) -> Utterance:
        if "/" in utterance.audio.uri:
            raise ManifestError(self._path, f"{utterance.audio.uri!r} is no name of a clip", line=line)
        return utterance


def _chosen(folder: Path, split: str | None) -> str:
    present = [name for name in SPLITS if (folder / f"{name}.tsv").is_file()]
    if split is not None:
        known_split("Common Voice split", split, SPLITS)
    if split in present:
        return str(split)
    if present:
        problem = f"no {split}.tsv in {folder}" if split else f"{folder} has several splits"
        hint = shlex.quote(f"common-voice:{folder}:{likely(present)}")
        raise UsageError(problem, cause=", ".join(present), hint=hint)
    tables = (*folder.glob("*/test.tsv"), *folder.glob("*/*/test.tsv"))
    languages = sorted(str(path.parent.relative_to(folder)) for path in tables)
    name = shlex.quote(f"common-voice:{folder / languages[0]}:{split or 'test'}") if languages else None
    cause = f"it has {', '.join(languages)}" if languages else f"it has none of {', '.join(f'{s}.tsv' for s in SPLITS)}"
    raise UsageError(f"no Common Voice language in {folder}", cause=cause, hint=name and f"did you mean {name}?")
