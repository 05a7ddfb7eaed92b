"""Rows of a manifest with one JSON object a line (JSON Lines; NeMo calls it .json)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.lines import excerpt, text_lines

_decode = json.JSONDecoder().decode


def jsonl_rows(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row with its line, from 1. Blank lines are skipped. Raises ManifestError with line, column and caret."""
    for number, line in enumerate(text_lines(path), start=1):
        if line.isspace():
            continue
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
    if number == 1 and line.lstrip().startswith("["):
        return []
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
