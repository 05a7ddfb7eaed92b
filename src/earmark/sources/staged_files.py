"""Where the files of a staged set are: in a folder of this machine, or in an object store, from where they are fetched.

Knows names, bytes and digests; knows no utterance. What is fetched is linked under the digest of the set's table, each
file whole and with the very bytes that the table says, so another set, or a new one at the same place, never finds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from earmark.errors import FetchError, FolderError, ManifestError
from earmark.fetching import FetchOptions, fetch
from earmark.fetching.cache import Cache
from earmark.formats import staged
from earmark.formats.staged import StagedFacts
from earmark.sources.remote import link_fetched
from earmark.sources.remote_folder import RemoteFolder

_GETS_AT_ONCE = 16
_MEND = "earmark stage DATA --to {} --verify mends it"


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file of the set: its path in it, and what its bytes must be. ``sha256`` is hexadecimal."""

    path: str
    size_bytes: int
    sha256: str


class StagedFiles(Protocol):
    """The files of a complete staged set."""

    @property
    def facts(self) -> StagedFacts:
        """What its ``staged.json`` says."""
        ...

    @property
    def root(self) -> Path:
        """The folder of this machine that its files are in, or will be."""
        ...

    @property
    def is_here(self) -> bool:
        """Whether the set itself is a folder of this machine."""
        ...

    def table(self) -> Path:
        """Its table, on this machine, with the bytes that the facts say. Raises ManifestError or FetchError."""
        ...

    def bring(self, files: Sequence[StagedFile]) -> None:
        """Have files on this machine. Those that are gone from where they were staged are left out.

        Raises FetchError for one with other bytes.
        """
        ...


def staged_files(path: str, options: FetchOptions) -> StagedFiles:
    """The files of the staged set at a local path, or at an ``s3://`` or ``gs://`` URL, fetched as ``options`` say.

    Raises FolderError or ManifestError where there is none, or where it is not complete, and FetchError.
    """
    return _Remote(path, options) if "://" in path else _Local(path)


def _facts(path: str, text: str) -> StagedFacts:
    try:
        facts = StagedFacts.from_json(text)
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"{path}/{staged.FACTS}", f"not what earmark stage writes: {error!r}") from error
    if not facts.is_complete:
        problem = "is not staged to its end"
        raise ManifestError(path, problem, hint=f"type the line that staged it again: earmark stage ... --to {path}")
    return facts


class _Local:
    is_here = True

    def __init__(self, path: str) -> None:
        self._path = path
        self.root = Path(path).absolute()
        try:
            self.facts = _facts(path, Path(path, staged.FACTS).read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise ManifestError(f"{path}/{staged.FACTS}", "not UTF-8") from error
        except OSError as error:
            raise FolderError(
                path, f"no {staged.FACTS} in it: {error.strerror}", hint="earmark stage makes one"
            ) from error

    def table(self) -> Path:
        table = self.root / staged.TABLE
        try:
            with table.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
            raise ManifestError(f"{self._path}/{staged.TABLE}", problem, hint=_MEND.format(self._path)) from error
        if found != self.facts.table_sha256:
            problem = f"not the table that {staged.FACTS} tells of"
            raise ManifestError(f"{self._path}/{staged.TABLE}", problem, hint=_MEND.format(self._path))
        return table

    def bring(self, files: Sequence[StagedFile]) -> None:
        del files  # they are where they were staged


class _Remote:
    """A set in an object store. It is asked for its facts at once, and for files as they are needed."""

    is_here = False

    def __init__(self, url: str, options: FetchOptions) -> None:
        self._folder = RemoteFolder.named(url)
        self._shown = self._folder.shown.rstrip("/")
        self._options = options
        try:
            path = fetch(self._folder.file(staged.FACTS), options=options).path
        except FetchError as error:
            if error.kind != "missing" or error.hint is not None:  # it says that there is no such bucket
                raise
            hint = f"earmark stage DATA --to URL makes one; a manifest there has a full name: {self._shown}/FILE.csv"
            raise ManifestError(self._shown, f"there is no {staged.FACTS}", hint=hint) from None
        self.facts = _facts(self._shown, path.read_bytes().decode("utf-8", "replace"))
        self.root = options.folder / "staged" / str(self.facts.table_sha256)

    def table(self) -> Path:
        name = self._folder.file(staged.TABLE)
        return fetch(name, sha256=self.facts.table_sha256, options=self._options).path

    def bring(self, files: Sequence[StagedFile]) -> None:
        missing = [file for file in files if not self._has(file)]
        if not missing:
            return
        with ThreadPoolExecutor(_GETS_AT_ONCE, thread_name_prefix="earmark-fetch") as threads:
            found = [threads.submit(self._bring_one, file) for file in missing]
            try:
                for one in found:
                    one.result()
            finally:
                threads.shutdown(wait=False, cancel_futures=True)

    def _has(self, file: StagedFile) -> bool:
        path = self.root / file.path
        Cache(self._options.folder).use(path)  # first: or a clean takes what was looked at
        try:
            return path.stat().st_size == file.size_bytes
        except OSError:
            return False

    def _bring_one(self, file: StagedFile) -> None:
        name = self._folder.file(file.path)
        get = partial(fetch, name, sha256=file.sha256, size_bytes=file.size_bytes, options=self._options)
        try:
            link_fetched(get, self.root / file.path, self._options)
        except FetchError as error:
            if error.kind != "wrong":
                raise
            raise FetchError("wrong", error.name, str(error.cause), hint=_MEND.format(self._shown)) from error
