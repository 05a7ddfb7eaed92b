"""Files that are there whole: how one is written, and how one is known that stands for another. It knows no puzzle."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from earmark.errors import ManifestError

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Give ``path`` the bytes that ``write`` puts into a file; a kill leaves the file that was there, or none."""
    temporary = path.with_name(f".tmp-{secrets.token_hex(6)}")
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_no_pointer(path: Path) -> None:
    """Raise ManifestError where the file only says where Git LFS has the true one. Raises OSError."""
    with path.open("rb") as file:
        if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
            raise ManifestError(str(path), "it is a Git LFS pointer, not the file itself", hint="run git lfs pull")
