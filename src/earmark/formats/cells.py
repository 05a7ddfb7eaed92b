"""What the columns of the field's tables are called, and how a cell becomes a text or seconds. It reads no file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from earmark.errors import without_secret
from earmark.records import ExtraValue

# The names that manifests of the field use, the likeliest first: ours, NeMo's, SpeechBrain's, Common Voice's. Upper
# and lower case are one.
AUDIO = ("audio", "audio_filepath", "wav", "path")
ID = ("id",)
TEXT = ("text", "reference", "sentence", "normalized_text", "transcript", "transcription", "wrd")
START = ("start", "offset")
END = ("stop", "end")
DURATION = ("duration",)
CHANNEL = ("channel",)
LANGUAGE = ("language", "lang", "locale")
SPEAKER = ("speaker", "spk_id", "speaker_id", "client_id")

_MOST_CHANNEL = 2**31 - 1  # what a column of channels holds


def by_lower_case(names: Iterable[str]) -> dict[str, str]:
    """Map the lower case of each name to the first one that has it."""
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(name.lower(), name)
    return known


def as_text(row: Mapping[str, Any], column: str | None) -> str | None:
    """Read the text in a column; a number becomes the text that Python prints, and NaN (pandas' null) is none.

    Raises ValueError for anything else.
    """
    value = row.get(column) if column is not None else None
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{column!r} holds {_kind(value)}, where text is expected")


def as_seconds(row: Mapping[str, Any], column: str | None) -> float | None:
    """Read the seconds in a column, a number or its text. Raises ValueError for less than 0, NaN and anything else."""
    value = row.get(column) if column is not None else None
    if value is None or value == "":
        return None
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        seconds = _number(value)
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    raise ValueError(f"{column!r} holds {_shown(value)}, where seconds are expected")


def as_channel(row: Mapping[str, Any], column: str | None) -> int | None:
    """Read the number of a channel, from 0. Raises ValueError for anything else."""
    seconds = as_seconds(row, column)
    if seconds is not None and not (seconds.is_integer() and seconds <= _MOST_CHANNEL):
        raise ValueError(f"{column!r} holds {seconds:g}, where a channel (0, 1, ...) is expected")
    return None if seconds is None else int(seconds)


def as_extra(value: Any) -> ExtraValue:  # noqa: ANN401  # another tool's column may hold anything
    """Keep a column that means nothing to us: scalars as they are, nested values as JSON text, others as text.

    A URL loses its secrets.
    """
    if isinstance(value, str):
        return without_secret(value)
    if value is None or isinstance(value, int | bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict | list):
        return without_secret(json.dumps(value, ensure_ascii=False, default=str))
    return f"{len(value)} bytes" if isinstance(value, bytes) else without_secret(str(value))


def _number(value: str | float) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _shown(value: object) -> str:
    return without_secret(repr(value))[:50] if isinstance(value, str | int | float) else _kind(value)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", bytes: "bytes"}
    return names.get(type(value), f"a {type(value).__name__}")
