"""Plain lines: a text each, and no ids, so that texts belong together by the number of their line.

Every line counts: a blank one is an empty text, and one of a single character is a text like others.
"""

from __future__ import annotations

from collections.abc import Iterator

from earmark.formats.lines import text_lines
from earmark.formats.transcript import Row, Transcript, Wanted, gather, one_text


def read_lines(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read the lines in order; ids are their numbers, from 1. Raises ManifestError."""
    return gather(path, _rows(path, wanted), () if wanted.role == "reference" else (system,), is_keyed=False)


def _rows(path: str, wanted: Wanted) -> Iterator[Row]:
    for number, line in enumerate(text_lines(path), start=1):
        reference, hypotheses = one_text(wanted, path, line.removesuffix("\n").removesuffix("\r"))
        yield Row(number, str(number), reference, hypotheses=hypotheses)
