"""The two CSV files of a run with a job id: a row for each request, that is each worker, and a row an utterance.

Everything in them comes from the run's parts and scores; rates are made of counts that were added. What the files look
like is known to ``formats.job_csv``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePath

from earmark.errors import UsageError
from earmark.formats.exported_run import ExportedRun, Request
from earmark.formats.job_csv import write_requests_csv, write_results_csv
from earmark.records import ScoredUtterance
from earmark.reports.ranks import errors_by_rank, ranks_of_utterances
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.reader import WINDOW
from earmark.store.run import RunStore
from earmark.verbs.workforce import Workforce

_JOB_ID = re.compile(r"[A-Za-z0-9_][\w.-]{0,99}", re.ASCII)


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
    requests = requests_of(store, spec)
    run = ExportedRun(_utterances(store, spec), {"data": spec.data.name}, requests=lambda: requests)
    summary = f"{layout.RESULTS_SUMMARIES}/results_summary_{job_id}.csv"
    store.folder.write(summary, b"".join(write_requests_csv(run)))
    with store.folder.replacing(f"{layout.RESULTS}/results_{job_id}.csv") as stream:
        for line in write_results_csv(run):
            stream.write(line)


def requests_of(store: RunStore, spec: RunSpec) -> dict[int, Request]:
    """Each worker by its rank: texts that count from the scores, times from the parts. Raises StoreError."""
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


def _utterances(store: RunStore, spec: RunSpec) -> Iterator[ScoredUtterance]:
    """The texts of every utterance, and its worker's rank; no more, so that long runs take little memory."""
    rank_of = ranks_of_utterances(store, spec)
    columns = ["index", "id", "status", "hypothesis", "reference"]
    for scores in store.batches(layout.SCORES, WINDOW, columns):
        for row in scores.to_pylist():
            yield ScoredUtterance(**{name: row[name] for name in columns[1:]}, rank=int(rank_of[row["index"]]))
