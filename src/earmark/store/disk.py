"""The operations on a local disk that a kill can come between, one method each.

Knows nothing of runs or tables. Everything durable goes through here, so that a test can die at the n-th operation.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


class Disk:
    """The real disk."""

    def make_folder(self, path: Path) -> None:
        """Make a folder and its parents, for good; no error if it is there."""
        new = [folder for folder in (path, *path.parents) if not folder.is_dir()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in reversed(new):
            self.sync_folder(folder.parent)

    def open_new(self, path: Path) -> BinaryIO:
        """Open a file that must not exist yet, for writing."""
        return path.open("xb")

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        """Append bytes."""
        file.write(data)

    def sync(self, file: BinaryIO) -> None:
        """Return when the file's bytes are on the disk."""
        file.flush()
        os.fsync(file.fileno())

    def replace(self, source: Path, target: Path) -> None:
        """Rename over whatever stands there, in one step."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Give the file a second name. Raises FileExistsError if the name is taken."""
        target.hardlink_to(source)

    def remove(self, path: Path) -> None:
        """Remove a file; no error if it is gone."""
        path.unlink(missing_ok=True)

    def sync_folder(self, path: Path) -> None:
        """Return when the folder's names are on the disk."""
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
