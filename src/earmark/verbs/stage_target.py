"""The folder that a staged set goes into: whether it may, what is in it already, and how it is emptied.

Knows the layout of a staged set; stages nothing. Nothing is removed before it is sure that the data are elsewhere.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from earmark import schema
from earmark.errors import FolderError, StoreError, UsageError, without_secret
from earmark.formats import staged
from earmark.formats.staged import StagedFacts
from earmark.records import Receipt
from earmark.sources import SOURCES
from earmark.sources.base import Source
from earmark.store import layout
from earmark.store.folder import Folder, LocalFolder
from earmark.store.parts import is_part_with, receipts
from earmark.store.run import RunStore

_OURS = frozenset({staged.FACTS, layout.LOG})
_LAYOUT = frozenset({staged.AUDIO, staged.TABLE, staged.ERRORS, layout.PARTS})
_HINT = "--to A_FOLDER_OF_ITS_OWN"
_NUM_NAMED = 3
_PREFIX = re.compile(r"([a-z][a-z0-9_-]*):(?!//)", re.IGNORECASE)
_STORE = re.compile(r"(?:s3|gs)://", re.IGNORECASE)
_ENDPOINT = re.compile(r"(?:^|&)endpoint_override=([^&]*)")


def target_store(to: str) -> RunStore:
    """The folder that ``--to`` names, by its whole path.

    Raises UsageError for a name of data (``hf:owner/name``), and for no name, such as an empty shell variable gives.
    """
    if not to.strip():
        raise UsageError("--to names no folder", cause="it is empty, which would be the working folder", hint=_HINT)
    prefix = _PREFIX.match(to)
    if prefix is not None and prefix[1].lower() in SOURCES.entries():
        raise UsageError(
            f"--to {to} is no folder",
            cause=f"{prefix[1]}: begins a name of data, which a folder of that name would hide",
            hint=f"--to ./{to} if the folder is to be called so",
        )
    return RunStore.at(to if "://" in to else _whole_path(to))


def _whole_path(to: str) -> str:
    """Without ``..``: as it is written, where that leads to the same folder. Behind a link it does not."""
    path = Path(to).expanduser().absolute()
    plain, real = Path(os.path.normpath(path)), path.resolve()
    return str(plain if plain.resolve() == real else real)


def check_target(folder: Folder, source: Source, *, audio_root: str | None, mends: bool) -> None:
    """See that ``folder`` is fit to be staged into; ``mends`` as ``kept_facts`` takes it.

    Raises FolderError where it is a file, holds what is no staged set, and where it and the data lie in each other.
    """
    if isinstance(folder, LocalFolder):
        _check_place(folder.path, source, audio_root)
    else:
        _check_store(folder.url, source, audio_root)
    if kept_facts(folder, mends=mends) is not None or (mends and folder.has(staged.FACTS)):
        return
    if strange := _strange_names(folder):
        kind = "a run" if layout.SPEC in strange else "no staged set"
        named = ", ".join(strange[:_NUM_NAMED])
        raise FolderError(folder.url, f"it is not empty, and holds {kind} ({named})", hint=_HINT)


def check_audio(folder: Folder, utterances: pa.Table, root: str) -> None:
    """Raise FolderError where audio of the data is in the staged set that is to be thrown away, links followed."""
    if not isinstance(folder, LocalFolder):
        return
    target = folder.path.resolve()
    for uri in pc.unique(utterances["audio"]).to_pylist():
        audio = Path(root, uri).resolve()
        if audio.is_relative_to(target):
            raise FolderError(folder.url, f"it holds audio of the data, {audio}", hint=_HINT)


def kept_facts(folder: Folder, *, mends: bool = False) -> StagedFacts | None:
    """The facts of the staged set in ``folder``; None where none was begun.

    Raises FolderError where they cannot be read, unless somebody ``mends`` them: beside parts, None.
    """
    try:
        data = folder.read(staged.FACTS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except StoreError as error:
        if not isinstance(folder, LocalFolder):
            raise  # a server that refuses, or is not there, says so itself
        raise FolderError(folder.url, f"{error.what}: {error.cause}", hint=_HINT) from error
    try:
        return StagedFacts.from_json(data.decode())
    except (KeyError, TypeError, ValueError) as error:
        has_parts = bool(folder.names(layout.PARTS))
        if mends and has_parts:
            return None
        hint = "--verify makes it anew" if has_parts else _HINT
        raise FolderError(folder.url, f"its {staged.FACTS} is not ours: {error!r}", hint=hint) from error


def write_facts(folder: Folder, facts: StagedFacts) -> None:
    """Commit ``staged.json``. Raises StoreError."""
    folder.write(staged.FACTS, facts.to_json().encode())


def has_parts_of(folder: Folder, fingerprint: str) -> bool:
    """Whether a part is of the staged set whose identity has ``fingerprint``. Raises StoreError."""
    return any(isinstance(found, Receipt) for found in receipts(folder, fingerprint))


def clear(folder: Folder, facts: StagedFacts) -> None:
    """Throw the audio, the parts and the tables of a staged set away.

    Its facts stay, as those of a set that is not whole, until others are written over them: a kill leaves a folder that
    nobody takes for a whole set, and that the same command goes on with.
    """
    write_facts(folder, replace(facts, counts=None, table_sha256=None))
    audio = (f"{staged.AUDIO}/{name}" for name in folder.folder(staged.AUDIO).entries() if name.isdecimal())
    for prefix in (layout.PARTS, *audio):
        for name in folder.names(prefix):
            folder.remove(name)
    for name in (staged.TABLE, staged.ERRORS):
        folder.remove(name)


def _check_place(target: Path, source: Source, audio_root: str | None) -> None:
    try:
        if target.exists() and not target.is_dir():
            raise FolderError(str(target), "it is a file, and a folder is expected", hint=_HINT)
        name = source.name if os.path.lexists(source.name) else source.name.rpartition(":")[2]
        named = Path(name or source.root)
        is_in = target.resolve().is_relative_to
        if named.is_dir() and is_in(named.resolve()):
            raise FolderError(str(target), f"it is inside the data, {named}, which would hold it, too", hint=_HINT)
        for place in (named, Path(source.root), Path(audio_root or source.root)):
            if place.exists() and place.resolve().is_relative_to(target.resolve()):
                raise FolderError(str(target), f"it holds the data, {place}", hint=_HINT)
    except OSError as error:
        raise FolderError(str(target), error.strerror or str(error), hint=_HINT) from error


def _check_store(url: str, source: Source, audio_root: str | None) -> None:
    ours = _words(url)
    for name in filter(_STORE.match, (source.name.removeprefix("staged:"), audio_root or "")):
        theirs = _words(name)
        if _has_other_server(name, url):
            continue
        if theirs[: len(ours)] == ours:
            raise FolderError(url, f"it holds the data, {name}", hint=_HINT)
        if ours[: len(theirs)] == theirs:
            raise FolderError(url, f"it is inside the data, {name}, which would hold it, too", hint=_HINT)


def _words(url: str) -> list[str]:
    """Scheme, bucket and folders, without a key and without a query."""
    scheme, _, rest = without_secret(url).partition("?")[0].partition("://")
    return [scheme.lower(), *filter(None, rest.split("/"))]


def _has_other_server(url: str, other: str) -> bool:
    named = [set(_ENDPOINT.findall(one)) for one in (url, other)]
    return all(named) and named[0] != named[1]


def _strange_names(folder: Folder) -> list[str]:
    """What is in a folder without ``staged.json``, but what an attempt that came to nothing may leave.

    Parts of a staging tell that it is a staged set all the same, and that it holds what such a set holds.
    """
    try:
        strange = [name for name in folder.entries() if name not in _OURS]
        parts = folder.names(layout.PARTS) if _LAYOUT.issuperset(strange) else []
        return [] if any(is_part_with(folder, part, schema.STAGED_PARTS) for part in parts) else strange
    except StoreError as error:
        if not isinstance(folder, LocalFolder):
            raise
        raise FolderError(folder.url, error.cause or error.what, hint=_HINT) from error
