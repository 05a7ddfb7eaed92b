"""Audio files in folders, in an order that does not change. It knows names and sizes, and opens no audio."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from earmark.errors import FolderError


def walk(root: str) -> Iterator[tuple[str, list[str]]]:
    """Each folder under ``root`` with its file names: (path relative to root, "" for itself; names), both sorted.

    Hidden files and folders are left out: among them are the ``._`` twins that some systems write beside each file.
    Symbolic links to folders are not followed. Raises FolderError for a name that is no UTF-8, or a folder that cannot
    be read.
    """
    for folder, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = sorted(name for name in files if not name.startswith("."))
        for name in (*folders, *names):
            _require_utf8(folder, name)
        relative = os.path.relpath(folder, root)
        yield ("" if relative == "." else relative), names


def _refuse(error: OSError) -> None:
    raise FolderError(str(error.filename), str(error.strerror)) from error


def _require_utf8(folder: str, name: str) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise FolderError(folder, f"the name {name!a} in it is not UTF-8") from error


def size_bytes(root: str, relative: str) -> int:
    """Read the size of a file from its folder."""
    return Path(root, relative).stat().st_size
