"""``export``: what a run heard, in a format of other programs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from earmark.errors import FolderError, UsageError
from earmark.formats.exports import EXPORTS
from earmark.records import ScoredUtterance
from earmark.reports.heard import scored_utterances
from earmark.store import layout
from earmark.store.folder import open_folder
from earmark.verbs.open_run import open_run

_BYTES_AT_ONCE = 1 << 20


def export(run: str | os.PathLike[str], to: str, out: str | os.PathLike[str] | BinaryIO) -> int:
    """Write the run in the folder ``run`` in the format ``to``, and return the number of its utterances.

    ``out`` is a local path, an ``s3://`` or ``gs://`` URL, or a stream. A file replaces an older one in one step, and
    stays as it was where the export fails; a stream may then hold the beginning.

    Raises UnknownNameError for a format that is none, FolderError where there is no run or nothing was scored yet,
    UsageError where the run has not what the format holds, and StoreError where a file cannot be read or written.
    """
    write = EXPORTS.load(to)
    store, spec = open_run(os.fspath(run))
    if not store.folder.has(layout.SCORES):
        raise FolderError(store.url, "nothing of it is scored yet", hint=f"earmark score {store.url}")
    counted = _Counted(scored_utterances(store, spec))
    if not isinstance(out, str | os.PathLike):
        _copy(write(counted), out)
        return counted.number
    parent, name = _place(os.fspath(out))
    with open_folder(parent).replacing(name) as stream:
        _copy(write(counted), stream)
    return counted.number


class _Counted:
    """Passes utterances on, and knows how many there were."""

    def __init__(self, utterances: Iterable[ScoredUtterance]) -> None:
        self._utterances = utterances
        self.number = 0

    def __iter__(self) -> Iterator[ScoredUtterance]:
        for one in self._utterances:
            self.number += 1
            yield one


def _copy(pieces: Iterable[bytes], stream: BinaryIO) -> None:
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        if len(waiting) >= _BYTES_AT_ONCE:
            stream.write(bytes(waiting))
            waiting.clear()
    stream.write(bytes(waiting))


def _place(out: str) -> tuple[str, str]:
    """The folder and the name of a file. Raises UsageError for what names a folder."""
    parent, slash, name = out.rpartition("/")
    if name in ("", ".", "..") or ("://" not in out and os.path.isdir(out)):  # noqa: PTH112  # it may be no path at all
        raise UsageError(f"{out} is a folder, and an export is a file", hint=f"--out {out.rstrip('/')}/FILE")
    return parent or slash or ".", name
