"""A JSON file of a stranger's model: an object, of a size that one has. Knows no key of any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from earmark.errors import FolderError

_MOST_BYTES = 256 * 2**20


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises FolderError for anything else."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise FolderError(str(path), "it is too large for what it is")
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise FolderError(str(path), error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise FolderError(str(path), "it is no JSON", hint="fetch the model again") from error
    if not isinstance(found, dict):
        raise FolderError(str(path), "it holds no JSON object")
    return found
