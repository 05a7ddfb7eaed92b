"""NIST's ``.trn``: the words, then the id in parentheses, a line each; a line that begins with ``;;`` is a comment.

Source: sclite(1) of the SCTK, https://github.com/usnistgov/SCTK. Alternatives and optional words are refused, here and
in STM: they ask the scorer to choose among several references, and this one knows one reference for an utterance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from earmark.errors import ManifestError, UsageError
from earmark.formats.exported_run import ExportedRun
from earmark.formats.lines import excerpt, text_lines
from earmark.formats.transcript import Row, Transcript, Wanted, gather, one_text

COMMENT = ";;"
_LONGEST_SHOWN = 60
_SEVERAL_READINGS = re.compile(r"[{}]|(?<!\S)\([^()]*\)(?!\S)")


def read_trn(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read the lines in order. Raises ManifestError for a line without an id, and for alternatives."""
    return gather(path, _rows(path, wanted), () if wanted.role == "reference" else (system,))


def _rows(path: str, wanted: Wanted) -> Iterator[Row]:
    for number, line in enumerate(text_lines(path), start=1):
        if line.isspace() or line.startswith(COMMENT):
            continue
        text, utterance_id = _parted(path, number, line)
        check_one_reading(path, number, line, text)
        reference, hypotheses = one_text(wanted, path, text)
        yield Row(number, utterance_id, reference, hypotheses=hypotheses)


def _parted(path: str, number: int, line: str) -> tuple[str, str]:
    """The words and the id of a line."""
    whole = line.rstrip()
    words, bracket, utterance_id = whole[:-1].rpartition("(")
    utterance_id = utterance_id.strip()
    if not whole.endswith(")") or not bracket or not utterance_id or ")" in utterance_id:
        raise ManifestError(
            path, "no (id) at the end", line=number, column=len(whole), excerpt=excerpt(line, len(whole))
        )
    return words.strip(), utterance_id


def has_readings(text: str) -> bool:
    """Whether sclite would take something in a text for alternatives: ``{a / b}``, ``(word)`` or ``@``."""
    return "@" in text or _SEVERAL_READINGS.search(text) is not None


def check_one_reading(path: str, number: int, line: str, text: str) -> None:
    """Raise ManifestError where ``text``, which is in ``line``, has ``{a / b}`` or an optional ``(word)``."""
    if ("{" in text or "}" in text or "(" in text) and (found := _SEVERAL_READINGS.search(text)):
        column = line.index(text) + found.start() + 1
        raise ManifestError(
            path,
            "alternatives {a / b} and optional (words) are sclite's, and are not scored here",
            line=number,
            column=column,
            excerpt=excerpt(line, column),
            hint="write one reading for each, or score this file with sclite itself",
        )


def write_trn(run: ExportedRun) -> Iterator[bytes]:
    """Yield a line for each scored utterance: the hypothesis as it was scored, normalized, so that sclite counts it so.

    Raises UsageError for an id or a text that the format cannot hold.
    """
    return (_line(one.id, one.hypothesis_normalized or "") for one in run.scored())


def write_trn_references(run: ExportedRun) -> Iterator[bytes]:
    """The same of the references. Raises like ``write_trn``."""
    return (_line(one.id, one.reference_normalized or "") for one in run.scored())


def _line(name: str, text: str) -> bytes:
    words = " ".join(text.split())
    if name.split() != [name] or set(name) & {"(", ")"}:
        _refuse("id", name, "brackets stand around the id")
    if words.startswith(COMMENT) or has_readings(words):
        _refuse("text", words, "sclite takes {a / b}, (a) and @ for alternatives, and ;; for a comment")
    return f"{words} ({name})\n".encode()


def _refuse(what: str, text: str, cause: str) -> NoReturn:
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    hint = (
        "--to jsonl holds any; a normalizer that takes such signs away does too: earmark score RUN --normalizer basic"
    )
    raise UsageError(f"a trn file cannot hold the {what} {shown!r}", cause=cause, hint=hint)
