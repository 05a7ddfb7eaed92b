"""icefall's ``recogs`` file: two lines an utterance, each with the id and a Python list of words.

The lists are read as literals, never run. Source: ``store_transcripts`` of https://github.com/k2-fsa/icefall.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from earmark.errors import ManifestError, UsageError
from earmark.formats.exported_run import ExportedRun
from earmark.formats.lines import text_lines
from earmark.formats.transcript import Row, Transcript, Wanted, gather

_LINE = re.compile(r"(?P<id>\S.*?):\t(?P<side>ref|hyp)=(?P<words>\[.*\])\s*")


def write_icefall(run: ExportedRun) -> Iterator[bytes]:
    """Yield both lines of each scored utterance, with the words as they were scored, and an empty line behind them."""
    for one in run.scored():
        if set(one.id) & {"\t", "\n", "\r"} or one.id != one.id.strip():
            raise UsageError(f"a recogs file cannot hold the id {one.id!r}", hint="--to jsonl holds any")
        for side, text in (("ref", one.reference_normalized), ("hyp", one.hypothesis_normalized)):
            yield f"{one.id}:\t{side}={(text or '').split()!r}\n".encode()
        yield b"\n"


def read_icefall(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read both texts of each utterance in order. Raises ManifestError with the line."""
    return gather(path, _rows(path, wanted), () if wanted.role == "reference" else (system,))


def _rows(path: str, wanted: Wanted) -> Iterator[Row]:
    reference: tuple[str, str] | None = None
    for number, line in enumerate(text_lines(path), start=1):
        if line.isspace():
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ManifestError(path, "not ID:<tab>ref=[...] or ID:<tab>hyp=[...]", line=number)
        text = _text(path, number, found["words"])
        if found["side"] == "ref":
            reference = (found["id"], text)
        elif reference is None or reference[0] != found["id"]:
            raise ManifestError(
                path, f"the hypothesis of {found['id']!r} does not stand behind its reference", line=number
            )
        else:
            said, heard = (None if wanted.role == "hypothesis" else reference[1]), (text,)
            yield Row(number, found["id"], said, hypotheses=() if wanted.role == "reference" else heard)


def _text(path: str, number: int, words: str) -> str:
    try:
        found = ast.literal_eval(words)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ManifestError(path, "not a list of words", line=number) from error
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise ManifestError(path, "not a list of words", line=number)
    return " ".join(found)
