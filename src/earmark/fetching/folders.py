"""Whole folders: a local one as it is, a repository of the hub at a commit, or what is below a prefix of a store.

Each file is fetched by itself and kept by its content, so a kill costs one file; the folder appears when all are there.
Its paths come from strangers: none may lead out of it.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import json
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from earmark.errors import FetchError, UsageError
from earmark.fetching.cache import Cache, disk_faults, key_of, link, sync_folder, write_whole
from earmark.fetching.files import fetch_file
from earmark.fetching.names import Place
from earmark.fetching.values import Fetched, FetchedFolder, FetchOptions, FetchProgress, digest_of

_AT_ONCE = 4
_NO_URL = "a folder is ./FOLDER here, or hf:OWNER/NAME; an archive is unpacked by hand first"


@dataclasses.dataclass(frozen=True, slots=True)
class _Member:
    """A file of a folder: where it goes, where it comes from, and what it must be."""

    path: str
    place: Place
    size_bytes: int | None = None
    sha256: str | None = None


def fetch_whole_folder(place: Place, *, patterns: tuple[str, ...], options: FetchOptions) -> FetchedFolder:
    """See ``earmark.fetching.fetch_folder``."""
    if place.kind == "url":
        raise UsageError(f"{place.name} is no folder", cause="a URL names one file", hint=_NO_URL)
    if place.kind == "local":
        return _local(place)
    cache = Cache(options.folder)
    with disk_faults(place.name, cache):
        return _Snapshot(place, patterns, cache, options).fetched()


def _local(place: Place) -> FetchedFolder:
    path = Path(place.locator)
    if path.is_dir():
        return FetchedFolder(path, place.name, "local", None)
    if path.exists():
        raise UsageError(f"{place.name} is a file, and a folder is wanted")
    raise FetchError("missing", place.name, "there is no such folder")


class _Snapshot:
    """One call: the folder, the files that are wanted of it, and where it is kept."""

    def __init__(self, place: Place, patterns: tuple[str, ...], cache: Cache, options: FetchOptions) -> None:
        self._place = place
        self._patterns = patterns
        self._cache = cache
        self._options = options
        self._key = key_of(place, "folder", *patterns)

    def fetched(self) -> FetchedFolder:
        place = self._place
        if place.kind == "hub" and (place.is_pinned or self._options.is_offline) and (kept := self._kept(self._key)):
            return kept
        by_hand = self._cache.by_hand(self._key, place)
        if by_hand.is_dir():
            return FetchedFolder(by_hand, place.name, place.kind, place.revision if place.is_pinned else None)
        if self._options.is_offline:
            if kept := self._kept(self._key):
                return kept
            problem = f"it is not in {self._cache.folder}, and --offline forbids to fetch it"
            raise FetchError("offline", place.name, problem, hint=f"put the folder at {by_hand}")
        try:
            return self._brought()
        except FetchError as error:
            if error.kind == "unreachable" and place.name == error.name:
                error.hint = self._advice(by_hand)
            raise

    def _advice(self, by_hand: Path) -> str:
        if self._kept(self._key):
            return "--offline uses the copy that is here"
        return f"is there a network? Without one, put the folder at {by_hand}"

    def _brought(self) -> FetchedFolder:
        revision = self._place.revision
        if self._place.kind == "hub":
            from earmark.fetching import hub

            revision = revision if self._place.is_pinned else hub.commit_of(self._place)
            key = key_of(dataclasses.replace(self._place, revision=revision), "folder", *self._patterns)
            members = [] if self._kept(key) else self._of_hub(str(revision))
        else:
            members = self._of_store()
            facts = json.dumps([(one.path, one.place.revision) for one in members]).encode()
            key, revision = key_of(self._place, "folder", *self._patterns, hashlib.sha256(facts).hexdigest()), None
        with self._cache.locked(key):
            kept = self._kept(key)
            if kept is None:
                self._assemble(key, revision, members or self._of_hub(str(revision)))
                kept = self._kept(key)
        if kept is None:
            raise FetchError("disk", self._place.name, f"it was taken out of {self._cache.folder} at once")
        if key != self._key:
            write_whole(self._facts(self._key), json.dumps({"same_as": key, "fetched_s": time.time()}).encode())
        return kept

    def _of_hub(self, commit: str) -> list[_Member]:
        from earmark.fetching import hub

        place = dataclasses.replace(self._place, revision=commit, file="")
        whole = f"hf:{place.locator.removeprefix('models/')}@{commit}"
        base = f"{self._place.file}/" if self._place.file else ""
        return self._chosen(
            _Member(
                path=one.path.removeprefix(base),
                place=Place("hub", f"{whole}/{one.path}", place.locator, commit, one.path),
                size_bytes=one.size_bytes,
                sha256=one.sha256,
            )
            for one in hub.listing(place)
            if one.path.startswith(base)
        )

    def _of_store(self) -> list[_Member]:
        from earmark.fetching import objects

        return self._chosen(
            _Member(
                path=one.path,
                place=Place(
                    "store",
                    _below(self._place.name, one.path),
                    _below(self._place.locator, one.path),
                    revision=f"{one.size_bytes} {one.written_ns}",  # the version that was listed
                    user=self._place.user,
                ),
                size_bytes=one.size_bytes,
            )
            for one in objects.listing(self._place)
        )

    def _chosen(self, members: Iterable[_Member]) -> list[_Member]:
        """Those that the patterns choose. Raises FetchError for a path that leads out, and where nothing is left."""
        chosen = [
            one
            for one in members
            if not self._patterns or any(fnmatch.fnmatchcase(one.path, pattern) for pattern in self._patterns)
        ]
        if not chosen:
            matching = f" that matches {' or '.join(self._patterns)}" if self._patterns else ""
            raise FetchError("missing", self._place.name, f"there is no file below it{matching}")
        files = {one.path for one in chosen}
        for path in files:
            parts = path.split("/")
            if any(part in ("", ".", "..") or "\0" in part for part in parts):
                raise FetchError("server", self._place.name, f"the path {path!r} in it leads elsewhere")
            if any("/".join(parts[:depth]) in files for depth in range(1, len(parts))):
                raise FetchError("server", self._place.name, f"{path!r} is below what is a file")
        return chosen

    def _assemble(self, key: str, revision: str | None, members: Sequence[_Member]) -> None:
        """Fetch every file, link them into a folder with a temporary name, and rename it."""
        files = self._all(members)
        target = self._cache.snapshot(key)
        temporary = target.with_name(f".tmp-{secrets.token_hex(6)}")
        try:
            temporary.mkdir()
            for member, file in zip(members, files, strict=True):
                path = temporary / member.path
                path.parent.mkdir(parents=True, exist_ok=True)
                link(self._cache.blob(file.sha256), path)
            if target.exists():
                shutil.rmtree(target)  # left by a kill before its record was written
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        sync_folder(target.parent)
        rows = [
            [one.path, (target / one.path).stat().st_mtime_ns, file.revision, file.sha256, file.size_bytes]
            for one, file in zip(members, files, strict=True)
        ]
        write_whole(
            self._facts(key), json.dumps({"name": self._place.name, "revision": revision, "files": rows}).encode()
        )

    def _all(self, members: Sequence[_Member]) -> list[Fetched]:
        """Every file, in order, a few at a time. The first that cannot be had ends it, and so does Ctrl-C."""
        is_over = threading.Event()

        def tell(progress: FetchProgress) -> None:
            if is_over.is_set():  # or a file of gigabytes would be waited for
                raise FetchError("broken", progress.name, "it was stopped")
            self._options.tell(progress)

        options = dataclasses.replace(self._options, progress=tell)

        def one(member: _Member) -> Fetched:
            return fetch_file(member.place, sha256=member.sha256, size_bytes=member.size_bytes, options=options)

        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            return list(pool.map(one, members))
        finally:
            is_over.set()
            pool.shutdown(cancel_futures=True)

    def _facts(self, key: str) -> Path:
        return self._cache.snapshot(key).with_suffix(".json")

    def _name_of(self, path: str) -> str:
        name = self._place.name
        return _below(name, path) if self._place.kind == "store" else f"{name.rstrip('/')}/{path}"

    def _kept(self, key: str) -> FetchedFolder | None:
        """The folder that is whole in the cache; a file whose size or time is not as it was is read again."""
        try:
            facts = json.loads(self._facts(key).read_bytes())
            if "same_as" in facts:  # what a branch led to
                return self._kept(facts["same_as"])
            base = self._cache.snapshot(key)
            self._cache.use(base)
            files = tuple(
                Fetched(base / path, self._name_of(path), self._place.kind, *rest) for path, _, *rest in facts["files"]
            )
            for one in files:
                if one.path.is_symlink():  # the disk has no hard links, so the blob is all there is
                    self._cache.use(self._cache.blob(one.sha256))
            is_whole = all(_is_sound(one, row[1]) for one, row in zip(files, facts["files"], strict=True))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return FetchedFolder(base, self._place.name, self._place.kind, facts["revision"], files) if is_whole else None


def _below(url: str, path: str) -> str:
    """The URL of the object at ``path`` below a prefix, with the query that says where the store is."""
    address, question, query = url.partition("?")
    return f"{address.rstrip('/')}/{quote(path)}{question}{query}"


def _is_sound(file: Fetched, mtime_ns: int) -> bool:
    found = file.path.stat()
    is_untouched = (found.st_size, found.st_mtime_ns) == (file.size_bytes, mtime_ns)
    return is_untouched or digest_of(file.path)[0] == file.sha256
