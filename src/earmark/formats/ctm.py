"""NIST's CTM: recognized words, each with file, channel, start, duration, and perhaps a confidence.

Source: the manual pages of the SCTK, https://github.com/usnistgov/SCTK. Alternatives are refused, as in ``trn``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from earmark.errors import ManifestError, UsageError
from earmark.formats.exported_run import ExportedRun
from earmark.formats.lines import text_lines
from earmark.formats.stm import seconds, track
from earmark.formats.timed_words import timed_words
from earmark.formats.transcript import Row, Transcript, Wanted, gather
from earmark.formats.trn import COMMENT
from earmark.records import ScoredUtterance, Word

_NUM_NEEDED = 5
_CHANNEL = "1"
_ALTERNATIVE = "<ALT"


def read_ctm(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read the words in order, a row each. Raises ManifestError, and UsageError unless it is a hypothesis."""
    if wanted.role != "hypothesis":
        raise UsageError(
            f"{path} is a CTM file, which holds the words that were recognized",
            hint=f"earmark score -r SEGMENTS.stm -h {path}",
        )
    return gather(path, _rows(path), (system,), kind="words")


def _rows(path: str) -> Iterator[Row]:
    for number, line in enumerate(text_lines(path), start=1):
        if line.isspace() or line.startswith(COMMENT):
            continue
        cells = line.split()
        if len(cells) < _NUM_NEEDED:
            raise ManifestError(path, "fewer than file, channel, start, duration and word", line=number)
        file, channel, start, duration, word = cells[:_NUM_NEEDED]
        if word.upper().startswith(_ALTERNATIVE):
            raise ManifestError(path, "alternatives (<ALT>) are not scored here", line=number)
        yield Row(
            number,
            str(number),
            audio=file,
            start_s=seconds(path, number, line, start),
            duration_s=seconds(path, number, line, duration),
            track=track(file, channel),
            hypotheses=(word,),
        )


def write_ctm(run: ExportedRun) -> Iterator[bytes]:
    """Yield the words, a line each: id, channel 1, start, duration, word, and its confidence where there is one.

    Times are in seconds from the utterance's start, in milliseconds. The lines of an utterance stand together, and the
    utterances in the order of their ids' bytes, as the SCTK wants them; what has no words has no lines. Raises
    UsageError for an utterance with a text and no words, and for an id or a word that the format cannot hold.
    """
    with tempfile.TemporaryFile() as kept:  # the words of a large run do not fit into memory; its ids do
        places: list[tuple[bytes, int, int]] = []
        for one in run.heard():
            lines = "".join(_lines(one)).encode()
            places.append((one.id.encode(), kept.tell(), len(lines)))
            kept.write(lines)
        for _, place, size in sorted(places):
            kept.seek(place)
            yield kept.read(size)


def _lines(utterance: ScoredUtterance) -> Iterator[str]:
    for word in timed_words(utterance, "CTM"):
        yield _line(utterance.id, word)


def _line(name: str, word: Word) -> str:
    for what, cell in (("id", name), ("word", word.text)):
        if cell.split() != [cell] or cell.startswith(COMMENT) or cell.upper().startswith(_ALTERNATIVE):
            raise UsageError(
                f"a CTM cannot hold the {what} {cell!r}",
                cause=f"white space divides its cells, {COMMENT} begins a comment, {_ALTERNATIVE} an alternative",
                hint="--to jsonl holds any",
            )
    start_ms, end_ms = round(1_000 * word.start_s), round(1_000 * word.end_s)
    confidence = "" if word.confidence is None else f" {word.confidence:.6f}"
    return f"{name} {_CHANNEL} {start_ms / 1_000:.3f} {(end_ms - start_ms) / 1_000:.3f} {word.text}{confidence}\n"
