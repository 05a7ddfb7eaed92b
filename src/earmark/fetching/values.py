"""What is asked for and what is got: the plain values of fetching. Knows no network and no disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

PlaceKind = Literal["local", "hub", "url", "store"]

DEFAULT_MAX_BYTES = 100 * 2**30
"""The largest file that is fetched unless somebody says otherwise; the largest archive of LibriSpeech is 30 GB."""


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far one file is. ``total_bytes`` is None where the server does not say; ``is_done`` comes last, once."""

    name: str
    done_bytes: int
    total_bytes: int | None
    is_done: bool = False


@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """How to fetch; none of it changes what is got.

    ``cache`` is where fetched files are kept (None: the variable EARMARK_CACHE, else the user's cache folder).
    ``offline`` (also EARMARK_OFFLINE) forbids the network: only what is kept, or was put there by hand, is used.
    ``allow_private`` lets URLs lead to addresses that are not public; EARMARK_ALLOW_PRIVATE allows it for the hosts of
    its comma list. ``max_bytes`` caps each file. ``progress`` is told how far a download is, maybe from other threads.
    It travels by pickle without ``progress``.
    """

    cache: Path | None = None
    offline: bool = False
    allow_private: bool = False
    max_bytes: int = DEFAULT_MAX_BYTES
    progress: Callable[[FetchProgress], None] | None = None

    @property
    def folder(self) -> Path:
        """The cache folder, absolute."""
        if self.cache is not None:
            return self.cache.absolute()
        if named := os.environ.get("EARMARK_CACHE"):
            return Path(named).expanduser().absolute()
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser().absolute() / "earmark"

    @property
    def is_offline(self) -> bool:
        """Whether the network is forbidden, by the option or by the environment."""
        return self.offline or os.environ.get("EARMARK_OFFLINE", "").lower() not in ("", "0", "false", "no")

    def allows_private(self, host: str) -> bool:
        """Whether ``host`` may have an address that is not public."""
        listed = os.environ.get("EARMARK_ALLOW_PRIVATE", "").split(",")
        return self.allow_private or host.lower() in {one.strip().lower() for one in listed}

    def tell(self, progress: FetchProgress) -> None:
        """Pass it on to whoever wants to know."""
        if self.progress is not None:
            self.progress(progress)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "progress": None}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file on this machine whose bytes are known.

    ``path`` is absolute, and ends in the file's own name; what is behind it is read-only unless it is local. ``name``
    is what was asked for, without secrets. ``revision`` is the commit on the hub (40 hex digits), or the ETag of a URL
    or an object where the server gave one.
    """

    path: Path
    name: str
    kind: PlaceKind
    revision: str | None
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class FetchedFolder:
    """A folder on this machine. A fetched one is whole, and belongs to the cache; a local one is as it is.

    ``path`` is absolute. ``revision`` is the commit on the hub. ``known`` are the files where they were fetched; the
    files of a local folder are found, and their bytes read, only when somebody asks.
    """

    path: Path
    name: str
    kind: PlaceKind
    revision: str | None
    known: tuple[Fetched, ...] | None = None

    @cached_property
    def files(self) -> tuple[Fetched, ...]:
        """Every file, sorted by its path. In a local folder this reads all bytes of all files."""
        if self.known is not None:
            return self.known
        return tuple(
            Fetched(path, f"{self.name.rstrip('/')}/{path.relative_to(self.path).as_posix()}", self.kind, None, *facts)
            for path in sorted(self.path.rglob("*"))
            if path.is_file()
            for facts in (digest_of(path),)
        )

    @cached_property
    def content_hash(self) -> str:
        """Hex SHA-256 over the relative paths and the digests of all files: the same bytes anywhere have the same."""
        return folder_hash((file.path.relative_to(self.path).as_posix(), file.sha256) for file in self.files)


def digest_of(path: Path) -> tuple[str, int]:
    """The hex SHA-256 and the size in bytes of a file. Raises OSError."""
    digest = hashlib.sha256()
    size_bytes = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size_bytes += len(block)
    return digest.hexdigest(), size_bytes


def folder_hash(files: Iterable[tuple[str, str]]) -> str:
    """Hex SHA-256 over pairs of a relative path and a hex SHA-256."""
    digest = hashlib.sha256()
    for name, sha256 in sorted(files):
        digest.update(f"{len(name.encode())} {name} {sha256}\n".encode())
    return digest.hexdigest()
