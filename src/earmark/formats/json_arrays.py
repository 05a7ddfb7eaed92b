"""Rows of a file that is one JSON value: an array of objects, or ``{"data": [...]}``, as other tools write them.

It knows where each row begins, and says what a file is that only looks like rows. The file is read whole: millions of
rows want JSON Lines.
"""

from __future__ import annotations

import codecs
import gzip
import json
import re
import shlex
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from earmark.errors import ManifestError
from earmark.formats.lines import excerpt, text_lines
from earmark.formats.row_chunks import NumberedRow

MOST_CHARACTERS = 1 << 30
"""Of a file that is read whole."""

_BEGINNING_BYTES = 1 << 12
_ARRAY = re.compile(r'\s*(?:(?P<object>\{)\s*"data"\s*:\s*\[(?=\s*\{)|\[)')
_OBJECT = re.compile(r'\s*\{[ \t]*\r?\n\s*"')
_ROWS_WITHIN = re.compile(r'"([\w-]+)"\s*:\s*\[\s*\{', re.ASCII)
_SPACES = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


def is_array(path: str) -> bool:
    """Whether the file is one array of rows, by how it begins. False for what cannot be opened: its reader tells.

    Raises ManifestError for a file of objects that are spread over many lines.
    """
    beginning = _beginning(path)
    if _ARRAY.match(beginning):
        return True
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


def _beginning(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            packed = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if path.endswith(".gz") else file
            return packed.read(_BEGINNING_BYTES).removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace")
    except (OSError, EOFError, zlib.error):
        return ""


def _whole(path: str) -> str:
    pieces: list[str] = []
    size = 0
    for line in text_lines(path):
        size += len(line)
        if size > MOST_CHARACTERS:
            hint = f"write one object a line: jq -c '.[]' {shlex.quote(path)} > OTHER.jsonl"
            raise ManifestError(path, f"a JSON array of more than {MOST_CHARACTERS:,} characters", hint=hint)
        pieces.append(line)
    return "".join(pieces)


def _elements(path: str, text: str) -> Iterator[tuple[int, Any]]:
    """Each element with the place where it begins."""
    beginning = _ARRAY.match(text)
    if beginning is None:
        raise _broken(path, text, 0, "it is no array")
    place = _behind_spaces(text, beginning.end())
    has_escapes = "\\ud" in text or "\\uD" in text
    while not text.startswith("]", place):
        element, end = _element(path, text, place, has_escapes=has_escapes)
        yield place, element
        place = _behind_spaces(text, end)
        if text.startswith(",", place):
            place = _behind_spaces(text, place + 1)
        elif not text.startswith("]", place):
            raise _broken(path, text, place, "a comma, or the end of the array, is expected")
    _check_end(path, text, place + 1, is_object=beginning["object"] is not None)


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
