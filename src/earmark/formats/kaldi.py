"""Kaldi's ``text``: an id, then the words, a line each. An id alone is an utterance without words."""

from __future__ import annotations

from collections.abc import Iterator

from earmark.formats.lines import text_lines
from earmark.formats.transcript import Row, Transcript, Wanted, gather, one_text


def read_kaldi(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read the lines in order; a blank one, which has no id, is nothing. Raises ManifestError."""
    return gather(path, _rows(path, wanted), () if wanted.role == "reference" else (system,))


def _rows(path: str, wanted: Wanted) -> Iterator[Row]:
    for number, line in enumerate(text_lines(path), start=1):
        if line.isspace():
            continue
        utterance_id, _, rest = line.strip().replace("\t", " ", 1).partition(" ")
        reference, hypotheses = one_text(wanted, path, rest.strip())
        yield Row(number, utterance_id, reference, hypotheses=hypotheses)
