"""The files of a place, by their paths, without fetching any of them.

What a commit of the hub holds never changes, so it is asked for once and kept in the cache. Paths come from strangers.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from earmark.errors import FetchError, UsageError
from earmark.fetching.cache import Cache, disk_faults, key_of, write_whole
from earmark.fetching.hub import RepoFile, commit_of, listing
from earmark.fetching.names import Place
from earmark.fetching.values import FetchOptions


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """What a repository holds at ``commit``, 40 hex digits: its files, sorted by path."""

    commit: str
    files: tuple[RepoFile, ...]


def list_repository(place: Place, options: FetchOptions) -> Listing:
    """See ``earmark.fetching.list_files``."""
    if place.kind != "hub" or place.file:
        raise UsageError(f"{place.name} is no repository of the hub", hint="hf:datasets/OWNER/NAME[@REVISION]")
    cache = Cache(options.folder)
    with disk_faults(place.name, cache):
        if place.is_pinned or options.is_offline:
            if kept := _kept(_path(cache, place)):
                return kept
            if options.is_offline:
                problem = f"what it holds is not in {cache.folder}, and --offline forbids to ask"
                raise FetchError("offline", place.name, problem, hint="the same command once with a network keeps it")
        return _asked(cache, place)


def list_place(place: Place, options: FetchOptions) -> tuple[str, ...]:
    """See ``earmark.fetching.list_names``."""
    if place.kind == "hub":
        below = f"{place.file}/" if place.file else ""
        files = list_repository(dataclasses.replace(place, file=""), options).files
        return tuple(file.path.removeprefix(below) for file in files if file.path.startswith(below))
    if place.kind == "store":
        if options.is_offline:
            raise FetchError("offline", place.name, "--offline forbids to ask what is below it")
        from earmark.fetching.objects import listing as below_prefix

        return tuple(one.path for one in below_prefix(place))
    if place.kind == "local":
        return tuple(sorted(one.name for one in Path(place.locator).iterdir()))
    raise UsageError(f"{place.name} is no folder", hint="hf:OWNER/NAME[@REVISION], s3://BUCKET/PREFIX")


def _asked(cache: Cache, place: Place) -> Listing:
    commit = place.revision if place.is_pinned and place.revision else commit_of(place)
    pinned = dataclasses.replace(place, revision=commit)
    found = _kept(_path(cache, pinned)) or Listing(commit, tuple(listing(pinned)))
    facts = json.dumps([commit, [dataclasses.astuple(file) for file in found.files]]).encode()
    for path in {_path(cache, pinned), _path(cache, place)}:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, facts)
    return found


def _path(cache: Cache, place: Place) -> Path:
    return cache.folder / "listings" / f"{key_of(place, 'listing')}.json"


def _kept(path: Path) -> Listing | None:
    try:
        commit, files = json.loads(path.read_bytes())
        return Listing(commit, tuple(RepoFile(*file) for file in files))
    except (OSError, ValueError, TypeError):
        return None
