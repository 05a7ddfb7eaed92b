"""Kaldi's ``text``: an id, then the words, a line each. An id alone is an utterance without words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from earmark.errors import UsageError
from earmark.formats.exported_run import ExportedRun
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


def write_kaldi(run: ExportedRun) -> Iterator[bytes]:
    """Yield a line for each hypothesis, as it is but for its white space, in the order of the ids' bytes.

    Kaldi wants its files sorted so. Raises UsageError for an id that the format cannot hold.
    """
    return _sorted_lines((one.id, one.hypothesis or "") for one in run.heard())


def write_kaldi_references(run: ExportedRun) -> Iterator[bytes]:
    """The same of the references. Raises like ``write_kaldi``."""
    return _sorted_lines((one.id, one.reference) for one in run if one.reference is not None)


def _sorted_lines(texts: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    yield from sorted(_line(name, text) for name, text in texts)


def _line(name: str, text: str) -> bytes:
    if name.split() != [name]:
        raise UsageError(
            f"Kaldi's text cannot hold the id {name!r}",
            cause="white space divides the id from the words",
            hint="--to jsonl holds any",
        )
    return f"{' '.join((name, *text.split()))}\n".encode()
