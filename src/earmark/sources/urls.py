"""Which words for data may be URLs, and where the audio of a row is recorded. It reads and fetches nothing."""

from __future__ import annotations

import hashlib
import os.path
import re
from collections.abc import Callable

from earmark.errors import UsageError, without_secret
from earmark.fetching import resolve
from earmark.redaction import without_user
from earmark.sources.naming import is_remote

_URL = re.compile(r"(?:(?P<prefix>[a-z][a-z0-9_-]+):)?(?P<scheme>[a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_TAKEN = "https:, s3: and gs: name a manifest, without a prefix; s3: and gs: a staged set"
_DIGITS = 32
_SUFFIX = 40
_URLS, _REFUSED, _PATHS = _OURS = ("urls", "refused", "paths")
_ROOTS = "--audio-root FOLDER, https:, s3:, gs: or hf:OWNER/NAME"


def refuse_strange_urls(data: str, audio_root: str | None, is_of_this_machine: Callable[[str], bool]) -> None:
    """Raise UsageError for a URL where none is taken, or of a scheme that nothing is fetched from.

    ``is_of_this_machine`` says whether a prefix is of a source that reads paths only.
    """
    match = _URL.match(data)
    if match and not _exists(data):
        if match["prefix"] is None and not is_remote(data):
            raise UsageError(f"no data are fetched from {match['scheme']}:", cause=f"asked for {data}", hint=_TAKEN)
        if match["prefix"] is not None and is_of_this_machine(match["prefix"]):
            raise UsageError(
                f"{match['prefix']}: takes no URL, but a path here", cause=f"asked for {data}", hint=_TAKEN
            )
    root = _URL.match(audio_root or "")
    if root and audio_root and not is_remote(audio_root) and not _exists(audio_root):
        raise UsageError(f"no audio is fetched from {root['scheme']}:", cause=f"asked for {audio_root}", hint=_ROOTS)


def recorded_id(utterance_id: str) -> str:
    """An id as it may be recorded: without the secrets of a URL in it, and still another than those of other URLs."""
    shown = without_secret(utterance_id)
    return utterance_id if shown == utterance_id else f"{shown}~{url_digest(utterance_id)}"


def url_digest(url: str) -> str:
    """What tells one URL from all others, and nothing of its user part."""
    return hashlib.sha256(without_user(url).encode()).hexdigest()[:_DIGITS]


def place_of(uri: str) -> str:
    """Where the audio of a row is below the folder of links. What two rows name differently is never one place.

    A path is its own place, but one that begins as a place of ours does is ``paths/PATH``. Two URLs that differ by
    their query are two. Raises UsageError for what is no URL and seems one.
    """
    if is_remote(uri):
        return f"{_URLS}/{url_digest(uri)}-{resolve(uri).file_name[-_SUFFIX:]}"
    first = next((part for part in uri.split("/") if part not in ("", ".")), "")
    return f"{_PATHS}/{uri}" if first.lower() in _OURS else uri  # some disks take capitals for small letters


def refused_place(uri: str) -> str:
    """Where the audio of a row that is not followed would be: nothing is ever put there, whatever another row says."""
    return f"{_REFUSED}/{url_digest(uri)}-{re.sub(r'[^A-Za-z0-9.-]', '_', without_secret(uri))[-_SUFFIX:]}"


def _exists(name: str) -> bool:
    return os.path.exists(name)  # noqa: PTH110  # a Path raises for long names
