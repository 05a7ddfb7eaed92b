"""The two CSV files of a run with a job id: a row for each request, that is each worker, and a row an utterance.

They are for scripts that read ``results_summaries/results_summary_{job_id}.csv`` and ``results/results_{job_id}.csv``.
Everything in them comes from the run's parts and scores; rates are made of counts that were added.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import PurePath

from earmark.errors import UsageError
from earmark.formats.scored_csv import safe_cell
from earmark.reports.ranks import errors_by_rank, ranks_of_utterances
from earmark.schema import SCORED
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.reader import WINDOW
from earmark.store.run import RunStore
from earmark.verbs.workforce import Workforce

_JOB_ID = re.compile(r"[A-Za-z0-9_][\w.-]{0,99}", re.ASCII)
_UTTERANCE = ("transcriptions", "original_text", "dataset", "split")


@dataclass(frozen=True, slots=True)
class Request:
    """What one worker did. ``wer`` is in per cent, None without references; the times are in seconds."""

    num_samples: int
    wer: float | None
    rtfx: float | None
    total_time: float
    total_audio_length: float


_COLUMNS = tuple(Request.__slots__)


def check_job_id(job_id: str | None) -> None:
    """Raise UsageError for a job id that is no plain name: it becomes the names of files."""
    if job_id is not None and not _JOB_ID.fullmatch(job_id):
        raise UsageError(
            f"--job-id {job_id!r} is no plain name",
            cause="it becomes the name of two files: letters, digits, '.', '_' and '-' fit",
            hint=f"--job-id {made_job_id('eval')}",
        )


def made_job_id(model: str) -> str:
    """A job id of the model and the time, in UTC."""
    name = re.sub(r"[^\w.-]+", "-", PurePath(model).name, flags=re.ASCII).strip("-.") or "eval"
    return f"{name[:60]}_{datetime.now(UTC):%Y-%m-%d_%H-%M-%S}"


def keep_requests(store: RunStore, spec: RunSpec, workforce: Workforce, job_id: str | None) -> None:
    """Write both files where a job id was given, and, under one of the model and the time, where the engine is modal.

    Raises StoreError.
    """
    if job_id is not None or workforce.name == "modal":
        write_requests(store, spec, job_id or made_job_id(spec.recognizer.name))


def write_requests(store: RunStore, spec: RunSpec, job_id: str) -> None:
    """Write both files into the run's folder, each whole or not at all. Raises StoreError."""
    requests = _requests(store, spec)
    summary = f"{layout.RESULTS_SUMMARIES}/results_summary_{job_id}.csv"
    rows = [list(asdict(requests[rank]).values()) for rank in sorted(requests)]
    store.folder.write(summary, "".join(map(_line, [list(_COLUMNS), *rows])).encode())
    with store.folder.replacing(f"{layout.RESULTS}/results_{job_id}.csv") as stream:
        for line in _utterances(store, spec, requests):
            stream.write(line.encode())


def _requests(store: RunStore, spec: RunSpec) -> dict[int, Request]:
    """Each worker by its rank: texts that count from the scores, times from the parts."""
    time_s: dict[int, float] = {}
    audio_s: dict[int, float] = {}
    for receipt in store.progress(spec).receipts:
        time_s[receipt.rank] = time_s.get(receipt.rank, 0.0) + receipt.worker_s
        audio_s[receipt.rank] = audio_s.get(receipt.rank, 0.0) + receipt.audio_s
    requests = {}
    for one in errors_by_rank(store, spec):
        spent_s, heard_s = time_s.get(one.rank, 0.0), audio_s.get(one.rank, 0.0)
        requests[one.rank] = Request(
            num_samples=one.errors.num_ref_sents,
            wer=one.errors.wer,
            rtfx=heard_s / spent_s if spent_s else None,
            total_time=spent_s,
            total_audio_length=heard_s,
        )
    return requests


def _utterances(store: RunStore, spec: RunSpec, requests: Mapping[int, Request]) -> Iterator[str]:
    """The lines of the second file: of every utterance that was scored, with what its worker did."""
    dataset, split = _named(spec.data.name)
    rank_of = ranks_of_utterances(store, spec)
    yield _line([*_COLUMNS, *_UTTERANCE])
    for scores in store.batches(layout.SCORES, WINDOW):
        for row in scores.select(["index", "status", "hypothesis", "reference"]).to_pylist():
            if row["status"] == SCORED:
                request = requests[int(rank_of[row["index"]])]
                texts = [safe_cell(text or "") for text in (row["hypothesis"], row["reference"], dataset, split)]
                yield _line([*asdict(request).values(), *texts])


def _named(data: str) -> tuple[str, str]:
    """The data set and the split that a name of data says: ``hf:OWNER/NAME:test`` is ``NAME`` and ``test``."""
    name, colon, split = data.rpartition(":")
    has_split = bool(colon) and "/" not in split and "/" in name
    return PurePath(name if has_split else data).name, split if has_split else ""


def _line(cells: list[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
