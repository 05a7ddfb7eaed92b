"""Where the files of a staged set are: in a folder of this machine, or in an object store, from where they are brought.

Knows names, bytes and digests; knows no utterance. What is brought lies in the cache under the digest of the set's
table, each file whole and with the very bytes that the table says, so another set, or a new one at the same place,
never finds it. A lock on the set makes it one download on a machine, however many processes ask.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from earmark.errors import FetchError, FolderError, ManifestError, without_secret
from earmark.fetching import FetchOptions
from earmark.fetching.cache import Cache, disk_faults, write_whole
from earmark.formats import staged
from earmark.formats.staged import StagedFacts

_GETS_AT_ONCE = 16
_TRIES = 2
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


def staged_files(path: str) -> StagedFiles:
    """The files of the staged set at a local path, or at an ``s3://`` or ``gs://`` URL.

    Raises FolderError or ManifestError where there is none, or where it is not complete, and FetchError.
    """
    return _Remote(path) if "://" in path else _Local(path)


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
            raise ManifestError(f"{self._path}/{staged.TABLE}", f"cannot be read: {error.strerror}") from error
        if found != self.facts.table_sha256:
            problem = f"not the table that {staged.FACTS} tells of"
            hint = f"the line that staged it, with --fresh; or --data {table} as a plain manifest"
            raise ManifestError(f"{self._path}/{staged.TABLE}", problem, hint=hint)
        return table

    def bring(self, files: Sequence[StagedFile]) -> None:
        del files  # they are where they were staged


class _Remote:
    """A set in an object store. It is asked for its facts at once, and for files as they are needed."""

    is_here = False

    def __init__(self, url: str) -> None:
        self._url = url
        self._shown = without_secret(url).partition("?")[0].rstrip("/")
        self._cache = Cache(FetchOptions().folder)
        self._is_offline = FetchOptions().is_offline
        data = self._get(staged.FACTS)
        if data is None:
            hint = "earmark stage DATA --to URL makes one; of an object store, data are a staged set"
            raise ManifestError(self._shown, f"there is no {staged.FACTS}", hint=hint)
        self.facts = _facts(self._shown, data.decode("utf-8", "replace"))
        self._key = f"staged-{self.facts.table_sha256}"
        self.root = self._cache.folder / "staged" / str(self.facts.table_sha256)

    def table(self) -> Path:
        path = self.root / staged.TABLE
        if not path.is_file():
            with self._locked():
                if not path.is_file():
                    self._fetch(staged.TABLE, str(self.facts.table_sha256))
        if not path.is_file():
            raise FetchError("missing", f"{self._shown}/{staged.TABLE}", "it is not there")
        return path

    def bring(self, files: Sequence[StagedFile]) -> None:
        if all(self._has(file) for file in files):
            return
        with self._locked(), ThreadPoolExecutor(_GETS_AT_ONCE, thread_name_prefix="bring") as threads:
            missing = [file for file in files if not self._has(file)]  # another process may have brought them
            for _ in threads.map(lambda file: self._fetch(file.path, file.sha256), missing):
                pass

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with disk_faults(self._shown, self._cache):
            self.root.mkdir(parents=True, exist_ok=True)
        with self._cache.locked(self._key):
            yield

    def _has(self, file: StagedFile) -> bool:
        try:
            return (self.root / file.path).stat().st_size == file.size_bytes
        except OSError:
            return False

    def _fetch(self, name: str, sha256: str) -> None:
        for _ in range(_TRIES):
            data = self._get(name)
            if data is None:
                return
            if hashlib.sha256(data).hexdigest() == sha256:
                target = self.root / name
                with disk_faults(f"{self._shown}/{name}", self._cache):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(target, data)
                return
        problem = "its bytes are not those that were staged"
        raise FetchError("wrong", f"{self._shown}/{name}", problem, hint=_MEND.format(self._shown))

    def _get(self, name: str) -> bytes | None:
        """The object's bytes; None where there is no such object. Raises FetchError."""
        import pyarrow as pa
        from pyarrow import fs

        shown = f"{self._shown}/{name}"
        if self._is_offline:
            raise FetchError("offline", shown, "the network is forbidden (EARMARK_OFFLINE)")
        try:
            filesystem: Any
            filesystem, path = fs.FileSystem.from_uri(self._url)
            with filesystem.open_input_file(f"{path.rstrip('/')}/{name}") as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowInvalid) as error:
            problem = without_secret(str(error)).splitlines()[0]
            raise FetchError("unreachable", shown, problem) from None
