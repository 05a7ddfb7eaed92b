"""Which format a file is in, told by its ending and its first lines. It reads no more than those."""

from __future__ import annotations

import re
import shlex
from itertools import islice
from pathlib import Path

from earmark.errors import ManifestError, UsageError
from earmark.formats.lines import near_hint, text_lines

_BY_ENDING = {
    ".trn": "trn",
    ".stm": "stm",
    ".ctm": "ctm",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_NUM_LINES = 1000
_GZIP = b"\x1f\x8b"
_ENDS_WITH_ID = re.compile(r"\([^()\s]+\)\s*\Z")
# A letter before a figure, or figures joined by marks: as ids are, and words at the beginning of a line are not.
_LIKE_AN_ID = re.compile(r"(?=\S*\d)(?:[^\W\d_]\S*\d\S*|\d+[-_.]\S+)\s")


def check_file(path: str) -> None:
    """Raise ManifestError unless there is a file that is not compressed."""
    file = Path(path)
    if file.is_dir():
        raise ManifestError(path, "it is a folder, and a file is expected")
    if not file.is_file():
        raise ManifestError(path, "there is no such file", hint=near_hint(file))
    try:
        with file.open("rb") as stream:
            is_compressed = stream.read(2) == _GZIP
    except OSError as error:
        raise ManifestError(path, f"cannot be read: {error.strerror}") from error
    if is_compressed:
        raise ManifestError(path, "is compressed", hint=f"gunzip --keep {shlex.quote(path)}")


def format_of(path: str) -> str:
    """Name the format of a file. Raises ManifestError for an empty one, and UsageError where it cannot be told."""
    file = Path(path)
    if file.suffix.lower() in _BY_ENDING:
        return _BY_ENDING[file.suffix.lower()]
    lines = list(islice(text_lines(path), _NUM_LINES))
    found = _by_content([line for line in lines if not line.isspace()])
    if found is not None:
        return found
    if file.suffix.lower() == ".txt" and lines:
        return "lines"
    if file.name == "text":
        return "kaldi"
    if not lines:
        raise ManifestError(path, "is empty")
    raise UsageError(
        f"cannot tell the format of {path}",
        hint="--from lines: a text each; --from kaldi: an id and the text; earmark ls formats shows all",
    )


def _by_content(lines: list[str]) -> str | None:
    if not lines:
        return None
    start = lines[0].lstrip()[:1]
    if start in ("{", "["):
        return "jsonl" if start == "{" else "seglst"
    if all(_ENDS_WITH_ID.search(line) for line in lines):
        return "trn"
    ids = {line.split(None, 1)[0] for line in lines}
    if len(lines) > 1 and len(ids) == len(lines) and all(_LIKE_AN_ID.match(line) for line in lines):
        return "kaldi"
    return None
