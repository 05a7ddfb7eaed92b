"""A manifest's columns as columns of utterances, without an object an utterance. It reads no file.

The truth is ``RowReader``: whatever is not surely what it would say of each row is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from earmark.formats.cells import as_channel, as_seconds, as_text
from earmark.records import AudioRef
from earmark.sources.base import STATED
from earmark.sources.columns import RowReader
from earmark.sources.json_columns import URL_MARK, json_objects

if TYPE_CHECKING:
    from earmark.formats.row_chunks import RowChunk
    from earmark.records import Utterance
    from earmark.sources.options import SourceOptions

Column: TypeAlias = "pa.Array | Sequence[Any]"

_KINDS = {str: pa.string(), int: pa.int64(), float: pa.float64()}


def utterance_chunks(
    chunks: Iterable[RowChunk], path: str, options: SourceOptions
) -> Iterator[pa.RecordBatch | list[Utterance]]:
    """The utterances of a manifest's rows, as ``ColumnSource.chunks`` gives them.

    Raises MissingColumnError, or ManifestError with the line for a bad value.
    """
    reader = RowReader(path, options)
    for chunk in chunks:
        batch = None if chunk.columns is None else _by_column(chunk.columns, reader, options)
        if batch is not None:
            yield batch
        elif utterances := [reader.utterance(number, row) for number, row in chunk.rows()]:
            yield utterances


def _by_column(columns: Mapping[str, Column], reader: RowReader, options: SourceOptions) -> pa.RecordBatch | None:
    """A record batch of ``STATED``; None where a row must be looked at by itself."""
    try:
        found, known = reader.layout(tuple(columns))
        audio, utterance_id = _texts(columns, found.audio), _texts(columns, found.id)
        start_s, duration_s = _seconds(columns, found.start), _seconds(columns, found.duration)
        stated_channel = _channels(columns, found.channel)
        texts, speaker = _texts(columns, found.text), _texts(columns, found.speaker)
        language = _language(columns, found.language, options)
        extra = json_objects({name: column for name, column in columns.items() if name not in known}, len(audio))
        if not _is_filled(audio) or not (found.id is None or _is_filled(utterance_id)):
            return None
        if not options.keeps_urls and (_has_urls(audio) or _has_urls(utterance_id)):
            return None
    except (ValueError, OverflowError, pa.ArrowException):  # also a text that is no UTF-8
        return None
    channel = stated_channel if options.channel is None else _filled(stated_channel, options.channel, pa.int32())
    if found.id is None:  # the last, as the ids count on
        utterance_id = _derived(reader, audio, start_s, duration_s, stated_channel)
    stated = [utterance_id, audio, start_s, duration_s, channel, texts, language, speaker, extra]
    return pa.record_batch(stated, names=list(STATED))


def _texts(columns: Mapping[str, Column], name: str | None) -> pa.Array:
    """Read texts, as a dictionary where they came so. Raises ValueError."""
    column = _typed(columns, name)
    if isinstance(column, pa.Array):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_string(kind) or pa.types.is_null(kind):
            return column
        if pa.types.is_integer(kind) or pa.types.is_large_string(kind):
            return column.cast(pa.string())
    return pa.array(_each(column, name, as_text), pa.string())


def _seconds(columns: Mapping[str, Column], name: str | None) -> pa.Array:
    """Read seconds. Raises ValueError for less than 0, NaN, and what is no number."""
    column = _typed(columns, name)
    if isinstance(column, pa.Array) and pa.types.is_string(column.type):
        column = _numbers(column)
    if not isinstance(column, pa.Array) or not _is_number(column.type):
        return _nulls_or(column, name, as_seconds, pa.float64())
    seconds = column.cast(pa.float64(), safe=False)
    is_usable = pc.and_(pc.greater_equal(seconds, 0.0), pc.is_finite(seconds))
    if not pc.all(is_usable, min_count=0).as_py():
        raise ValueError("not seconds")
    return seconds


def _numbers(texts: pa.Array) -> pa.Array:
    """Texts as numbers; an empty one is null. Raises ValueError for what ``float`` does not take."""
    try:
        return texts.cast(pa.float64())
    except pa.ArrowInvalid:  # it takes fewer spellings than ``float``, and reads those alike
        return pa.array([float(text) if text else None for text in texts.to_pylist()], pa.float64())


def _channels(columns: Mapping[str, Column], name: str | None) -> pa.Array:
    """Read numbers of channels. Raises ValueError, or ArrowInvalid for one that is too large for its column."""
    return _nulls_or(_typed(columns, name), name, as_channel, pa.int32())


def _language(columns: Mapping[str, Column], name: str | None, options: SourceOptions) -> pa.Array:
    """Read languages; an empty one is as none, and what the user says stands in for it."""
    column = _texts(columns, name)
    if not pa.types.is_null(column.type):
        column = column.cast(pa.string())
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    return column if options.language is None else _filled(column, options.language, pa.string())


def _filled(column: pa.Array, value: object, kind: pa.DataType) -> pa.Array:
    return column.cast(kind).fill_null(pa.scalar(value, kind))


def _is_filled(texts: pa.Array) -> bool:
    """Whether each row has a text that is not empty."""
    values = texts.dictionary if pa.types.is_dictionary(texts.type) else texts
    return (
        not (texts.null_count or values.null_count)
        and not pa.types.is_null(values.type)
        and not pc.any(pc.equal(values, "")).as_py()
    )


def _has_urls(texts: pa.Array) -> bool:
    values = texts.dictionary if pa.types.is_dictionary(texts.type) else texts
    return pa.types.is_string(values.type) and bool(pc.any(pc.match_substring(values, URL_MARK)).as_py())


def _derived(
    reader: RowReader, audio: pa.Array, start_s: pa.Array, duration_s: pa.Array, channel: pa.Array
) -> pa.Array:
    rows = zip(audio.to_pylist(), start_s.to_pylist(), duration_s.to_pylist(), channel.to_pylist(), strict=True)
    ids = (reader.ids.next(AudioRef(uri, start, duration), number) for uri, start, duration, number in rows)
    return pa.array(ids, pa.string(), size=len(audio))


def _typed(columns: Mapping[str, Column], name: str | None) -> Column:
    """The column; nulls where there is none. Values of one kind become an Arrow array, others stay as they are."""
    if name is None:
        return pa.nulls(len(next(iter(columns.values()))))
    column = columns[name]
    kinds = set() if isinstance(column, pa.Array) else set(map(type, column)) - {NoneType}
    kind = _KINDS.get(kinds.pop()) if len(kinds) == 1 else None
    return column if kind is None else pa.array(column, kind)


def _nulls_or(column: Column, name: str | None, read: Callable[..., Any], kind: pa.DataType) -> pa.Array:
    """The column's nulls where it holds nothing else, or what is read of each value."""
    if isinstance(column, pa.Array) and column.null_count == len(column):
        return pa.nulls(len(column))
    return pa.array(_each(column, name, read), kind)


def _each(column: Column, name: str | None, read: Callable[..., Any]) -> list[Any]:
    values = column.to_pylist() if isinstance(column, pa.Array) else column
    return [read({name: value}, name) for value in values]


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind))
