"""Utterances of Parquet files whose audio lies inside them, as ``datasets`` writes them: the shards of one split.

A shard is fetched when its first row is asked for, and read a row group at a time.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from earmark.errors import FolderError, ManifestError, UsageError
from earmark.fetching import FetchOptions, fetch
from earmark.formats.lines import near_hint
from earmark.sources.embedded_audio import FOLDER, EmbeddedAudio, unreadable
from earmark.sources.hub_layout import layout
from earmark.sources.hub_snapshot import snapshot
from earmark.sources.naming import likely, without_split
from earmark.sources.options import SourceOptions

if TYPE_CHECKING:
    from earmark.records import Utterance
    from earmark.sources.embedded_tables import EmbeddedTable

_ROWS_AT_ONCE = 1024
_STATE, _SPLITS = "state.json", "dataset_dict.json"


@dataclass(frozen=True)
class Shard:
    """One Parquet file: its name for ``fetch``, and what is known of its bytes before they are here.

    ``sha256`` is None where nobody states it; then ``identity`` is something else that the bytes are known by.
    """

    name: str
    identity: str
    sha256: str | None = None
    size_bytes: int | None = None

    def path(self, options: FetchOptions) -> Path:
        """Bring it here. Raises FetchError."""
        return fetch(self.name, sha256=self.sha256, size_bytes=self.size_bytes, options=options).path


@dataclass(frozen=True)
class LocalShard:
    """One Parquet file that is here."""

    name: str

    @cached_property
    def identity(self) -> str:
        """Hex SHA-256 of its bytes."""
        with Path(self.name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def path(self, _: FetchOptions) -> Path:
        """Where it is."""
        return Path(self.name)


class EmbeddedSource:
    """The rows of ``shards``, in their order. An id that no column holds is ``SPLIT/ROW``, rows from 0.

    Files of the audio are written to the cache of ``options.fetching`` as they are read, and stay there.
    """

    def __init__(self, name: str, shards: Sequence[Shard | LocalShard], split: str, options: SourceOptions) -> None:
        if options.audio_root is not None:
            raise UsageError(f"--audio-root does not fit {name}", cause="its audio is inside its Parquet files")
        self._name = name
        self._shards = tuple(shards)
        self._split = split
        self._options = options

    @property
    def name(self) -> str:
        """The name with the revision that it led to, or the path as it was given."""
        return self._name

    @property
    def root(self) -> str:
        """The folder of embedded audio in the cache."""
        return str(self._options.fetching.folder / FOLDER)

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the options, the split, and what the bytes of each shard are known by, in order."""
        digest = hashlib.sha256(self._options.canonical("embedded"))
        digest.update(repr((self._split, [shard.identity for shard in self._shards])).encode())
        return digest.hexdigest()

    def utterances(self) -> Iterator[Utterance]:
        """Each row. Raises ManifestError for a file or a row that cannot be read, MissingColumnError and FetchError."""
        row = 0
        for shard in self._shards:
            for utterance in _utterances(shard, f"{self._split}/", row, self._options):
                row += 1
                yield utterance
        if not row:
            raise ManifestError(self._name, "holds no utterance")

    def restore(self) -> None:
        """Write the files of the audio that are not in the cache."""
        deque(self.utterances(), maxlen=0)


def _utterances(shard: Shard | LocalShard, prefix: str, first: int, options: SourceOptions) -> Iterator[Utterance]:
    import pyarrow as pa

    from earmark.sources.embedded_columns import EmbeddedColumns
    from earmark.sources.embedded_tables import open_table

    path = shard.path(options.fetching)
    row = 0
    try:
        with open_table(str(path)) as table:
            columns = EmbeddedColumns.find(shard.name, table.schema, options)
            audio = EmbeddedAudio(options.fetching.folder, shard.identity[:32], shard.name)
            for group in range(table.num_groups):
                uris = audio.uris(table, group, columns.audio)
                for uri, cells in zip(uris, _rows(table, group, columns.others), strict=True):
                    yield columns.utterance(uri, f"{prefix}{first + row}", cells, options)
                    row += 1
    except (OSError, pa.ArrowException) as error:
        raise unreadable(shard.name, error) from error
    except ValueError as error:
        raise ManifestError(shard.name, str(error), line=row + 1) from error


def _rows(table: EmbeddedTable, group: int, columns: list[str]) -> Iterator[dict[str, Any]]:
    if not columns:
        yield from ({} for _ in range(table.num_rows(group)))
        return
    for batch in table.batches(group, columns, _ROWS_AT_ONCE):
        yield from batch.to_pylist()


def open_parquet(path: str, options: SourceOptions) -> EmbeddedSource:
    """Open ``FILE.parquet``, or ``FOLDER[/CONFIGURATION][:SPLIT]`` with the shards of one split. Raises UsageError."""
    folder, split = without_split(path)
    rest = f":{split}" if split else ""
    if Path(folder).is_file():
        return EmbeddedSource(path, [LocalShard(folder)], _split_of(Path(folder).name), options)
    tree, config, found = snapshot(Path(folder))
    if config is None and not tree.is_dir():
        raise FolderError(folder, "there is no such file or folder", hint=near_hint(Path(folder), "parquet:", rest))
    if not found.configs:
        raise UsageError(f"no Parquet in {folder}", cause="no file in it, at any depth, ends in .parquet")
    _, split, files = found.chosen(f"parquet:{tree}", config, split)
    return EmbeddedSource(path, [LocalShard(str(tree / file)) for file in files], split, options)


def _split_of(file: str) -> str:
    return next(iter(next(iter(layout([file]).configs.values()))))


def open_saved(path: str, options: SourceOptions) -> EmbeddedSource:
    """Open ``FOLDER[:SPLIT]`` as ``save_to_disk`` of ``datasets`` writes it: its tables are in ``state.json``.

    Raises UsageError.
    """
    folder, split = without_split(path)
    if split is None and (Path(folder) / _SPLITS).is_file():
        known = sorted(place.name for place in Path(folder).iterdir() if (place / _STATE).is_file())
        if len(known) != 1:
            hint = shlex.quote(f"saved:{path}:{likely(known)}") if known else None
            raise UsageError(f"{folder} has more than one split", cause=f"known: {', '.join(known)}", hint=hint)
        split = known[0]
    place = Path(folder, split or "")
    try:
        facts = json.loads((place / _STATE).read_bytes())
        names = [str(one["filename"]) for one in facts["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"no usable {_STATE} in it: {error}"
        raise FolderError(str(place), problem, hint="parquet:FOLDER[:SPLIT], where it holds Parquet") from error
    if any(PurePath(name).name != name for name in names):
        raise FolderError(str(place), f"{_STATE} names a file that is not in it")
    split = split or str(facts.get("_split") or "train")
    return EmbeddedSource(path, [LocalShard(str(place / name)) for name in names], split, options)
