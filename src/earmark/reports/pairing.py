"""The rows of several runs that belong together: the same utterances, scored in all of them.

Reads runs and writes none. An utterance is the same where its id is; that its reference is too is checked.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.errors import UsageError
from earmark.reports.slices import Grouping, SliceLabels
from earmark.reports.summarize import scored_windows
from earmark.schema import FAILED, SCORED
from earmark.scoring.levenshtein import LEVENSHTEIN
from earmark.scoring.scorer import Scorer
from earmark.spec import RunSpec
from earmark.store.run import RunStore
from earmark.text.base import Normalizer

NOT_IN_ALL_RULE = "not in all runs"

ROWS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("status", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("speaker", pa.string()),
        pa.field("errors", pa.int32()),
        pa.field("reference_words", pa.int32()),
        pa.field("character_errors", pa.int32()),
        pa.field("reference_characters", pa.int32()),
        pa.field("alignment", pa.string()),
        pa.field("reference_hash", pa.int64()),
        pa.field("hypothesis_hash", pa.int64()),  # null where no word was heard
    ]
)


@dataclass(frozen=True)
class RunRows:
    """What a comparison keeps of a run: a row an utterance, in the order of the data. Counts are 0 where unscored."""

    label: str
    rows: pa.Table
    damaged_parts: tuple[str, ...]


@dataclass(frozen=True)
class Matched:
    """The utterances that are scored in all runs, in the order of the first: a table a run, row for row the same ones.

    ``left_out`` are the others, by reason, each counted once.
    """

    rows: tuple[pa.Table, ...]
    left_out: dict[str, int]
    groupings: tuple[Grouping, ...]


def read_run(
    store: RunStore,
    spec: RunSpec,
    label: str,
    normalizer: Normalizer,
    labels: SliceLabels | None = None,
    scorer: Scorer = LEVENSHTEIN,
) -> RunRows:
    """Score a run, a window at a time, and name the slices of its utterances if ``labels`` are given."""
    done = store.progress(spec)
    found = [ROWS.empty_table()]
    for scores in scored_windows(store, done, spec.data.num_utterances, normalizer, scorer):
        rows = rows_of(scores)
        if labels is not None:
            labels.add(scores, rows["reference_words"].to_numpy())
        found.append(rows)
    return RunRows(label, pa.concat_tables(found).combine_chunks(), tuple(part.name for part in done.damaged))


def match(runs: Sequence[RunRows], labels: SliceLabels, *, intersect: bool = False) -> Matched:
    """Bring the runs' rows together by id. ``labels`` are of the first run.

    Raises UsageError where the ids differ (unless ``intersect``), where a reference does, and where no utterance with a
    reference word is scored in all runs.
    """
    first, *others = runs
    ids = [run.rows["id"].combine_chunks() for run in runs]
    places = [pc.index_in(ids[0], value_set=other) for other in ids[1:]]
    if not intersect:
        for run, place in zip(others, places, strict=True):
            _check_same_ids(first, run, place)
    is_common = np.all([place.is_valid().to_numpy(zero_copy_only=False) for place in places], axis=0)
    common = pa.array(np.flatnonzero(is_common))
    rows = [first.rows.take(common)]
    rows += [run.rows.take(place.take(common)) for run, place in zip(others, places, strict=True)]
    is_scored = np.all([pc.equal(one["status"], SCORED).to_numpy() for one in rows], axis=0)
    left_out = _unscored(rows, [run.label for run in runs], is_scored)
    if num_apart := len(pc.unique(pa.chunked_array(ids, pa.string()))) - len(common):
        left_out[NOT_IN_ALL_RULE] = num_apart
    scored = [one.filter(pa.array(is_scored)) for one in rows]
    _check_same_references(scored, [run.label for run in runs])
    if not pc.sum(scored[0]["reference_words"]).as_py():
        raise UsageError(
            "there is nothing to compare: no utterance with a reference word is scored in every run",
            cause="; ".join(f"{number:,} {reason}" for reason, number in left_out.items()) or None,
        )
    return Matched(tuple(scored), left_out, labels.groupings(common.filter(pa.array(is_scored))))


def rows_of(scores: pa.Table) -> pa.Table:
    """The columns (``ROWS``) of a table of schema.SCORES that are kept; the texts only as a hash."""
    counts = {
        name: pc.fill_null(scores[name], 0)
        for name in ("hits", "substitutions", "deletions", "insertions", "character_errors", "reference_characters")
    }
    heard = scores["hypothesis_normalized"].to_pylist()
    not_inserted = pc.add(counts["substitutions"], counts["deletions"])
    columns = {name: scores[name] for name in ("id", "status", "reason", "speaker", "alignment")} | {
        "errors": pc.add(not_inserted, counts["insertions"]),
        "reference_words": pc.add(not_inserted, counts["hits"]),
        "character_errors": counts["character_errors"],
        "reference_characters": counts["reference_characters"],
        "reference_hash": pa.array([hash_of(text) for text in scores["reference_normalized"].to_pylist()], pa.int64()),
        "hypothesis_hash": pa.array([hash_of(text) if text and text.strip() else None for text in heard], pa.int64()),
    }
    return pa.table([columns[name] for name in ROWS.names], schema=ROWS)


def hash_of(text: str | None) -> int | None:
    """What stands for a normalized text where only its likeness counts; white space between words is all one."""
    if text is None:
        return None
    words = " ".join(text.split()).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "big", signed=True)


def _check_same_ids(first: RunRows, other: RunRows, place: pa.Array) -> None:
    """Raise UsageError unless both runs have the same ids. ``place`` is where the first run's are in the other."""
    missing = first.rows["id"].filter(pc.is_null(place))
    extra = other.rows["id"].filter(pc.invert(pc.is_in(other.rows["id"], value_set=first.rows["id"].combine_chunks())))
    sides = [(missing, first.label), (extra, other.label)]
    if found := [f"{len(ids):,} only in {label} (first: {ids[0].as_py()!r})" for ids, label in sides if len(ids)]:
        num_common = len(first.rows) - len(missing)
        raise UsageError(
            f"{first.label} and {other.label} are not of the same utterances: {', '.join(found)}",
            cause=f"{num_common:,} are in both; runs are compared utterance by utterance, by id",
            hint="--intersect compares those that are in all runs" if num_common else None,
        )


def _unscored(rows: Sequence[pa.Table], labels: Sequence[str], is_scored: NDArray[np.bool_]) -> dict[str, int]:
    """Count the utterances that some run has not scored, by the first run for which that is so and its reason."""
    where = pa.array(~is_scored)
    columns = [(one["status"].filter(where).to_pylist(), one["reason"].filter(where).to_pylist()) for one in rows]
    reasons = Counter[str]()
    for position in range(int(np.count_nonzero(~is_scored))):
        for label, (status, reason) in zip(labels, columns, strict=True):
            if status[position] != SCORED:
                why = "" if status[position] == FAILED else f": {reason[position]}"
                reasons[f"{status[position]} in {label}{why}"] += 1
                break
    return dict(reasons)


def _check_same_references(rows: Sequence[pa.Table], labels: Sequence[str]) -> None:
    for one, label in zip(rows[1:], labels[1:], strict=True):
        differs = pc.not_equal(rows[0]["reference_hash"], one["reference_hash"])
        ids = one["id"].filter(differs)
        if len(ids):
            raise UsageError(
                f"{len(ids):,} references differ between {labels[0]} and {label}, first: {ids[0].as_py()!r}",
                cause="errors against different texts cannot be compared",
                hint="the same earmark eval command again, with the same data, scores a run against its references",
            )
