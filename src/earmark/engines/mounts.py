"""Where things are in Modal's cloud: the names of Volumes, and the folders of a container that they are mounted at.

A place is written ``modal:VOLUME/PATH``. In every container it is the folder ``/earmark/VOLUME/PATH``, so that a path
means the same wherever it is read. It knows names, and asks nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from earmark.errors import UsageError

PREFIX = "modal:"
DATA, MODELS, RESULTS = "earmark-data", "earmark-models", "earmark-results"
"""The Volumes that are ours: staged data, what was fetched of models, and the parts of runs."""
MOUNTS = "/earmark"

_VOLUME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
_HINT = f"{PREFIX}{DATA}/NAME"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder on a Volume; ``path`` is relative, and leads nowhere else."""

    volume: str
    path: str

    @classmethod
    def of(cls, name: str) -> Self:
        """The place that ``name`` (``modal:VOLUME/PATH``) says. Raises UsageError."""
        volume, _, path = name.removeprefix(PREFIX).partition("/")
        parts = path.split("/")
        if not _VOLUME.fullmatch(volume):
            raise UsageError(f"{name} names no Volume", cause=f"{volume!r} is no name of one", hint=_HINT)
        if {"", ".", ".."} & set(parts) or set(path) & {"\\", "\0", "\n"}:
            raise UsageError(f"{name} names no folder of a Volume", cause=f"{path!r} is no plain path", hint=_HINT)
        return cls(volume, path)

    @property
    def name(self) -> str:
        """What the user calls it."""
        return f"{PREFIX}{self.volume}/{self.path}"

    @property
    def folder(self) -> str:
        """Where it is in a container."""
        return f"{mount_of(self.volume)}/{self.path}"


def mount_of(volume: str) -> str:
    """The folder of a container that a Volume is mounted at."""
    return f"{MOUNTS}/{volume}"


def volume_of(path: str) -> str:
    """The Volume that a container's ``path`` is on. Raises UsageError for one that no container sees."""
    found = PurePosixPath(path)
    if not found.is_relative_to(MOUNTS) or ".." in found.parts or len(found.parts) <= len(PurePosixPath(MOUNTS).parts):
        raise UsageError(
            "the audio is on this machine, where no container of Modal's sees it",
            cause=f"such as {path}",
            hint=f"modal volume put {DATA} STAGED_FOLDER NAME, then --data {PREFIX}{DATA}/NAME",
        )
    return found.relative_to(MOUNTS).parts[0]
