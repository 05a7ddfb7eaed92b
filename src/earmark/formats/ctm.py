"""NIST's CTM: recognized words, each with file, channel, start, duration, and perhaps a confidence.

Source: the manual pages of the SCTK, https://github.com/usnistgov/SCTK. Alternatives are refused, as in ``trn``.
"""

from __future__ import annotations

from collections.abc import Iterator

from earmark.errors import ManifestError, UsageError
from earmark.formats.lines import text_lines
from earmark.formats.stm import seconds, track
from earmark.formats.transcript import Row, Transcript, Wanted, gather
from earmark.formats.trn import COMMENT

_NUM_NEEDED = 5


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
        if word.upper().startswith("<ALT"):
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
