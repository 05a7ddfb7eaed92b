"""From the parts of a run to its summary, from them alone, so that the same answers give the same numbers.

Writes scores.parquet, errors.jsonl and summary.json. Memory grows with a window of utterances, not with the run, but
for what the intervals need of each utterance: four counts and its speaker, and a number for each column to slice by.
"""

from __future__ import annotations

import hashlib
import json
import json.encoder
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark import schema
from earmark.reports.audit import kept_verdict
from earmark.reports.breakdown import errors_by_slice
from earmark.reports.capacity import capacity
from earmark.reports.confusions import ConfusionTally
from earmark.reports.coverage import CoverageTally
from earmark.reports.guards import GUARDS, FlagTally, with_flags
from earmark.reports.remarks import Remarks
from earmark.reports.scores import outcomes, score_utterances
from earmark.reports.slices import Grouping, SliceLabels
from earmark.reports.speed import attempts, speed
from earmark.reports.summary import RunSummary
from earmark.reports.usage import cost_of, latest_price, used
from earmark.schema import FAILED, SCORED, SKIPPED
from earmark.scoring.bootstrap import Interval, wer_interval
from earmark.scoring.counts import CorpusCounts
from earmark.scoring.levenshtein import LEVENSHTEIN
from earmark.scoring.pairs import PairScores
from earmark.scoring.scorer import Scorer
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.reader import WINDOW, Progress, windows
from earmark.store.run import RunStore
from earmark.text.base import Normalizer, NormalizerIdentity
from earmark.text_bytes import text_bytes

_SCORED_AT_ONCE = 4096  # measured: with more, memory that comes and goes costs as much as counting
_quoted = json.encoder.encode_basestring  # a text as JSON with every character as it is
_NEEDS_ESCAPE = np.isin(np.arange(256), [*range(0x20), *b'"\\'])  # by byte: of UTF-8, only ASCII ones do
_COUNTS = ("hits", "substitutions", "deletions", "insertions")
_HASHED = ("id", "status", "hypothesis", "hits", "substitutions", "deletions", "insertions", "character_errors")


@dataclass
class _Totals:
    labels: SliceLabels
    confusions: ConfusionTally | None
    coverage: CoverageTally
    counts: CorpusCounts = field(default_factory=CorpusCounts.zero)
    status: dict[str, int] = field(default_factory=lambda: {SCORED: 0, FAILED: 0, SKIPPED: 0})
    skipped: dict[str, int] = field(default_factory=dict)
    failed_words: int = 0
    audio_s: float = 0.0
    num_splits: int = 0
    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _COUNTS})
    speakers: list[Any] = field(default_factory=list)
    flags: FlagTally = field(default_factory=FlagTally)
    remarks: Remarks = field(default_factory=Remarks)
    digest: Any = field(default_factory=hashlib.sha256)


def summarize(
    store: RunStore,
    spec: RunSpec,
    normalizer: Normalizer,
    scorer: Scorer = LEVENSHTEIN,
    *,
    slices: Sequence[str] = (),
    num_confusions: int = 0,
    into: RunStore | None = None,
) -> RunSummary:
    """Score every utterance of the run anew and write its tables and its summary, there or in the folder of ``into``.

    ``slices`` are columns to divide it by, and ``num_confusions`` is how many confusions of each kind are kept; with 0
    none are counted. An unfinished run is summarized as far as it is; what is not done counts as skipped.

    Raises StoreError, and UnknownNameError for a column that no utterance has; then everything stays as it was.
    """
    into = into or store
    done = store.progress(spec)
    coverage = CoverageTally(store.table(layout.SEGMENTS), spec.segmentation.name)
    totals = _Totals(SliceLabels(slices), ConfusionTally() if num_confusions else None, coverage)
    listing = bytearray()
    with into.table_writer(layout.SCORES, schema.SCORES) as writer:
        for utterances, counted, rows in _windows(store, done, spec.data.num_utterances, normalizer, scorer):
            scores = with_flags(counted, rows)
            writer.write_table(scores)
            totals.audio_s += pc.sum(rows["audio_s"]).as_py() or 0.0
            totals.coverage.add(utterances, rows)
            totals.num_splits += pc.sum(rows["is_split"]).as_py() or 0
            _add(totals, scores, scorer)
            listing += _error_lines(scores)
        groupings = totals.labels.groupings()
    into.folder.write(layout.ERRORS, bytes(listing))
    summary = _summary(store, spec, normalizer, scorer, done, totals, groupings, num_confusions)
    into.folder.write(layout.SUMMARY, summary.to_json().encode())
    return summary


def scored_windows(
    store: RunStore, done: Progress, num_utterances: int, normalizer: Normalizer, scorer: Scorer = LEVENSHTEIN
) -> Iterator[pa.Table]:
    """Yield the tables of schema.SCORES of a run, in order, a window of utterances each, without their flags.

    Raises StoreError.
    """
    return (scores for _, scores, _ in _windows(store, done, num_utterances, normalizer, scorer))


def _windows(
    store: RunStore, done: Progress, num_utterances: int, normalizer: Normalizer, scorer: Scorer
) -> Iterator[tuple[pa.Table, pa.Table, pa.Table]]:
    """Some utterances, their scores, and the rows of parts that these come from."""
    utterances = store.batches(layout.UTTERANCES, WINDOW)
    rows = windows(store.folder, done.part_names, num_utterances, WINDOW)
    for window, found in zip(utterances, rows, strict=True):
        for some, theirs in _pieces(window, found):
            yield some, score_utterances(some, outcomes(theirs), normalizer, scorer), theirs


def _pieces(window: pa.Table, rows: pa.Table) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Cut a window, and the rows of parts that belong to it, so that few Python objects are alive at a time."""
    index, owner = window["index"].to_numpy(), rows["index"].to_numpy()
    for start in range(0, len(window), _SCORED_AT_ONCE):
        some = window.slice(start, _SCORED_AT_ONCE)
        first, last = np.searchsorted(owner, [index[start], index[start + len(some) - 1] + 1]).tolist()
        yield some, rows.slice(first, last - first)


def _add(totals: _Totals, scores: pa.Table, scorer: Scorer) -> None:
    for name, number in zip(*_counted(scores["status"]), strict=True):
        totals.status[name] += number
    skipped = scores.filter(pc.equal(scores["status"], SKIPPED))
    for rule, number in zip(*_counted(skipped["reason"]), strict=True):
        totals.skipped[rule] = totals.skipped.get(rule, 0) + number
    failed = scores.filter(pc.equal(scores["status"], FAILED))
    totals.failed_words += sum(len(scorer.tokens(text)) for text in failed["reference_normalized"].to_pylist() if text)
    scored = scores.filter(pc.equal(scores["status"], SCORED))
    column = {field.name: scored[field.name].to_numpy() for field in schema.SCORES if field.type == pa.int32()}
    for name in _COUNTS:
        totals.columns[name].append(column[name])
    totals.speakers.append(scored["speaker"])
    totals.flags.add(scores)
    totals.remarks.add(scored, scorer)
    totals.labels.add(scored, column["hits"] + column["substitutions"] + column["deletions"])
    if totals.confusions is not None:
        totals.confusions.add(scored, scorer.tokens)
    totals.counts += PairScores(**column).total()
    totals.digest.update(_hashed_lines(scores))


def _hashed_lines(scores: pa.Table) -> bytes:
    """What the hash of the scores is over: each row of _HASHED as JSON writes it, a line each."""
    first, *others, last = (_json_cells(scores[name].combine_chunks()) for name in _HASHED)
    opened, closed = pc.binary_join_element_wise("[", first, ""), pc.binary_join_element_wise(last, "]\n", "")
    return text_bytes(pc.binary_join_element_wise(opened, *others, closed, ", ")).tobytes()


def _json_cells(column: pa.Array) -> pa.Array:
    """Each text or integer as JSON writes it, with every character that may stand there as it is."""
    if not pa.types.is_string(column.type):
        written = column.cast(pa.string())
    elif _NEEDS_ESCAPE[text_bytes(column)].any():
        written = pa.array([None if value is None else _quoted(value) for value in column.to_pylist()], pa.string())
    else:
        written = pc.binary_join_element_wise('"', column, '"', "")
    return written.fill_null("null")


def _counted(column: pa.ChunkedArray) -> tuple[list[str], list[int]]:
    counts = pc.value_counts(column)
    return counts.field("values").to_pylist(), counts.field("counts").to_pylist()


def _error_lines(scores: pa.Table) -> bytes:
    failed = scores.filter(pc.equal(scores["status"], FAILED)).select(["index", "id", "reason"])
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in failed.to_pylist()).encode()


def _summary(
    store: RunStore,
    spec: RunSpec,
    normalizer: Normalizer,
    scorer: Scorer,
    done: Progress,
    totals: _Totals,
    groupings: Sequence[Grouping],
    num_confusions: int,
) -> RunSummary:
    num_utterances = sum(totals.status.values())
    if num_utterances != spec.data.num_utterances:
        raise AssertionError(f"{num_utterances} utterances scored, failed or skipped, of {spec.data.num_utterances}")
    columns = {name: np.concatenate([np.zeros(0, np.int32), *found]) for name, found in totals.columns.items()}
    speakers = _known_speakers(totals.speakers)
    words = totals.counts.words
    all_words = words.reference_length + totals.failed_words
    kept, usage = attempts(store), used(done.receipts)
    cost = cost_of(usage, latest_price(kept))
    return RunSummary(
        run=store.url,
        model=spec.recognizer.name,
        model_place=spec.recognizer.place,
        model_architecture=spec.recognizer.architecture,
        data=spec.data.name,
        num_utterances=num_utterances,
        num_scored=totals.status[SCORED],
        num_failed=totals.status[FAILED],
        num_skipped=totals.status[SKIPPED],
        skipped=totals.skipped,
        num_empty_references=totals.counts.num_empty_references,
        num_split_rows=totals.num_splits,
        num_damaged_parts=len(done.damaged),
        damaged_parts=tuple(part.name for part in done.damaged),
        num_forgiven=totals.remarks.num_forgiven,
        num_different_forgiven=totals.remarks.num_different_forgiven,
        forgiven=totals.remarks.forgiven,
        is_unsegmented=totals.remarks.is_unsegmented,
        counts=totals.counts,
        wer_interval=_interval(columns, speakers),
        wer_failed_as_deletions=(words.errors + totals.failed_words) / all_words if all_words else None,
        audio_s=totals.audio_s,
        coverage=totals.coverage.found(),
        speed=speed(done.receipts, kept),
        flags=totals.flags.found(),
        guards=GUARDS,
        slices=errors_by_slice(groupings, columns, speakers),
        confusions=totals.confusions.most(num_confusions) if totals.confusions else None,
        normalizer=NormalizerIdentity.of(normalizer),
        scorer=scorer.identity,
        scores_hash=totals.digest.hexdigest(),
        spec_fingerprint=spec.fingerprint(),
        audit=kept_verdict(store),
        usage=usage,
        cost=cost,
        capacity=capacity(done.receipts, kept, cost),
    )


def _known_speakers(columns: Sequence[pa.ChunkedArray]) -> list[str | None] | None:
    """The speaker of each utterance; None where some are unknown. The names are kept once each."""
    found = pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string())
    if found.null_count:
        return None
    encoded = found.dictionary_encode().combine_chunks()
    names = encoded.dictionary.to_pylist()
    return [names[code] for code in encoded.indices.to_pylist()]


def _interval(columns: Mapping[str, NDArray[np.int32]], speakers: Sequence[str | None] | None) -> Interval | None:
    errors = columns["substitutions"] + columns["deletions"] + columns["insertions"]
    words = columns["hits"] + columns["substitutions"] + columns["deletions"]
    return wer_interval(errors, words, speakers)
