"""From the rows of parts to scored utterances: segments joined, texts normalized, errors counted and aligned.

Works on any set of utterances: one part while a run goes on, or a window of the whole run at its end. The same rows
give the same table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from earmark import schema
from earmark.schema import FAILED, SCORED, SKIPPED
from earmark.scoring.alignment import align
from earmark.scoring.pairs import PairScores, score_pairs
from earmark.text.base import Normalizer

NO_REFERENCE_RULE = "no reference"
NOT_DONE_RULE = "not transcribed yet"

_COPIED = ("index", "id", "reference", "duration_s", "speaker", "language", "extra")
_COUNTED = (
    "hits",
    "substitutions",
    "deletions",
    "insertions",
    "character_errors",
    "reference_characters",
    "hypothesis_characters",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one utterance: a hypothesis, or why there is none."""

    hypothesis: str | None
    failure: str | None


def outcomes(rows: pa.Table) -> Iterator[tuple[int, Outcome]]:
    """Each whole utterance of ``rows`` (store.reader.READ_COLUMNS, ordered by index and segment) with its outcome.

    The texts of a long utterance's segments are joined with spaces; one failed segment fails it. An utterance some of
    whose segments have no row yet is left out.
    """
    columns = ["index", "num_segments", "segment", "hypothesis", "error_kind", "error"]
    values = zip(*(rows[name].to_pylist() for name in columns), strict=True)
    for index, pieces in groupby(values, key=itemgetter(0)):
        parts = list(pieces)
        if len(parts) == parts[0][1]:
            yield index, _join(parts)


def score_utterances(utterances: pa.Table, found: dict[int, Outcome], normalizer: Normalizer) -> pa.Table:
    """The table of schema.SCORES for ``utterances`` (schema.UTTERANCES), in their order.

    An utterance without an outcome counts as skipped: not transcribed yet.
    """
    facts = [
        _status(found.get(index), reference, skip_reason)
        for index, reference, skip_reason in zip(
            *(utterances[name].to_pylist() for name in ("index", "reference", "skip_reason")), strict=True
        )
    ]
    status = [fact[0] for fact in facts]
    hypotheses = [fact[2] for fact in facts]
    references = utterances["reference"].to_pylist()
    normalized = {
        "reference_normalized": [
            normalizer(text) if text is not None and one != SKIPPED else None
            for text, one in zip(references, status, strict=True)
        ],
        "hypothesis_normalized": [
            normalizer(text) if text is not None and one == SCORED else None
            for text, one in zip(hypotheses, status, strict=True)
        ],
    }
    columns: dict[str, Any] = {name: utterances[name] for name in _COPIED}
    columns |= {"status": status, "reason": [fact[1] for fact in facts], "hypothesis": hypotheses, **normalized}
    columns |= _counted([one == SCORED for one in status], **normalized)
    return pa.table({name: columns[name] for name in schema.SCORES.names}, schema=schema.SCORES)


def _join(parts: Sequence[tuple[Any, ...]]) -> Outcome:
    for _, num_segments, segment, _, kind, error in parts:
        if error is not None:
            where = f"piece {segment + 1} of {num_segments}: " if num_segments > 1 else ""
            return Outcome(None, f"{where}{kind}: {error}")
    return Outcome(" ".join(text for *_, text, _, _ in parts if text) if len(parts) > 1 else parts[0][3], None)


def _status(
    outcome: Outcome | None, reference: str | None, skip_reason: str | None
) -> tuple[str, str | None, str | None]:
    """Status, reason and hypothesis."""
    if outcome is None:
        return SKIPPED, NOT_DONE_RULE, None
    if outcome.failure is not None:
        return (FAILED, outcome.failure, None) if skip_reason is None else (SKIPPED, skip_reason, None)
    if reference is None:
        return SKIPPED, NO_REFERENCE_RULE, outcome.hypothesis
    return SCORED, None, outcome.hypothesis


def _counted(
    is_scored: list[bool], *, reference_normalized: list[str | None], hypothesis_normalized: list[str | None]
) -> dict[str, pa.Array]:
    """The count columns and the alignments, null where an utterance is not scored."""
    mask = np.array(is_scored, dtype=bool)
    pairs = [
        (reference or "", hypothesis or "")
        for reference, hypothesis, scored in zip(reference_normalized, hypothesis_normalized, is_scored, strict=True)
        if scored
    ]
    scores = score_pairs([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    columns = {}
    for name in _COUNTED:
        values = np.zeros(len(mask), dtype=np.int32)
        values[mask] = getattr(scores, name)
        columns[name] = pa.array(values, mask=~mask)
    codes = iter(_alignments(pairs, scores))
    columns["alignment"] = pa.array([next(codes) if scored else None for scored in is_scored], pa.string())
    return columns


def _alignments(pairs: list[tuple[str, str]], scores: PairScores) -> Iterator[str]:
    errors = scores.substitutions + scores.deletions + scores.insertions
    for (reference, hypothesis), num_errors, hits in zip(pairs, errors.tolist(), scores.hits.tolist(), strict=True):
        if num_errors:
            yield align(reference.split(), hypothesis.split())
        else:
            yield f"{hits}=" if hits else ""
