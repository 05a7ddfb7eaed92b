"""One file: found in the cache, taken from where a person put it, or fetched by whoever knows its kind of place.

Knows the order of these, and what makes a file the right one; knows no protocol.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path

from earmark.errors import FetchError, UsageError
from earmark.fetching.arrival import Arrival, Wanted
from earmark.fetching.cache import Cache, Record, disk_faults, key_of
from earmark.fetching.names import Place
from earmark.fetching.values import Fetched, FetchOptions, FetchProgress, digest_of


def fetch_file(place: Place, *, sha256: str | None, size_bytes: int | None, options: FetchOptions) -> Fetched:
    """See ``earmark.fetching.fetch``."""
    wanted = Wanted(sha256.lower() if sha256 else None, size_bytes)
    if place.kind == "local":
        return _local(place, wanted)
    _check_names_a_file(place)
    cache = Cache(options.folder)
    with disk_faults(place.name, cache):
        return _Fetching(place, wanted, cache, options).fetched()


def _local(place: Place, wanted: Wanted) -> Fetched:
    path = Path(place.locator)
    if path.is_dir():
        raise UsageError(f"{place.name} is a folder, and a file is wanted")
    try:
        found = digest_of(path)
    except OSError as error:
        raise FetchError("missing", place.name, error.strerror or str(error)) from error
    if problem := wanted.problem(*found):
        raise FetchError("wrong", place.name, problem)
    return Fetched(path, place.name, "local", None, *found)


def _check_names_a_file(place: Place) -> None:
    if place.kind == "hub" and not place.file:
        raise UsageError(f"{place.name} is a whole repository, and a file is wanted", hint=f"{place.name}/FILE")
    if place.kind == "store" and place.file_name == "file":
        raise UsageError(f"{place.name} is a whole bucket, and a file is wanted", hint=f"{place.name}/FILE")


class _Fetching:
    """One call: the place, what it must be, and where it is kept."""

    def __init__(self, place: Place, wanted: Wanted, cache: Cache, options: FetchOptions) -> None:
        self._place = place
        self._wanted = wanted
        self._cache = cache
        self._options = options
        self._key = key_of(place)
        self._asked_s = time.time()

    def fetched(self) -> Fetched:
        with contextlib.suppress(FileNotFoundError):  # a clean took it just now: under the lock none does
            kept = self._cache.record(self._key)
            if kept is not None and self._is_enough(kept):
                return self._cache.fetched(kept, self._place)
        with self._cache.locked(self._key):
            kept = self._cache.record(self._key)
            if kept is not None and self._is_enough(kept):
                return self._cache.fetched(kept, self._place)
            record = self._of_known_bytes(kept) or self._put_by_hand() or self._brought(kept)
            if record != kept:
                self._cache.remember(self._key, record)
            return self._cache.fetched(record, self._place)

    def _is_enough(self, kept: Record) -> bool:
        """Whether what is kept can be used unasked: it cannot change, or it came just now, or nobody may be asked."""
        if self._wanted.problem(kept.sha256, kept.size_bytes):
            return False
        is_fixed = self._place.is_pinned or self._wanted.sha256 is not None
        return is_fixed or self._options.is_offline or kept.fetched_s >= self._asked_s

    def _of_known_bytes(self, kept: Record | None) -> Record | None:
        """The record of bytes that are here already, under whatever name they came."""
        sha256 = self._wanted.sha256
        if sha256 is None:
            return None
        self._cache.use(self._cache.blob(sha256))  # the lock of this name does not hold it yet
        if not self._cache.has(sha256):
            return None
        found = self._cache.blob(sha256).stat()
        if self._wanted.problem(sha256, found.st_size):
            return None
        revision = kept.revision if kept is not None and kept.sha256 == sha256 else self._pinned()
        return self._record(sha256, found.st_size, found.st_mtime_ns, revision)

    def _put_by_hand(self) -> Record | None:
        path = self._cache.by_hand(self._key, self._place)
        if not path.is_file():
            return None
        found = digest_of(path)
        if problem := self._wanted.problem(*found):
            raise FetchError("wrong", self._place.name, f"{path} was put there by hand: {problem}")
        return self._record(*found, self._cache.admit(path, found[0]), self._pinned())

    def _brought(self, kept: Record | None) -> Record:
        """Fetch it. Raises FetchError, which says where to put it by hand where there is no network."""
        if self._options.is_offline:
            raise self._offline()
        if kept is not None and self._wanted.problem(kept.sha256, kept.size_bytes):
            kept = None  # another version is wanted, so the server is not asked whether that one changed
        try:
            if self._place.kind == "hub" and not self._place.is_pinned:
                return self._of_branch()
            return self._right_one(kept)
        except FetchError as error:
            if error.kind == "unreachable":
                error.hint = self._advice(error.hint, kept)
            raise

    def _right_one(self, kept: Record | None) -> Record:
        """Fetch it. What is not what it must be is thrown away, tried once more, and then told."""
        problem = ""
        for previous in (kept, None):
            arrival = self._arrived(previous)
            if arrival is None and previous is not None:
                return dataclasses.replace(previous, fetched_s=time.time())
            record, problem = self._checked(arrival)
            if record is not None:
                return record
        raise FetchError("wrong", self._place.name, f"{problem}; it was fetched twice")

    def _of_branch(self) -> Record:
        """The hub's file at the commit that its branch or tag names now."""
        from earmark.fetching import hub

        place = dataclasses.replace(self._place, revision=hub.commit_of(self._place))
        _Fetching(place, self._wanted, self._cache, self._options).fetched()
        record = self._cache.record(key_of(place))
        if record is None:
            raise FetchError("disk", self._place.name, f"it was taken out of {self._cache.folder} at once")
        return dataclasses.replace(record, fetched_s=time.time())

    def _arrived(self, kept: Record | None) -> Arrival | None:
        """Have it fetched into the partial folder; None where the server says that ``kept`` is it still."""
        partial = self._cache.partial(self._key)
        if self._place.kind == "hub":
            from earmark.fetching import hub

            return hub.arrive(self._place, partial, self._options)
        if self._place.kind == "store":
            from earmark.fetching import objects

            return objects.arrive(self._place, partial, kept, self._options)
        from earmark.fetching import http

        return http.arrive(self._place, partial, kept, self._options, self._wanted)

    def _checked(self, arrival: Arrival | None) -> tuple[Record | None, str]:
        """The record of a file that is right, and else what is wrong with it."""
        if arrival is None:
            return None, "it is said not to have changed, and is not here"
        found = sha256, size_bytes = digest_of(arrival.path)
        if problem := self._wanted.problem(*found) or arrival.wanted.problem(*found) or arrival.problem:
            self._cache.drop_partial(self._key)
            return None, problem
        mtime_ns = self._cache.admit(arrival.path, sha256)
        self._cache.drop_partial(self._key)
        self._options.tell(FetchProgress(self._place.name, size_bytes, size_bytes, is_done=True))
        record = self._record(sha256, size_bytes, mtime_ns, arrival.revision)
        return dataclasses.replace(record, etag=arrival.etag, last_modified=arrival.last_modified), ""

    def _record(self, sha256: str, size_bytes: int, mtime_ns: int, revision: str | None) -> Record:
        return Record(
            name=self._place.name,
            kind=self._place.kind,
            revision=revision,
            sha256=sha256,
            size_bytes=size_bytes,
            mtime_ns=mtime_ns,
            fetched_s=time.time(),
        )

    def _pinned(self) -> str | None:
        return self._place.revision if self._place.is_pinned else None

    def _offline(self) -> FetchError:
        digest = f", SHA-256 {self._wanted.sha256}" if self._wanted.sha256 else ""
        problem = f"it is not in {self._cache.folder}, and --offline forbids to fetch it{digest}"
        return FetchError("offline", self._place.name, problem, hint=self._advice(None, None))

    def _advice(self, said: str | None, kept: Record | None) -> str:
        if kept is not None:
            day = time.strftime("%Y-%m-%d", time.gmtime(kept.fetched_s))
            return f"--offline uses the copy of {day}, SHA-256 {kept.sha256[:12]}"
        put = f"put the file at {self._cache.by_hand(self._key, self._place)}"
        return f"{said} Without one, {put}" if said else put
