"""Lines of a text file, as UTF-8 and nothing else."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from earmark.errors import ManifestError

EXCERPT_CHARACTERS = 100


def text_lines(path: str) -> Iterator[str]:
    """Read the file's lines in order, each with its newline (only LF ends one). A byte order mark is left out.

    Raises ManifestError where the file cannot be opened, or a line is not UTF-8.
    """
    try:
        with Path(path).open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
                yield _decoded(path, number, line)
    except OSError as error:
        raise ManifestError(path, f"cannot be read: {error.strerror}") from error


def _decoded(path: str, number: int, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode("utf-8")) + 1
        shown = excerpt(raw.decode("utf-8", errors="replace"), column)
        raise ManifestError(path, "not UTF-8", line=number, column=column, excerpt=shown) from error


def excerpt(line: str, column: int) -> str:
    """Shorten ``line`` to about 100 characters around ``column`` (from 1), with a caret below that place."""
    line = line.rstrip("\r\n").replace("\t", " ")
    first = max(0, min(column - 1 - EXCERPT_CHARACTERS // 2, len(line) - EXCERPT_CHARACTERS))
    last = first + EXCERPT_CHARACTERS
    before, after = ("..." if first else ""), ("..." if last < len(line) else "")
    return f"{before}{line[first:last]}{after}\n{' ' * (len(before) + column - 1 - first)}^"
