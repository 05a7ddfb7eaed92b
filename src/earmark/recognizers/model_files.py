"""The parts of a model, each from wherever its name leads: weights from a hub, a dictionary from here, a URL's grammar.

Everything is fetched in the process that asks first, which is the driver. The paths travel by pickle to the workers;
one that has no such path, because it is another machine, fetches the same again, by its digest. Knows no recognizer.
"""

from __future__ import annotations

import fnmatch
import glob
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from earmark.errors import EarmarkError, FetchError, FolderError
from earmark.fetching import Fetched, FetchedFolder, FetchOptions, Place, fetch, fetch_folder, list_files, resolve
from earmark.fetching.values import digest_of
from earmark.spec import ModelSource

Digests = tuple[tuple[str, str], ...]
"""Pairs of a relative path and a hex SHA-256; the path of a single file is empty."""
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""How a file begins that stands for one in Git LFS: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""


def outright(name: str) -> str:
    """The name of a place that says itself what it is. Raises UsageError for one that is nothing, or two things."""
    place = resolve(name, bare="hub")
    return f"hf:{name}" if place.kind == "hub" and not name.startswith("hf:") else name


def content_hash(files: Iterable[tuple[str, str]]) -> str:
    """The hex SHA-256 over paths and digests of files, which is of their order too."""
    digest = hashlib.sha256()
    for name, content in files:
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()


def by_role(digests: Mapping[str, Digests]) -> Iterator[tuple[str, str]]:
    """What the parts of a model consist of, in one order: ``ROLE/PATH`` and the digest of each file."""
    for role, files in sorted(digests.items()):
        yield from ((f"{role}/{name}", content) for name, content in sorted(files))


@dataclass(frozen=True, slots=True)
class _Part:
    path: Path
    source: ModelSource
    digests: Digests


class ModelFiles:
    """The files and folders that ``names`` say, by role; ``folders`` are the roles that want a folder.

    ``patterns`` choose the files of a role's folder that count, by their path in it, as the shell does; no others are
    fetched, or read.
    Nothing is fetched until it is asked for. What is asked for raises UsageError, FetchError, or FolderError for a
    local path that is not there, whose hint names the role.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        *,
        folders: Collection[str],
        fetching: FetchOptions,
        patterns: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._names = dict(names)
        self._folders = frozenset(folders)
        self._patterns = {role: tuple(some) for role, some in (patterns or {}).items()}
        self._fetching = fetching
        self._parts: dict[str, _Part] = {}

    @property
    def roles(self) -> frozenset[str]:
        """The parts that were named."""
        return frozenset(self._names)

    def include(self, role: str, names: Sequence[str]) -> None:
        """Let these files in the folder of ``role`` count too: which they are is known by what another one says."""
        patterns = self._patterns[role]
        new = [name for name in names if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
        if new:
            self._patterns[role] = (*patterns, *map(glob.escape, new))
            self._parts[role] = self._fetched(role, self._parts.get(role))

    def paths(self) -> dict[str, Path]:
        """Where each part is on this machine."""
        return {role: self._part(role).path for role in self._names}

    def sources(self) -> tuple[ModelSource, ...]:
        """Where each part was taken from, sorted by role."""
        return tuple(self._part(role).source for role in sorted(self._names))

    def digests(self) -> dict[str, Digests]:
        """What each part consists of."""
        return {role: self._part(role).digests for role in self._names}

    def origin(self, role: str) -> list[str]:
        """All files where the folder of ``role`` comes from, also those that do not count, where that can be told."""
        part, place = self._part(role), resolve(self._names[role])
        try:
            if place.kind == "hub" and not place.file:
                return [one.path for one in list_files(place.name, options=self._fetching).files]
        except EarmarkError:
            return [name for name, _ in part.digests]
        return sorted(one.name for one in part.path.iterdir())

    def _part(self, role: str) -> _Part:
        known = self._parts.get(role)
        if known is None or not known.path.exists():
            found = self._fetched(role, known)
            if known is not None and found.source.sha256 != known.source.sha256:
                problem = f"its SHA-256 is {found.source.sha256}, and must be {known.source.sha256}"
                raise FetchError("wrong", known.source.name, problem)
            self._parts[role] = known = found
        return known

    def _fetched(self, role: str, known: _Part | None) -> _Part:
        place = resolve(self._names[role])
        name = self._names[role]
        if known is not None and place.kind == "hub" and known.source.revision is not None:
            name = place.pinned_name(known.source.revision)  # a branch may have moved in the meantime
        if place.kind == "local":
            _check_exists(role, place)
            name = place.locator
        if role in self._folders:
            patterns = self._patterns.get(role, ())
            return _of_folder(role, place, fetch_folder(name, patterns=patterns, options=self._fetching), patterns)
        sha256 = known.source.sha256 if known is not None else None
        file = fetch(name, sha256=sha256, options=self._fetching)
        source = ModelSource(role=role, name=place.name, kind=file.kind, revision=file.revision, sha256=file.sha256)
        return _Part(file.path, source, (("", file.sha256),))


def _check_exists(role: str, place: Place) -> None:
    try:
        Path(place.locator).stat()
    except OSError as error:
        raise FolderError(place.name, error.strerror or str(error), hint=f"--set {role}=PATH") from error


def _of_folder(role: str, place: Place, folder: FetchedFolder, patterns: Sequence[str]) -> _Part:
    if patterns and folder.known is None:  # a local folder is never filtered, and would be read to the last byte
        folder = replace(folder, known=tuple(_counting(folder, patterns)))
    source = ModelSource(
        role=role, name=place.name, kind=folder.kind, revision=folder.revision, sha256=folder.content_hash
    )
    digests = tuple((file.path.relative_to(folder.path).as_posix(), file.sha256) for file in folder.files)
    return _Part(folder.path, source, digests)


def _counting(folder: FetchedFolder, patterns: Sequence[str]) -> Iterator[Fetched]:
    for path in sorted(folder.path.rglob("*")):
        name = path.relative_to(folder.path).as_posix()
        if path.is_file() and any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            yield Fetched(path, f"{folder.name.rstrip('/')}/{name}", folder.kind, None, *digest_of(path))
