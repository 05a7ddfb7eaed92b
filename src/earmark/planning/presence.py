"""Which audio files are there: asked of the folder where many of its files are wanted, else of each file."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

_MANY = 1_000  # a folder is listed when so many of its files are asked for at once; a listing costs about so many asks
_LISTED_FOR_EACH = 20  # and no more of it than so many names for each that is asked for
_MOST_NAMES = 2_000_000  # in memory, about 200 MB
_REMEMBERED = 65_536
_SERVER = re.compile(r"(?:https?|s3|gs)://(?!\.\.\.)[^/?#]+", re.IGNORECASE)


def why_not_fetched(uri: str) -> tuple[str, str] | None:
    """Why the audio of a row with a URL is not here, and what to type; None for a path."""
    if "://" not in uri:
        return None
    server = _SERVER.match(uri)
    hint = f"--audio-root {server[0]} fetches them" if server else "--audio-root FOLDER, with paths in the rows"
    return "a URL in a local manifest is not fetched", hint


class AudioFiles:
    """The audio files under ``root``, for one reading of the data.

    A listing only saves asking for files that it shows. What it does not show is asked for by name: a file system may
    take two spellings for one name, a listing may be forbidden, and a missing file is rare.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._is_file = lru_cache(maxsize=_REMEMBERED)(os.path.isfile)
        self._names: dict[str, set[str]] = {}
        self._num_names = 0

    def path(self, uri: str) -> str:
        """Where the file is; an absolute ``uri`` stays as it is."""
        return os.path.join(self._root, uri)  # noqa: PTH118  # a Path costs ten times as much, a million times

    def shown(self, uri: str) -> str:
        """What messages call the file: its path, and a URL as it stands in its row."""
        return uri if "://" in uri else self.path(uri)

    def are_there(self, uris: Sequence[str]) -> list[bool]:
        """Say of each whether it is a file."""
        folders = [uri.rpartition("/")[0] for uri in uris]
        for folder, num_asked in Counter(folders).items():
            if num_asked >= _MANY and folder not in self._names:
                self._list(folder, num_asked)
        if not self._names:
            return [self._is_file(self.path(uri)) for uri in uris]
        none: set[str] = set()
        return [
            uri[len(folder) + 1 if folder else 0 :] in self._names.get(folder, none) or self._is_file(self.path(uri))
            for uri, folder in zip(uris, folders, strict=True)
        ]

    def _list(self, folder: str, num_asked: int) -> None:
        most = min(num_asked * _LISTED_FOR_EACH, _MOST_NAMES - self._num_names)
        try:
            with os.scandir(self.path(folder) or ".") as entries:
                names = {entry.name for entry in islice(entries, most) if entry.is_file()}
        except (OSError, ValueError):
            names = set()
        self._names[folder] = names
        self._num_names += len(names)
