"""Rows of a manifest with one JSON object a line (JSON Lines; NeMo calls it .json)."""

from __future__ import annotations

import json
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
            raise ManifestError(
                path, problem, line=number, hint="write one object a line: jq -c '.[]'" if is_array else None
            )
        yield number, row


def _parsed(path: str, number: int, line: str) -> Any:  # noqa: ANN401  # JSON is anything
    if number == 1 and line.lstrip().startswith("["):
        return []
    try:
        row = _decode(line)
        if "\\ud" in line or "\\uD" in line:
            json.dumps(row, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        problem = f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        column = error.pos + 1
        raise ManifestError(path, problem, line=number, column=column, excerpt=excerpt(line, column)) from error
    except UnicodeEncodeError as error:
        raise ManifestError(path, "half of a surrogate pair is no character", line=number) from error
    except (RecursionError, ValueError) as error:
        raise ManifestError(
            path, "not usable JSON: nested too deep, or a number with too many digits", line=number
        ) from error
    return row
