"""The folder that a staged set goes into: whether it may, what is in it already, and how it is emptied.

Knows the layout of a staged set; stages nothing.
"""

from __future__ import annotations

from pathlib import Path

from earmark.errors import FolderError, StoreError
from earmark.formats import staged
from earmark.formats.staged import StagedFacts
from earmark.sources.base import Source
from earmark.store import layout
from earmark.store.folder import Folder, LocalFolder

_OURS = frozenset({staged.FACTS, layout.LOG})
_HINT = "--to A_FOLDER_OF_ITS_OWN"
_NUM_NAMED = 3


def check_target(folder: Folder, source: Source) -> StagedFacts | None:
    """What is staged in ``folder`` already, if anything.

    Raises FolderError where it is a file, lies inside the data's own folder, or holds what is no staged set.
    """
    if isinstance(folder, LocalFolder):
        _check_place(folder.path, source)
    facts = kept_facts(folder)
    if facts is None and (strange := _strange_names(folder)):
        kind = "a run" if layout.SPEC in strange else "no staged set"
        named = ", ".join(strange[:_NUM_NAMED])
        raise FolderError(folder.url, f"it is not empty, and holds {kind} ({named})", hint=_HINT)
    return facts


def kept_facts(folder: Folder) -> StagedFacts | None:
    """The facts of the staged set in ``folder``; None where none was begun. Raises FolderError for a strange file."""
    try:
        data = folder.read(staged.FACTS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except StoreError as error:
        raise FolderError(folder.url, f"{error.what}: {error.cause}") from error
    try:
        return StagedFacts.from_json(data.decode())
    except (KeyError, TypeError, ValueError) as error:
        raise FolderError(folder.url, f"its {staged.FACTS} is not ours: {error!r}", hint=_HINT) from error


def write_facts(folder: Folder, facts: StagedFacts) -> None:
    """Commit ``staged.json``. Raises StoreError."""
    folder.write(staged.FACTS, facts.to_json().encode())


def clear(folder: Folder, facts: StagedFacts) -> None:
    """Throw a staged set away. It counts as unfinished first, and its facts go last, so that a kill leaves no lie."""
    folder.remove(staged.TABLE)
    for prefix in (layout.PARTS, *staged.audio_folders(facts.identity.num_utterances)):
        for name in folder.names(prefix):
            folder.remove(name)
    for name in (staged.ERRORS, staged.FACTS):
        folder.remove(name)


def _check_place(target: Path, source: Source) -> None:
    try:
        if target.exists() and not target.is_dir():
            raise FolderError(str(target), "it is a file, and a folder is expected", hint=_HINT)
        data = Path(source.name.rpartition(":")[2] if not Path(source.name).exists() else source.name)
        if data.is_dir() and target.resolve().is_relative_to(data.resolve()):
            raise FolderError(
                str(target), f"it is inside the data, {data}, which would then hold its audio twice", hint=_HINT
            )
    except OSError as error:
        raise FolderError(str(target), error.strerror or str(error), hint=_HINT) from error


def _strange_names(folder: Folder) -> list[str]:
    """What is in a folder without ``staged.json``, but what an attempt that came to nothing may leave."""
    if not isinstance(folder, LocalFolder):
        return [name for name in folder.names() if name not in _OURS]
    if not folder.path.is_dir():
        return []
    try:
        names = sorted(path.name for path in folder.path.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise FolderError(folder.url, error.strerror or str(error), hint=_HINT) from error
    return [name for name in names if name not in _OURS]
