"""What may be shown and recorded of a URL: one rule, for messages, records, tables and names.

A user part never is. Of a query only pairs are that say nothing but which server, which version or which form: any
other may be a key or a signature, whatever it is called, so what is harmless is listed, and not what is secret.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

HIDDEN = "..."
"""Stands for all that was left out of a query, or for an address that cannot be taken apart."""

_USER_WITH_A_SPACE = (
    r"[^/?#\s:]*+(?::(?!//)[^/?#\s]*+[^\S\n]|[^\S\n][^/?#\n:]*+:(?!//))"  # a colon and a space, before any path
    r"(?:(?!://)[^\n])*@\S*"  # and to the last @ that may be of it
)
_URL = re.compile(rf"([\w+.-]*)://({_USER_WITH_A_SPACE}|\S+)")
_OF_BUCKETS = ("s3", "gs")
_AFTER_A_URL = "'\",;:)]}>"
_HARMLESS_KEYS = frozenset({
    "scheme", "region", "endpoint_override", "allow_bucket_creation", "allow_bucket_deletion",
    "retry_limit_seconds", "project_id", "version", "versionid", "generation", "revision", "rev", "ref", "v",
    "alt", "format", "download", "dl", "raw", "lang", "split", "size", "page",
})  # fmt: skip
_SECRET_NAME = re.compile(
    r"password|passwd|passphrase|secret|credential|api_?key|token(?!iz)|(?<![a-z])(?:keys?|pass|pat|auth|cookie)(?![a-z])",
    re.IGNORECASE,
)
_HARMLESS_VALUE = re.compile(r"[\w.:/+-]{0,80}")


def without_secret(text: str) -> str:
    """The text, in which each URL is as it may be shown."""
    return _URL.sub(_shown, text) if "://" in text else text


def _shown(found: re.Match[str]) -> str:
    scheme, written = found.groups()
    rest = written.rstrip(_AFTER_A_URL)
    after = written[len(rest) :]
    parts = _split(scheme, rest)
    if parts is None:
        return f"{scheme}://{HIDDEN}{after}"
    # An empty one keeps its mark: without it, what follows could be taken for a part of the server.
    query = f"?{_shown_query(parts.query)}" if "?" in rest.partition("#")[0] else ""
    fragment = f"#{HIDDEN}" if "#" in rest else ""
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}{without_secret(parts.path)}{query}{fragment}{after}"


def _split(scheme: str, rest: str) -> SplitResult | None:
    """The parts of a URL; None where a secret could be anywhere in it."""
    try:
        parts = urlsplit(f"x://{rest}")._replace(scheme=scheme)
        _ = parts.port  # "key:sec" of "key:sec/ret@bucket" has none, and is no server
    except ValueError:
        return None
    return None if is_unclear(parts) else parts


def is_unclear(parts: SplitResult) -> bool:
    """Whether what looks like a server and its port may be a user and the beginning of a password.

    So of ``key:/secret@bucket`` and ``me:12/secret@host``: a port may be empty. No bucket has a port.
    """
    server = parts.netloc.rpartition("@")[2]
    return ":" in server and (
        parts.scheme.lower() in _OF_BUCKETS or any("@" in one for one in (parts.path, parts.query, parts.fragment))
    )


def _shown_query(query: str) -> str:
    """The harmless pairs, as they were written, and a mark where there were others."""
    pairs = query.split("&")
    shown = [pair for pair in pairs if _is_harmless(pair)]
    return "&".join(shown if len(shown) == len(pairs) else [*shown, HIDDEN])


def _is_harmless(pair: str) -> bool:
    (key, value), *_ = parse_qsl(pair, keep_blank_values=True) or [("", "")]
    return key.lower() in _HARMLESS_KEYS and "=" in pair and _HARMLESS_VALUE.fullmatch(value) is not None


def is_secret_name(name: str) -> bool:
    """Whether what is called so, such as a variable of the environment, is a secret by its name."""
    return _SECRET_NAME.search(name) is not None


def without_user(url: str) -> str:
    """One URL without its user part, but with all of its query: what it is told from others by, and shown to nobody."""
    scheme, mark, rest = url.partition("://")
    parts = _split(scheme, rest)
    if parts is None:
        return url
    return f"{scheme}{mark}{parts.netloc.rpartition('@')[2]}{rest[len(parts.netloc) :]}"
