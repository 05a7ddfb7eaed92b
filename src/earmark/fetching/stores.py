"""The clients of object stores: one for each bucket and server in a process, and what they raise in our words.

Addresses and keys come from where the client looks for them: the URL, its query, and the usual variables, among them
AWS_ENDPOINT_URL and CLOUD_STORAGE_EMULATOR_ENDPOINT. Knows no file.
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from earmark.errors import UsageError, first_line, without_secret

_NUM_CLIENTS = 32
_RETRY_S = 30
_VARIABLES = ("AWS_", "GOOGLE_", "CLOUDSDK_", "CLOUD_STORAGE_")
_LOCK = threading.Lock()
_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, give a key",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS names the file of a key; gs://anonymous@BUCKET/... asks without one",
}
_SERVER = {"s3": "AWS_ENDPOINT_URL", "gs": "CLOUD_STORAGE_EMULATOR_ENDPOINT"}
_WHERE = {scheme: f"{name} names another server; is there a network?" for scheme, name in _SERVER.items()}
_BUCKET = {scheme: f"is its name right? {name} names another server" for scheme, name in _SERVER.items()}
_REGION = {"s3": "AWS_DEFAULT_REGION, or ?region= in the URL"}
_QUOTED = re.compile(r"'[^']*'")
_REFUSED = (
    r"ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH|INVALID_SIGNATURE|TOKEN|MISSING_AUTHENTICATION"
    r"|HTTP status 40[013]|PERMISSION_DENIED|UNAUTHENTICATED|credential|OAuth2"
)


@dataclass(frozen=True, slots=True)
class StoreFault:
    """What went wrong with a store: ``kind`` is a FetchError's, the others are its cause and its hint."""

    kind: str
    problem: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class _Fault:
    """What a client's words that match ``pattern`` mean; ``hints`` are by scheme."""

    pattern: str
    kind: str
    problem: str
    hints: dict[str, str]


_FAULTS = (
    # What the client of gs: calls unavailable, too, so it comes first.
    _Fault(
        r"Could not create a OAuth2 access token",
        "denied",
        "no key was found that its server could be asked with",
        _KEYS,
    ),
    _Fault(
        r"NETWORK_CONNECTION|REQUEST_TIMEOUT|UNAVAILABLE|DEADLINE_EXCEEDED|curl",
        "unreachable",
        "its server does not answer",
        _WHERE,
    ),
    _Fault(
        r"HTTP status 30[1278]|PermanentRedirect|AuthorizationHeaderMalformed",
        "server",
        "its bucket is in another region",
        _REGION,
    ),
    _Fault(_REFUSED, "denied", "its server refuses: no key, or one that may not", _KEYS),
    _Fault(
        r"NO_SUCH_BUCKET|bucket '[^']*' not found|NOT_FOUND|HTTP status 404",
        "missing",
        "there is no such bucket",
        _BUCKET,
    ),
)
"""The first whose pattern is found holds."""


def client_of(url: str, user: str | None = None) -> tuple[Any, str]:
    """The client for an ``s3:`` or ``gs:`` URL, and the path in it: ``BUCKET/KEY``, where the key is no longer quoted.

    ``user`` is a user part for a URL without one. Raises UsageError for what the client takes for no URL, and OSError
    where it asks for the region of a bucket and there is no answer.
    """
    parts = urlsplit(url)
    own, _, bucket = parts.netloc.rpartition("@")
    name = f"{own or user}@{bucket}" if own or user else bucket
    root = parts._replace(netloc=name, path="", query=_bounded(parts.scheme, parts.query), fragment="").geturl()
    variables = tuple(sorted(one for one in os.environ.items() if one[0].startswith(_VARIABLES)))
    with _LOCK:
        return _client(root, variables), f"{bucket}{unquote(parts.path)}"


def _bounded(scheme: str, query: str) -> str:
    """The query, in which the client of ``gs:`` is told not to try for a quarter of an hour."""
    if scheme.lower() != "gs" or "retry_limit_seconds" in query:
        return query
    return f"{query}{'&' if query else ''}retry_limit_seconds={_RETRY_S}"


@lru_cache(_NUM_CLIENTS)
def _client(root: str, variables: tuple[tuple[str, str], ...]) -> Any:  # noqa: ANN401  # pyarrow has no types
    del variables  # with others, a client looks elsewhere
    try:
        return fs.FileSystem.from_uri(root)[0]
    except pa.ArrowInvalid as error:
        raise UsageError(f"cannot use {without_secret(root)}", cause=first_line(error)) from None


def store_fault(error: Exception, url: str) -> StoreFault:
    """Say in our words what a client raised for ``url``."""
    scheme = urlsplit(url).scheme.lower()
    said = first_line(error)
    words = _QUOTED.sub("''", said)  # a key may be called anything
    if isinstance(error, FileNotFoundError):
        return StoreFault("missing", "there is no such object", None)
    if isinstance(error, PermissionError):
        words = "ACCESS_DENIED"
    for fault in _FAULTS:
        if re.search(fault.pattern, words, re.IGNORECASE):
            return StoreFault(fault.kind, fault.problem, fault.hints.get(scheme))
    return StoreFault("server", f"its server answers: {said}", None)


def no_bucket(bucket: str, url: str) -> StoreFault:
    """What to say where the whole bucket is not on the server of ``url``."""
    hint = _BUCKET.get(urlsplit(url).scheme.lower())
    return StoreFault("missing", f"there is no bucket {bucket!r} on its server", hint)
