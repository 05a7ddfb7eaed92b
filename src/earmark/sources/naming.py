"""What a name of data says by itself: whether it is elsewhere, and ``PATH[:SPLIT][@DEVICE]``. It reads nothing."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable

from earmark.errors import UnknownNameError

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3"})
MANIFEST_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
_REMOTE = re.compile(r"(?:s3|gs|https?)://|hf:", re.IGNORECASE)
_TABLE = re.compile(r"[^?#]*\.(?:jsonl|json|csv|tsv|parquet)(?:[?#].*)?", re.IGNORECASE | re.DOTALL)


def is_remote(name: str) -> bool:
    """Whether ``name`` is a URL, or a name on the hub."""
    return _REMOTE.match(name) is not None


def is_remote_manifest(name: str) -> bool:
    """Whether ``name`` is a manifest elsewhere. Parquet on the hub is none: it holds audio, and is a data set's own."""
    is_hub_parquet = name.lower().startswith("hf:") and name.lower().endswith(".parquet")
    return is_remote(name) and _TABLE.fullmatch(name) is not None and not is_hub_parquet


def without_device(name: str) -> tuple[str, str | None]:
    """Split ``PATH@DEVICE`` into the two; the device is None where there is none. What exists is a path as it is."""
    path, at, device = name.rpartition("@")
    if not at or "/" in device or ":" in device or not path or os.path.exists(name):  # noqa: PTH110  # a Path raises for long names
        return name, None
    return path, device


def without_split(name: str) -> tuple[str, str | None]:
    """Split ``PATH:SPLIT`` into the two; the split is None where there is none. What exists is a path as it is."""
    path, colon, split = name.rpartition(":")
    if not colon or "/" in split or not path or os.path.exists(name):  # noqa: PTH110  # see above
        return name, None
    return path, split


def likely(names: Iterable[str]) -> str:
    """Of several names the one that a hint proposes: a test set, or the first. There must be one."""
    known = sorted(names)
    return next((name for name in known if "test" in name), known[0])


def known_split(kind: str, split: str, known: Iterable[str]) -> str:
    """Give ``split`` back. Raises UnknownNameError, which lists the known ones, where it is none of them."""
    known = list(known)
    if split not in known:
        raise UnknownNameError(kind, split, known)
    return split
