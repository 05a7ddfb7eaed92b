"""Files from anywhere, fetched once: a local path, the Hugging Face hub, a URL or an object store.

Knows names, digests and a cache; knows no audio and no model. Nothing is imported that speaks to a network until a
name needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from earmark.fetching.names import Place, resolve
from earmark.fetching.values import Fetched, FetchedFolder, FetchOptions, FetchProgress, PlaceKind

if TYPE_CHECKING:
    from earmark.fetching.listing import Listing

__all__ = [
    "FetchOptions",
    "FetchProgress",
    "Fetched",
    "FetchedFolder",
    "Place",
    "PlaceKind",
    "fetch",
    "fetch_folder",
    "list_files",
    "list_names",
    "resolve",
]


def fetch(
    name: str,
    *,
    sha256: str | None = None,
    size_bytes: int | None = None,
    options: FetchOptions = FetchOptions(),  # noqa: B008  # frozen
) -> Fetched:
    """One file called ``name`` (see ``resolve``), whole and checked, on this machine.

    A local file stays where it is. Any other is kept in the cache by its content, and fetched by one process at a time.
    ``sha256`` (hex) and ``size_bytes`` are what it must have: a copy in the cache with this digest needs no network; a
    download without it is thrown away, tried once more, then told.

    A hub file is ``hf:owner/name[@revision]/file`` of a model and ``hf:datasets/owner/name[@revision]/file`` of a data
    set; a revision that is no commit is looked up each time. A URL is asked each time whether its file changed.

    Raises UsageError for a name that cannot be one file, and FetchError, whose ``kind`` says what went wrong.
    """
    from earmark.fetching.files import fetch_file

    return fetch_file(resolve(name), sha256=sha256, size_bytes=size_bytes, options=options)


def fetch_folder(
    name: str,
    *,
    patterns: Sequence[str] = (),
    options: FetchOptions = FetchOptions(),  # noqa: B008  # frozen
) -> FetchedFolder:
    """The folder called ``name``: a local one as it is, a hub repository at a commit, or an object store's prefix.

    ``hf:owner/name[@revision][/folder]`` takes all of the repository, or one folder of it. ``patterns`` choose files by
    their path in the folder, as the shell does (``*`` also matches ``/``); none: all. A local folder is never filtered.
    What is fetched is kept in the cache under its identity, whole or not at all. A URL is no folder: UsageError.

    Raises UsageError and FetchError like ``fetch``.
    """
    from earmark.fetching.folders import fetch_whole_folder

    return fetch_whole_folder(resolve(name), patterns=tuple(patterns), options=options)


def list_files(name: str, *, options: FetchOptions = FetchOptions()) -> Listing:  # noqa: B008  # frozen
    """The commit that ``hf:datasets/owner/name[@revision]`` names now, and all files in it; none of them is fetched.

    A revision that is no commit is looked up each time, but with ``offline`` it is what it was when last asked.

    Raises UsageError for what is no repository of the hub, and FetchError.
    """
    from earmark.fetching.listing import list_repository

    return list_repository(resolve(name), options)


def list_names(name: str, *, options: FetchOptions = FetchOptions()) -> tuple[str, ...]:  # noqa: B008  # frozen
    """The paths of what is in a folder, relative to it: of a local one only its own entries, of others all below.

    ``hf:owner/name[@revision][/folder]`` is asked as ``list_files`` does, ``s3:`` and ``gs:`` each time.

    Raises UsageError for a URL, FetchError, and OSError for a local folder that cannot be read.
    """
    from earmark.fetching.listing import list_place

    return list_place(resolve(name), options)
