"""Rows of a file that is one JSON value: an array of objects, or ``{"data": [...]}``, as other tools write them.

It knows where each row begins, and says what a file is that only looks like rows. The file is read whole, so it has a
largest size: millions of rows want JSON Lines.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import json
import re
import shlex
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from earmark.errors import ManifestError
from earmark.formats.lines import excerpt, text_line, text_lines
from earmark.formats.row_chunks import NumberedRow

MOST_BYTES = 1 << 28
"""Of a file that is read whole, unpacked: 256 MiB."""

_BEGINNING_BYTES = 1 << 12
_ARRAY = re.compile(r'\s*(?:(?P<object>\{)\s*"data"\s*:\s*\[(?=\s*\{)|\[)')
_OBJECT = re.compile(r'\s*\{[ \t]*\r?\n\s*"')
_ROWS_WITHIN = re.compile(r'"([\w-]+)"\s*:\s*\[\s*\{', re.ASCII)
_SPACES = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


def is_array(path: str) -> bool:
    """Whether the file is one array of rows, by how it begins. False for what cannot be opened: its reader tells.

    An object with an array ``data`` is one where it holds nothing else to the end of the file; else it may be a row.
    Nothing is read of a pipe, which can be read once. Raises ManifestError for a file of objects that are spread over
    many lines.
    """
    beginning = _beginning(path)
    if found := _ARRAY.match(beginning):
        return found["object"] is None or not _begins_with_a_row(path)
    if _OBJECT.match(beginning):
        within = _ROWS_WITHIN.search(beginning)
        rows = f".{within[1]}[]" if within and "-" not in within[1] else f'.["{within[1]}"][]' if within else "."
        raise ManifestError(
            path,
            "a JSON object on many lines, where one object a line is expected, or an array of them",
            line=1,
            hint=f"jq -c {shlex.quote(rows)} {shlex.quote(path)} > OTHER.jsonl",
        )
    return False


def array_rows(path: str, bad: Callable[[ManifestError], None] | None = None) -> Iterator[NumberedRow]:
    """Each object with the line that it begins on, from 1.

    ``bad`` is told of each element that is no object; without it that is raised. Raises ManifestError with line and
    column where the file is no whole array.
    """
    text = _whole(path)
    line, counted = 1, 0
    for number, (place, element) in enumerate(_elements(path, text), start=1):
        line += text.count("\n", counted, place)
        counted = place
        if isinstance(element, dict):
            yield line, element
            continue
        error = ManifestError(path, f"element {number:,} of the JSON array is no object", line=line)
        if bad is None:
            raise error
        bad(error)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    with Path(path).open("rb") as file:
        yield cast("BinaryIO", gzip.GzipFile(fileobj=file)) if path.endswith(".gz") else file


def _beginning(path: str) -> str:
    if not Path(path).is_file():
        return ""
    try:
        with _opened(path) as file:
            return file.read(_BEGINNING_BYTES).removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace")
    except (OSError, EOFError, zlib.error):
        return ""


def _begins_with_a_row(path: str) -> bool:
    """Whether the first line is a whole object that has more than ``data``, or that has more lines behind it."""
    try:
        with _opened(path) as file:
            raw = file.readline(MOST_BYTES + 1)
            is_last = all(block.isspace() for block in iter(partial(file.read, _BEGINNING_BYTES), b""))
        line = text_line(path, 1, raw)
        rest = line[_end_of_array(path, line) :].strip()
        if rest.startswith("}"):
            return rest == "}" and not is_last
        json.loads(f"{{{rest.removeprefix(',')}")
    except (OSError, EOFError, zlib.error, ManifestError, ValueError, RecursionError):  # the reader of arrays tells
        return False
    return True


def _whole(path: str) -> str:
    try:
        is_small = Path(path).stat().st_size <= MOST_BYTES
        with _opened(path) as file:
            raw = file.read(MOST_BYTES + 1) if is_small else b""
        if is_small and len(raw) <= MOST_BYTES:
            return raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return "".join(text_lines(path))  # which says what is wrong, and where
    beginning = _ARRAY.match(_beginning(path))
    rows = ".data[]" if beginning and beginning["object"] else ".[]"
    hint = f"write one object a line: jq -c '{rows}' {shlex.quote(path)} > OTHER.jsonl"
    raise ManifestError(path, f"a JSON array in more than {MOST_BYTES:,} bytes", hint=hint)


def _elements(path: str, text: str) -> Iterator[tuple[int, Any]]:
    """Each element with the place where it begins."""
    beginning = _ARRAY.match(text)
    if beginning is None:
        raise _broken(path, text, 0, "it is no array")
    end = beginning.end()
    for place, end, element in _within(path, text, beginning.end()):  # noqa: B007  # the last end is that of all
        yield place, element
    _check_end(path, text, _behind_spaces(text, end) + 1, is_object=beginning["object"] is not None)


def _within(path: str, text: str, place: int) -> Iterator[tuple[int, int, Any]]:
    """Each element with the places where it begins and ends, up to the bracket behind them."""
    place = _behind_spaces(text, place)
    has_escapes = "\\ud" in text or "\\uD" in text
    is_more = not text.startswith("]", place)
    while is_more:
        element, end = _element(path, text, place, has_escapes=has_escapes)
        yield place, end, element
        place = _behind_spaces(text, end)
        is_more = text.startswith(",", place)
        if is_more:
            place = _behind_spaces(text, place + 1)
        elif not text.startswith("]", place):
            raise _broken(path, text, place, "a comma, or the end of the array, is expected")


def _end_of_array(path: str, text: str) -> int:
    """The place behind the bracket that ends the array. Raises ManifestError where there is none."""
    beginning = _ARRAY.match(text)
    ends = (end for _, end, _ in _within(path, text, beginning.end() if beginning else 0))
    return _behind_spaces(text, max(ends)) + 1


def _element(path: str, text: str, place: int, *, has_escapes: bool) -> tuple[Any, int]:
    try:
        element, end = _decode(text, place)
        if has_escapes:  # half of a surrogate pair is no character
            json.dumps(element, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise _broken(path, text, error.pos, f"{error.msg[:1].lower()}{error.msg[1:]}") from error
    except UnicodeEncodeError as error:
        raise _broken(path, text, place, "half of a surrogate pair is no character") from error
    except (RecursionError, ValueError) as error:
        raise _broken(path, text, place, "nested too deep, or a number with too many digits") from error
    return element, end


def _check_end(path: str, text: str, place: int, *, is_object: bool) -> None:
    place = _behind_spaces(text, place)
    if is_object and text.startswith(",", place):
        hint = f"jq -c '.data[]' {shlex.quote(path)} > OTHER.jsonl"
        raise ManifestError(path, "a JSON object that holds more than its rows in 'data'", hint=hint)
    if is_object and text.startswith("}", place):
        place = _behind_spaces(text, place + 1)
    elif is_object:
        raise _broken(path, text, place, "the end of the object is expected")
    if place != len(text):
        raise _broken(path, text, place, "more stands behind its end")


def _behind_spaces(text: str, place: int) -> int:
    found = _SPACES.match(text, place)
    return found.end() if found else place


def _broken(path: str, text: str, place: int, problem: str) -> ManifestError:
    if _behind_spaces(text, place) == len(text):
        problem = "it is cut short"
    start, end = text.rfind("\n", 0, place) + 1, text.find("\n", place)
    line = text[start:] if end < 0 else text[start:end]
    column = place - start + 1
    return ManifestError(
        path,
        f"not a whole JSON array: {problem}",
        line=text.count("\n", 0, place) + 1,
        column=column,
        excerpt=excerpt(line, column),
    )
