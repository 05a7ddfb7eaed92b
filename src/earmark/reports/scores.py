"""From the rows of parts to scored utterances: segments joined, texts normalized, errors counted and aligned.

Works on any set of utterances: one part while a run goes on, or a window of the whole run at its end. The same rows
give the same table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import compress, groupby, repeat
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from earmark import schema
from earmark.schema import FAILED, SCORED, SKIPPED
from earmark.scoring.levenshtein import LEVENSHTEIN
from earmark.scoring.scorer import Scorer
from earmark.text.base import Normalizer, normalized_all

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


class Outcome(NamedTuple):
    """What became of one utterance: a hypothesis, or why there is none."""

    hypothesis: str | None
    failure: str | None


def outcomes(rows: pa.Table) -> dict[int, Outcome]:
    """What became of each whole utterance of ``rows`` (store.reader.READ_COLUMNS, ordered by index and segment).

    The texts of a long utterance's segments are joined with spaces; one failed segment fails it. An utterance some of
    whose segments have no row yet is left out.
    """
    is_single = pc.max(rows["num_segments"]).as_py() in (None, 1)
    if is_single and rows["error"].null_count == len(rows):  # by far the commonest
        found = map(Outcome._make, zip(rows["hypothesis"].to_pylist(), repeat(None)))
        return dict(zip(rows["index"].to_pylist(), found, strict=True))
    columns = ["index", "num_segments", "segment", "hypothesis", "error_kind", "error"]
    values = zip(*(rows[name].to_pylist() for name in columns), strict=True)
    pieces = {index: list(group) for index, group in groupby(values, key=itemgetter(0))}
    return {index: _join(parts) for index, parts in pieces.items() if len(parts) == parts[0][1]}


def score_utterances(
    utterances: pa.Table, found: dict[int, Outcome], normalizer: Normalizer, scorer: Scorer = LEVENSHTEIN
) -> pa.Table:
    """The table of schema.SCORES for ``utterances`` (schema.UTTERANCES), in their order.

    An utterance without an outcome counts as skipped: not transcribed yet. ``flags`` are empty: ``guards`` gives them,
    which looks at the audio too.
    """
    references = utterances["reference"].to_pylist()
    status, reasons, hypotheses = _statuses(utterances, [found.get(index) for index in utterances["index"].to_pylist()])
    normalized = {
        "reference_normalized": normalized_all(
            normalizer, [text if one != SKIPPED else None for text, one in zip(references, status, strict=True)]
        ),
        "hypothesis_normalized": normalized_all(
            normalizer, [text if one == SCORED else None for text, one in zip(hypotheses, status, strict=True)]
        ),
    }
    columns: dict[str, Any] = {name: utterances[name] for name in _COPIED}
    columns |= {"status": status, "reason": reasons, "hypothesis": hypotheses, **normalized}
    columns["flags"] = [[]] * len(status)
    columns |= _counted(scorer, [one == SCORED for one in status], **normalized)
    return pa.table({name: columns[name] for name in schema.SCORES.names}, schema=schema.SCORES)


def _statuses(
    utterances: pa.Table, found: Sequence[Outcome | None]
) -> tuple[Sequence[str], Sequence[str | None], Sequence[str | None]]:
    """What ``status_of`` says of each, as columns."""
    skips = utterances["skip_reason"]
    if skips.null_count == len(skips) and not utterances["reference"].null_count and all(map(_is_answer, found)):
        return [SCORED] * len(found), [None] * len(found), [one.hypothesis for one in found if one is not None]
    given = (found, utterances["reference"].to_pylist(), skips.to_pylist())
    facts = list(map(status_of, *given))
    status, reasons, hypotheses = zip(*facts, strict=True)
    return status, reasons, hypotheses


def _is_answer(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.failure is None


def _join(parts: Sequence[tuple[Any, ...]]) -> Outcome:
    for _, num_segments, segment, _, kind, error in parts:
        if error is not None:
            where = f"piece {segment + 1} of {num_segments}: " if num_segments > 1 else ""
            return Outcome(None, f"{where}{kind}: {error}")
    return Outcome(" ".join(text for *_, text, _, _ in parts if text) if len(parts) > 1 else parts[0][3], None)


def status_of(
    outcome: Outcome | None, reference: str | None, skip_reason: str | None
) -> tuple[str, str | None, str | None]:
    """Say what an utterance counts as: status, reason and hypothesis.

    Without an outcome it is not done yet; what is left out by a rule is neither failed nor scored, whatever was said.
    """
    if outcome is None:
        return SKIPPED, NOT_DONE_RULE, None
    if skip_reason is not None:
        return SKIPPED, skip_reason, outcome.hypothesis
    if outcome.failure is not None:
        return FAILED, outcome.failure, None
    if reference is None:
        return SKIPPED, NO_REFERENCE_RULE, outcome.hypothesis
    return SCORED, None, outcome.hypothesis


def _counted(
    scorer: Scorer,
    is_scored: list[bool],
    *,
    reference_normalized: list[str | None],
    hypothesis_normalized: list[str | None],
) -> dict[str, pa.Array]:
    """The count columns and the alignments, null where an utterance is not scored."""
    mask = np.array(is_scored, dtype=bool)
    references, hypotheses = (
        [text or "" for text in compress(texts, is_scored)] for texts in (reference_normalized, hypothesis_normalized)
    )
    scored = scorer.score(references, hypotheses)
    columns = {}
    for name in _COUNTED:
        values = np.zeros(len(mask), dtype=np.int32)
        values[mask] = getattr(scored.counts, name)
        columns[name] = pa.array(values, mask=~mask)
    codes, merges = iter(scored.alignments), iter(scored.forgiven)
    columns["alignment"] = pa.array([next(codes) if one else None for one in is_scored], pa.string())
    kind = schema.SCORES.field("forgiven").type
    if any(scored.forgiven):
        forgiven = [next(merges) if one else () for one in is_scored]
        columns["forgiven"] = pa.array([[dataclasses.asdict(merge) for merge in one] or None for one in forgiven], kind)
    else:
        columns["forgiven"] = pa.nulls(len(mask), kind)
    return columns
