"""Which format each file is in, told by its ending and its content, and by the file that it is scored with.

Lines of text do not say whether a first word is an id: two files of which one has the ids of the other do.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import ManifestError, UsageError
from earmark.formats.json_arrays import array_rows
from earmark.formats.likeness import likeness
from earmark.formats.lines import near_hint, text_lines
from earmark.formats.seglst import SEGMENT_KEYS

_BY_ENDING = {
    ".trn": "trn",
    ".stm": "stm",
    ".ctm": "ctm",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".pra": "pra",
    ".srt": "srt",
    ".vtt": "vtt",
}
_GZIP = b"\x1f\x8b"
_ENDS_WITH_ID = re.compile(r"\(([^()\s]+)\)\s*\Z")
# A letter before a figure, or figures joined by marks: as ids are, and words at the beginning of a line are not.
_LIKE_AN_ID = re.compile(r"(?=\S*\d)(?:[^\W\d_]\S*\d\S*|\d+[-_.]\S+)\Z")
_HAS_A_MARK = re.compile(r"\S*[^\W_][-_./:][^\W_]\S*\Z")
_MOST = 0.5
_BY_CHANCE = 10
"""Fewer lines may well begin with different words, all of them recognized, in either order."""

_READ_AS = {
    "kaldi": "read as Kaldi text, matched by id (--from lines if the first word of a line is no id)",
    "trn": "read as trn, matched by id (--from lines if the last word of a line is no id)",
    "lines": "read as lines, matched by number (--from kaldi if the first word of a line is an id)",
}


def check_file(path: str) -> None:
    """Raise ManifestError unless there is a file that is not compressed."""
    file = Path(path)
    if file.is_dir():
        raise ManifestError(path, "it is a folder, and a file is expected")
    if file.exists() and not file.is_file():
        raise ManifestError(path, "it is a pipe or a device, and a file is expected", hint="write it to a file first")
    if not file.is_file():
        raise ManifestError(path, "there is no such file", hint=near_hint(file))
    try:
        with file.open("rb") as stream:
            is_compressed = stream.read(2) == _GZIP
    except OSError as error:
        raise ManifestError(path, f"cannot be read: {error.strerror}") from error
    if is_compressed:
        raise ManifestError(path, "is compressed", hint=f"gunzip --keep {shlex.quote(path)}")


def formats_of(paths: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Name the format of each of the files that are scored together, the references first.

    Also returns a note for each format that was told by the content of lines alone. Such lines are trn or Kaldi text
    where the ids that they would have are unique, and meet those of the other side or are plainly ids; else they are
    lines. Raises ManifestError for an empty file, and UsageError where the format cannot be told.
    """
    found: list[str | None] = [_plain_format(path) for path in paths]
    if None not in found:
        return [name for name in found if name is not None], ()
    lines = [
        _Lines.of(path) if name in (None, "trn", "kaldi") else None for path, name in zip(paths, found, strict=True)
    ]
    names: list[str] = []
    guessed: dict[str, list[str]] = {}
    for number, (path, known) in enumerate(zip(paths, found, strict=True)):
        others = lines[1:] if number == 0 else lines[:1]
        name = known or _told(path, lines[number] or _Lines(0, {}, []), [one for one in others if one is not None])
        names.append(name)
        if known is None:
            guessed.setdefault(name, []).append(path)
    return names, tuple(f"note: {', '.join(paths)} {_READ_AS[name]}" for name, paths in guessed.items())


def format_of(path: str) -> str:
    """Name the format of a file that is alone. Raises ManifestError for an empty one, and UsageError if untold."""
    return formats_of([path])[0][0]


@dataclass(frozen=True, slots=True)
class _Lines:
    """The ids that the lines of a file would have in each format in which all are there and unique, in their order."""

    num_lines: int
    ids: dict[str, list[str]]
    texts: list[str]
    """The first of the lines that are not blank, as they are."""

    @classmethod
    def of(cls, path: str) -> _Lines:
        first, last = [], []
        texts: list[str] = []
        is_trn, number = True, 0
        for number, line in enumerate(text_lines(path), start=1):  # noqa: B007  # the last one is their number
            if line.isspace():
                continue
            if len(texts) < _BY_CHANCE:
                texts.append(line)
            first.append(line.split(None, 1)[0])
            if is_trn:
                found = _ENDS_WITH_ID.search(line)
                is_trn = found is not None
                last += [found.group(1)] if found is not None else []
        candidates = {"trn": last if is_trn else [], "kaldi": first}
        return cls(number, {name: ids for name, ids in candidates.items() if ids and len(set(ids)) == len(ids)}, texts)


def _plain_format(path: str) -> str | None:
    """The format by the ending or the first character; None for lines of text."""
    file = Path(path)
    if file.suffix.lower() in _BY_ENDING:
        return _BY_ENDING[file.suffix.lower()]
    if file.name.startswith("recogs-"):
        return "icefall"
    start = next((line.lstrip()[:1] for line in text_lines(path) if not line.isspace()), "")
    return _kind_of_array(path) if start == "[" else {"{": "jsonl"}.get(start)


def _kind_of_array(path: str) -> str:
    """Whether a JSON array holds segments or rows, by its first object; its reader tells what is wrong with it."""
    try:
        _, first = next(array_rows(path), (0, {}))
    except ManifestError:
        return "seglst"
    return "seglst" if not first or first.keys() & SEGMENT_KEYS else "jsonl"


def _told(path: str, lines: _Lines, others: Sequence[_Lines]) -> str:
    """Name the format of lines of text by themselves and by the other side; none of it may be lines of text."""
    for name in lines.ids:
        if _are_ids(name, lines, others):
            return name
    if lines.num_lines == 0:
        raise ManifestError(path, "is empty")
    kaldi = lines.ids.get("kaldi", [])
    is_doubtful = len(kaldi) >= _BY_CHANCE and any(one.ids.get("kaldi") == kaldi for one in others)
    file = Path(path)
    if file.name == "text":
        return "kaldi"
    if file.suffix.lower() == ".txt" and not is_doubtful:
        return "lines"
    raise UsageError(
        f"cannot tell the format of {path}",
        cause="its lines begin with the same words, each once, as those of the other file" if is_doubtful else None,
        hint="--from lines: a text each; --from kaldi: an id and the text; earmark ls formats shows all",
    )


def _are_ids(name: str, lines: _Lines, others: Sequence[_Lines]) -> bool:
    """Whether words that each line begins or ends with are ids. Brackets alone do not tell: ``(noise)`` has them."""
    ids = lines.ids[name]
    if name == "trn" and not others:
        return True
    if name == "kaldi" and len(ids) > 1 and all(map(_LIKE_AN_ID.match, ids)):
        return True
    meeting = [their for other in others for their in other.ids.values() if _meet(ids, their)]
    is_marked = (len(ids) > 1 or name == "trn") and all(_LIKE_AN_ID.match(one) or _HAS_A_MARK.match(one) for one in ids)
    if is_marked or (name == "trn" and len(ids) >= _BY_CHANCE):
        return bool(meeting)
    permuted = [their for their in meeting if set(their) == set(ids) and their != ids]
    if name == "trn" or len(ids) >= _BY_CHANCE or not permuted:
        return bool(permuted)
    same = [other for other in others if other.ids.get("kaldi") in permuted]
    return len(same) < len(permuted) or any(_is_more_alike_by_id(lines, other) for other in same)


def _is_more_alike_by_id(lines: _Lines, other: _Lines) -> bool:
    """Whether what follows the first words is more alike by these words than the lines are by their number."""
    theirs = dict(map(_parted, other.texts))
    pairs = [(rest, theirs[word]) for word, rest in map(_parted, lines.texts)]
    by_id = sum(likeness(rest, their) for rest, their in pairs if rest or their)
    return by_id > sum(likeness(one, their) for one, their in zip(lines.texts, other.texts, strict=True))


def _parted(line: str) -> tuple[str, str]:
    word, _, rest = line.strip().replace("\t", " ", 1).partition(" ")
    return word, rest.strip()


def _meet(ours: Iterable[str], theirs: Iterable[str]) -> bool:
    """Whether most of the smaller set is in the other one."""
    one, other = set(ours), set(theirs)
    return len(one & other) > _MOST * min(len(one), len(other))
