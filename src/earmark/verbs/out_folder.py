"""What may become a run's folder: a folder of its own, so that no files lie among a run's, and no run in a run.

Knows the names of a run's files. The spec alone makes a folder a run; it is looked for after the other names, since a
driver of the same run may be writing them now, and writes the spec before all that a run has only with one.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from earmark.errors import FolderError, StoreError
from earmark.store import layout
from earmark.store.folder import Folder, LocalFolder
from earmark.store.run import RunStore

_BEGUN = frozenset({layout.UTTERANCES, layout.LOG})
"""What a run may have before it has a spec, or is left of one that was thrown away."""
_LOG_OF_A_SHARE = re.compile(rf"{Path(layout.LOG).stem}-\d+-of-\d+\.log")
_EMPTIED = frozenset({layout.PARTS, layout.MISTAKES, layout.ATTEMPTS, layout.RESULTS, layout.RESULTS_SUMMARIES})
"""The folders that are left, empty, of a run that was thrown away."""

_HINT = "--out ANOTHER_FOLDER"
_NUM_LOOKED_INTO = 50


def check_run(store: RunStore) -> None:
    """Raise FolderError unless the folder of ``store`` is a run, or may become one, here or in an object store.

    What an interrupted start leaves is no hindrance. Raises StoreError where the folder cannot be read.
    """
    folder = store.folder
    if isinstance(folder, LocalFolder):
        with _folder_errors(folder.url):
            _check_folder(folder.path)
            _check_one(folder)
    else:
        _check_one(folder)
    store.spec()  # a file of that name may be somebody else's


def check_out(out: str, num_systems: int) -> None:
    """Raise FolderError unless ``out`` may become, or is, a run of one system, or a folder of runs of several.

    Looks at local folders only.
    """
    if "://" in out:
        return
    path = Path(out)
    with _folder_errors(out):
        _check_folder(path)
        if (path.absolute().parent / layout.SPEC).exists():
            raise FolderError(out, f"it would be inside the run {path.parent}", hint=_HINT)
        folder = LocalFolder(path)
        if num_systems == 1:
            _check_one(folder)
        else:
            _check_several(folder, num_systems)


@contextlib.contextmanager
def _folder_errors(out: str) -> Iterator[None]:
    """Turn what a local folder that cannot be looked into raises into a FolderError."""
    try:
        yield
    except OSError as error:
        raise FolderError(out, error.strerror or str(error)) from error
    except StoreError as error:
        raise FolderError(out, error.cause or error.what, hint=error.hint) from error


def _check_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise FolderError(str(path), "it is a file, and a folder is expected", hint=_HINT)


def _check_one(folder: Folder) -> None:
    others = _others(folder)
    if inside := [name for name in others[:_NUM_LOOKED_INTO] if folder.has(f"{name}/{layout.SPEC}")]:
        problem = f"it holds runs ({', '.join(inside[:3])}), and a run would be around them"
        raise FolderError(folder.url, problem, hint=f"--out {folder.folder('NAME').url}")
    _check_strange(folder, others)


def _check_several(folder: LocalFolder, num_systems: int) -> None:
    if folder.has(layout.SPEC):
        problem = f"it is a run, and a folder of {num_systems} runs is expected"
        raise FolderError(folder.url, problem, hint=_HINT)
    inside = _others(folder)
    _check_strange(folder, [one for one in inside if not (folder.path / one).is_dir() or _others(folder.folder(one))])


def _check_strange(folder: Folder, strange: list[str]) -> None:
    if strange:
        problem = f"it is no run, and has other files in it ({', '.join(strange[:3])})"
        raise FolderError(folder.url, problem, hint=_HINT)


def _others(folder: Folder) -> list[str]:
    """What is in a folder that is no run, and is not of a run that was begun."""
    others = [name for name in folder.entries() if not _is_of_begun(folder, name)]
    return [] if others and folder.has(layout.SPEC) else others


def _is_of_begun(folder: Folder, name: str) -> bool:
    if name in _EMPTIED:
        return not folder.folder(name).entries()
    return name in _BEGUN or _LOG_OF_A_SHARE.fullmatch(name) is not None
