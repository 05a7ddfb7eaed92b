"""A download that is not done: its bytes, and beside them of what they are. Knows the disk, and no protocol.

The two are never of two versions: the old bytes are gone, for certain, before anything else is said of the file.
"""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

from earmark.fetching.cache import sync_folder, write_whole


def size_of(partial: Path) -> int:
    """The bytes that are here already; 0 where there is no file. Raises OSError."""
    try:
        found = partial.stat()
    except FileNotFoundError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def facts_of(partial: Path) -> dict[str, Any]:
    """Of what the bytes are, as ``begin`` was told; empty where that cannot be read."""
    try:
        found = json.loads(_facts(partial).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def begin(partial: Path, facts: dict[str, Any]) -> None:
    """Throw away what is there, and write down of what the file is from now on. Raises OSError."""
    discard(partial)
    write_whole(_facts(partial), json.dumps(facts).encode())


def discard(partial: Path) -> None:
    """Return when the bytes are gone from the disk, too. Raises OSError."""
    if partial.is_dir():  # as downloads of the hub were gathered by the versions before
        shutil.rmtree(partial)
    elif size_of(partial):
        partial.unlink(missing_ok=True)
    else:
        return
    sync_folder(partial.parent)


def _facts(partial: Path) -> Path:
    return partial.with_suffix(".json")
