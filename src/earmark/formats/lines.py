"""Lines of a text file, as UTF-8 and nothing else."""

from __future__ import annotations

import codecs
import difflib
import gzip
import shlex
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from earmark.errors import ManifestError, without_secret

EXCERPT_CHARACTERS = 66
"""With dots on both sides and a label before it, so much of a line fits into 80 columns."""
MAX_LINE_BYTES = 1 << 28
"""Of a file that is packed: a few bytes can unpack to more than a machine holds."""


def text_lines(path: str) -> Iterator[str]:
    """Read the file's lines in order, each with its newline (only LF ends one). A byte order mark is left out.

    A file whose name ends in ``.gz`` is unpacked on the way. Raises ManifestError where the file cannot be opened or
    unpacked, or a line is not UTF-8.
    """
    try:
        with Path(path).open("rb") as file:
            for number, raw in enumerate(_unpacked(path, file) if path.endswith(".gz") else file, start=1):
                yield text_line(path, number, raw)
    except OSError as error:
        raise ManifestError(path, f"cannot be read: {error.strerror}") from error


def _unpacked(path: str, file: BinaryIO) -> Iterator[bytes]:
    """The lines of a gzip file. Raises ManifestError where it is none, is cut short, or a line is too long."""
    with gzip.GzipFile(fileobj=file) as packed:
        try:
            while raw := packed.readline(MAX_LINE_BYTES + 1):
                if len(raw) > MAX_LINE_BYTES:
                    raise ManifestError(path, f"a line of more than {MAX_LINE_BYTES:,} bytes")
                yield raw
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ManifestError(path, f"not a whole gzip file: {error}") from error


def text_line(path: str, number: int, raw: bytes) -> str:
    """Decode one line; a byte order mark before the first one is left out. Raises ManifestError if it is not UTF-8."""
    raw = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if number == 1 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            hint = f"iconv -f UTF-16 -t UTF-8 {shlex.quote(path)} > OTHER_FILE"
            raise ManifestError(path, "it is UTF-16, and UTF-8 is expected", hint=hint) from error
        column = len(raw[: error.start].decode("utf-8")) + 1
        shown = excerpt(raw.decode("utf-8", errors="replace"), column)
        hint = f"iconv -f ISO-8859-1 -t UTF-8 {shlex.quote(path)} > OTHER_FILE, if it is Latin-1"
        raise ManifestError(path, "not UTF-8", line=number, column=column, excerpt=shown, hint=hint) from error


def excerpt(line: str, column: int) -> str:
    """Shorten ``line`` to about 66 characters around ``column`` (from 1), with a caret below that place.

    Of a line that holds a URL with secrets only the beginning, without them: its columns are others.
    """
    line = line.rstrip("\r\n").replace("\t", " ")
    if (shown := without_secret(line)) != line:
        return shown if len(shown) <= EXCERPT_CHARACTERS else f"{shown[:EXCERPT_CHARACTERS]}..."
    first = max(0, min(column - 1 - EXCERPT_CHARACTERS // 2, len(line) - EXCERPT_CHARACTERS))
    last = first + EXCERPT_CHARACTERS
    before, after = ("..." if first else ""), ("..." if last < len(line) else "")
    return f"{before}{line[first:last]}{after}\n{' ' * (len(before) + column - 1 - first)}^"


def near_hint(path: Path, prefix: str = "", rest: str = "") -> str | None:
    """Ask for a name in the same folder that is close to the one that is missing, if there is one.

    ``prefix`` and ``rest`` are what stood before and behind the path, so that the name can be typed as it is.
    """
    siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=1)
    return f"did you mean {shlex.quote(f'{prefix}{path.parent / near[0]}{rest}')}?" if near else None
