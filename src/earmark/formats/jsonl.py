"""Rows of a manifest with one JSON object a line (JSON Lines; NeMo calls it .json), or of one array of them."""

from __future__ import annotations

import codecs
import io
import json
import secrets
import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.json_arrays import array_rows, is_array
from earmark.formats.lines import excerpt, text_line, text_lines
from earmark.formats.row_chunks import NumberedRow, RowChunk

_BYTES_AT_ONCE = 1 << 22
_decode = json.JSONDecoder().decode


def jsonl_rows(path: str) -> Iterator[NumberedRow]:
    """Each row with its line, from 1. Blank lines are skipped. Raises ManifestError with line, column and caret."""
    if is_array(path):
        yield from array_rows(path)
        return
    for number, line in enumerate(text_lines(path), start=1):
        yield from jsonl_row(path, number, line)


def jsonl_chunks(path: str) -> Iterator[RowChunk]:
    """The same rows, some megabytes at a time. Raises ManifestError where the file cannot be opened."""
    from earmark.formats.alike_lines import alike_columns  # what is read row by row needs no Arrow

    if is_array(path):
        yield RowChunk(None, partial(array_rows, path))
        return
    try:
        with Path(path).open("rb") as file:
            number = 1
            while raw := file.read(_BYTES_AT_ONCE) + file.readline():
                columns = alike_columns(raw)
                yield RowChunk(_columns(_lines(raw)) if columns is None else columns, partial(_rows, path, number, raw))
                number += raw.count(b"\n")
    except OSError as error:
        raise ManifestError(path, f"cannot be read: {error.strerror}") from error


def _lines(raw: bytes) -> list[bytes]:
    return io.BytesIO(raw).readlines()  # splitlines knows more ends of lines than files do


def _rows(path: str, first: int, raw: bytes) -> Iterator[NumberedRow]:
    for number, line in enumerate(_lines(raw), start=first):
        yield from jsonl_row(path, number, text_line(path, number, line))


def _columns(raws: Sequence[bytes]) -> dict[str, list[Any]] | None:
    """Parse many lines in one go; None where any of them could be something else than an object with the same names.

    For lines that are not alike in the kinds of their values or in their spaces.

    Between the lines stands a word that no line can know, as it is drawn anew: so it comes back between the objects,
    and nowhere else, exactly if each line is one value, whatever brackets a line opens or closes too many. The newline
    of each line keeps texts from spanning lines.
    """
    word = secrets.token_hex(16)
    lines = [line for line in raws if not line.isspace()]
    if lines:
        lines[0] = lines[0].removeprefix(codecs.BOM_UTF8)
    try:
        text = f',"{word}",\n'.encode().join(lines).decode("utf-8")
        values = _decode(f"[{text}]")
    except (ValueError, RecursionError):
        return None
    rows = values[::2]
    if "\\ud" in text or "\\uD" in text or len(values) != 2 * len(lines) - 1 or set(values[1::2]) - {word}:
        return None
    if not all(type(row) is dict for row in rows) or len(set(map(tuple, rows))) != 1:
        return None
    return {name: list(map(itemgetter(name), rows)) for name in rows[0]}


def jsonl_row(path: str, number: int, line: str) -> Iterator[NumberedRow]:
    """The row that a line holds; none of a blank line. Raises ManifestError."""
    if line.isspace():
        return
    row = _parsed(path, number, line)
    if not isinstance(row, dict):
        is_array = isinstance(row, list)
        problem = "a JSON array, where one JSON object a line is expected" if is_array else "not a JSON object"
        hint = f"write one object a line: {in_lines(path)}" if is_array else None
        raise ManifestError(path, problem, line=number, hint=hint)
    yield number, row


def in_lines(path: str) -> str:
    """What to type to make JSON Lines of a JSON array."""
    return f"jq -c '.[]' {shlex.quote(path)}"


def _parsed(path: str, number: int, line: str) -> Any:  # noqa: ANN401  # JSON is anything
    try:
        return usable_json(line)
    except json.JSONDecodeError as error:
        problem = f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        column = error.pos + 1
        raise ManifestError(path, problem, line=number, column=column, excerpt=excerpt(line, column)) from error
    except ValueError as error:
        raise ManifestError(path, str(error), line=number) from error


def usable_json(text: str) -> Any:  # noqa: ANN401  # JSON is anything
    """What a JSON text says. Raises json.JSONDecodeError, and ValueError for what no file of ours could hold."""
    try:
        found = _decode(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError:
        raise
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair is no character") from error
    except (RecursionError, ValueError) as error:
        raise ValueError("not usable JSON: nested too deep, or a number with too many digits") from error
    return found
