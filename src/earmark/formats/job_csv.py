"""The two CSV tables of a job: a row for each request, that is each worker, and a row for each utterance.

They are for scripts that read ``results_summaries/results_summary_{job_id}.csv`` and ``results/results_{job_id}.csv``.
Each row of the second has what its worker did, too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import PurePath

from earmark.errors import ManifestError
from earmark.formats.delimited import delimited_rows
from earmark.formats.exported_run import ExportedRun, Request
from earmark.formats.scored_csv import safe_cell

REQUEST = tuple(field.name for field in fields(Request))
UTTERANCE = ("transcriptions", "original_text", "dataset", "split")


def write_requests_csv(run: ExportedRun) -> Iterator[bytes]:
    """Yield the header and a row for each worker, in the order of ranks."""
    yield _line(REQUEST)
    for _, request in sorted(run.requests().items()):
        yield _line(asdict(request).values())


def write_results_csv(run: ExportedRun) -> Iterator[bytes]:
    """Yield the header and a row for each scored utterance: what its worker did, its texts, and the data."""
    requests = run.requests()
    named = named_data(run.data)
    yield _line((*REQUEST, *UTTERANCE))
    for one in run.scored():
        texts = [safe_cell(text or "") for text in (one.hypothesis, one.reference, *named)]
        request = None if one.rank is None else requests.get(one.rank)
        yield _line((*(asdict(request).values() if request else [None] * len(REQUEST)), *texts))


def read_requests_csv(path: str) -> Iterator[Request]:
    """Read the rows of either table as what a worker did. Raises ManifestError with the line."""
    for number, row in delimited_rows(path, has_tabs=False):
        try:
            yield Request(
                num_samples=int(row["num_samples"] or 0),
                wer=_number(row["wer"]),
                rtfx=_number(row["rtfx"]),
                total_time=float(row["total_time"] or 0),
                total_audio_length=float(row["total_audio_length"] or 0),
            )
        except (KeyError, ValueError) as error:
            raise ManifestError(path, "no row of a job's table", line=number) from error


def named_data(data: str) -> tuple[str, str]:
    """The data set and the split that a name of data says: ``hf:OWNER/NAME:test`` is ``NAME`` and ``test``."""
    name, colon, split = data.rpartition(":")
    has_split = bool(colon) and "/" not in split and "/" in name
    return PurePath(name if has_split else data).name, split if has_split else ""


def _number(cell: str | None) -> float | None:
    return float(cell) if cell else None


def _line(cells: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()
