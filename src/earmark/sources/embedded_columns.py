"""Which column of a table with embedded audio says what, as ``datasets`` writes them. It reads no file.

An audio column is a struct of ``bytes`` and ``path``. Times of such a table (``start``, ``duration``) are extras: they
may be of the recording that the clip was cut from, in any unit, and the clip itself says how long it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import pyarrow as pa

from earmark.formats.cells import (
    AUDIO,
    ID,
    LANGUAGE,
    SPEAKER,
    as_extra,
    as_text,
    by_lower_case,
)
from earmark.records import AudioRef, Utterance
from earmark.sources.columns import text_column
from earmark.sources.options import SourceOptions


def audio_column(schema: pa.Schema) -> str | None:
    """Find the column with embedded audio: the likeliest name first, then the first one; None where there is none."""
    kinds = _features(schema)
    found = [
        name for name, kind in zip(schema.names, schema.types, strict=True)
        if _is_audio(kind) and kinds.get(name, "Audio") == "Audio"
    ]  # fmt: skip
    known = by_lower_case(found)
    return next((known[name] for name in AUDIO if name in known), next(iter(found), None))


def _is_audio(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind):
        return False
    fields = {field.name: field.type for field in kind}
    return "bytes" in fields and (pa.types.is_binary(fields["bytes"]) or pa.types.is_large_binary(fields["bytes"]))


def _features(schema: pa.Schema) -> dict[str, str]:
    """What ``datasets`` says of each column: an image is a struct of the same fields."""
    try:
        facts = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        return {
            name: str(feature["_type"]) for name, feature in facts["info"]["features"].items() if "_type" in feature
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


@dataclass(frozen=True, slots=True)
class EmbeddedColumns:
    """The names of the columns by what they hold; None where there is no such column. ``audio`` is read by itself."""

    audio: str
    id: str | None
    text: str | None
    language: str | None
    speaker: str | None
    extra: tuple[str, ...]

    @classmethod
    def find(cls, path: str, schema: pa.Schema, options: SourceOptions) -> Self:
        """Find them. Raises ValueError without audio, and MissingColumnError where there is no reference."""
        audio = audio_column(schema)
        if audio is None:
            raise ValueError(f"no column with the bytes of audio; the columns are {', '.join(schema.names)}")
        kinds = dict(zip(schema.names, schema.types, strict=True))
        readable = [name for name in schema.names if name != audio and _is_readable(kinds[name])]
        known = by_lower_case(readable)
        # A number is often that of the sentence, which several speakers read.
        id_ = next((known[name] for name in ID if name in known and pa.types.is_string(kinds[known[name]])), None)
        text = text_column(path, readable, options)
        language, speaker = (
            next((known[name] for name in names if name in known), None) for names in (LANGUAGE, SPEAKER)
        )
        used = {id_, text, language, speaker}
        return cls(audio, id_, text, language, speaker, tuple(name for name in readable if name not in used))

    @property
    def others(self) -> list[str]:
        """All of them but the audio."""
        named = (self.id, self.text, self.language, self.speaker)
        return [*(name for name in named if name is not None), *self.extra]

    def utterance(self, uri: str, own_id: str, row: Mapping[str, Any], options: SourceOptions) -> Utterance:
        """Make the utterance of a row; ``own_id`` is for a row without one. Raises ValueError."""
        return Utterance(
            as_text(row, self.id) or own_id,
            AudioRef(uri, channel=options.channel),
            as_text(row, self.text),
            as_text(row, self.language) or options.language,
            as_text(row, self.speaker),
            {name: as_extra(row[name]) for name in self.extra},
        )


def _is_readable(kind: pa.DataType) -> bool:
    """Whether it becomes a text, a number or short JSON. Arrays of arrays and bytes are pictures, vectors and such."""
    if pa.types.is_struct(kind):
        return all(not pa.types.is_nested(field.type) and _is_readable(field.type) for field in kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return bool(pa.types.is_string(kind.value_type) or pa.types.is_integer(kind.value_type))
    is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return not (is_bytes or pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType))
