"""What a run heard, utterance by utterance: scores, with words, confidences and n best from the parts.

Puts the pieces of long utterances together, their times counted from the utterance's start. Reads a run and scores
nothing; knows no format that this could be written in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.errors import StoreError
from earmark.records import Alternative, ScoredUtterance, Word
from earmark.reports.scores import Outcome, outcomes
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.reader import WINDOW, windows
from earmark.store.run import RunStore

_HEARD = ("words", "confidence", "alternatives", "compute_s")
_ROWS_AT_ONCE = 1_024  # as Python objects, of which a word is four
_COPIED = (
    "id", "status", "reason", "reference", "hypothesis", "reference_normalized", "hypothesis_normalized",
    "hits", "substitutions", "deletions", "insertions", "duration_s", "alignment", "character_errors",
    "reference_characters", "speaker", "language",
)  # fmt: skip

_Row = dict[str, Any]
_Starts = Mapping[tuple[int, int], float]


def scored_utterances(store: RunStore, spec: RunSpec) -> Iterator[ScoredUtterance]:
    """Yield every utterance of a run that was scored, in the order of the data.

    Raises StoreError where a table cannot be read, or the scores are not those of the parts.
    """
    starts = _starts_s(store)
    scores = _rows(store.batches(layout.SCORES, _ROWS_AT_ONCE))
    places = _rows(store.batches(layout.UTTERANCES, _ROWS_AT_ONCE, ["audio", "start_s"]))
    utterances = ({**row, **place} for row, place in zip(scores, places, strict=True))
    parts = store.progress(spec).part_names
    for window in windows(store.folder, parts, spec.data.num_utterances, WINDOW, _HEARD):
        found = outcomes(window)
        pieces = _by_utterance(window)
        for row in islice(utterances, WINDOW):
            index = row["index"]
            _check_same(store, row, found.get(index))
            yield _utterance(row, _next_of(pieces, index, found), starts)


def words_of(store: RunStore, spec: RunSpec, indices: Collection[int]) -> dict[int, tuple[Word, ...]]:
    """The words of some utterances of a run, by index, where the recognizer gave times. Raises StoreError."""
    found: dict[int, tuple[Word, ...]] = {}
    if not indices:
        return found
    parts, wanted = store.progress(spec).part_names, np.fromiter(indices, np.int64)
    starts: _Starts | None = None
    for window in windows(store.folder, parts, spec.data.num_utterances, WINDOW, _HEARD):
        rows = window.filter(pa.array(np.isin(window["index"].to_numpy(), wanted) & _has_words(window)))
        if starts is None and len(rows):
            starts = _starts_s(store)
        for index, pieces in _by_utterance(rows):
            if words := _words(pieces, starts or {}):
                found[index] = words
    return found


def _has_words(window: pa.Table) -> NDArray[np.bool_]:
    return np.asarray(pc.is_valid(window["words"]))


def _rows(tables: Iterator[pa.Table]) -> Iterator[_Row]:
    for table in tables:
        yield from table.to_pylist()


def _by_utterance(window: pa.Table) -> Iterator[tuple[int, list[_Row]]]:
    columns = window.select(["index", "segment", "hypothesis", "rank", *_HEARD])
    tables = (columns.slice(start, _ROWS_AT_ONCE) for start in range(0, len(columns), _ROWS_AT_ONCE))
    for index, rows in groupby(_rows(tables), key=itemgetter("index")):
        yield index, list(rows)


def _next_of(pieces: Iterator[tuple[int, list[_Row]]], index: int, found: Mapping[int, Outcome]) -> Sequence[_Row]:
    """The pieces of a whole utterance that was transcribed; ``pieces`` then stands behind it. Else nothing."""
    outcome = found.get(index)
    if outcome is None:
        return ()
    rows = next(rows for owner, rows in pieces if owner == index)
    return rows if outcome.failure is None else ()


def _check_same(store: RunStore, row: _Row, outcome: Outcome | None) -> None:
    """Raise StoreError unless the text that was scored is the one in the parts: a later attempt may have changed it."""
    if row["hypothesis"] != (outcome.hypothesis if outcome else None):
        raise StoreError(
            f"the scores of {store.url} are older than its hypotheses",
            cause=f"of {row['id']} another text was scored than the one that is kept",
            hint=f"earmark score {store.url} scores them again",
        )


def _starts_s(store: RunStore) -> _Starts:
    """Where each piece starts in its utterance, by index and segment, in seconds; of those that start later than it."""
    utterances = store.read_table(layout.UTTERANCES, ["start_s"])
    plan = store.read_table(layout.PLAN, ["index", "segment", "start_s"])
    plan = plan.filter(pc.is_valid(plan["start_s"]))
    owners = pc.fill_null(utterances["start_s"], 0.0).take(plan["index"])
    offsets = pc.subtract(plan["start_s"], owners)
    is_later = pc.greater(offsets, 0.0)
    keys = zip(*(plan.filter(is_later)[name].to_pylist() for name in ("index", "segment")), strict=True)
    return dict(zip(keys, offsets.filter(is_later).to_pylist(), strict=True))


def _utterance(row: _Row, pieces: Sequence[_Row], starts: _Starts) -> ScoredUtterance:
    alternatives = (pieces[0]["alternatives"] or ()) if len(pieces) == 1 else ()
    return ScoredUtterance(
        **{name: row[name] for name in (*_COPIED, "audio", "start_s")},
        rank=pieces[0]["rank"] if pieces else None,
        compute_s=sum(piece["compute_s"] for piece in pieces) or None,
        words=_words(pieces, starts),
        confidence=_confidence(pieces),
        alternatives=tuple(Alternative(**one) for one in alternatives),
    )


def _words(pieces: Sequence[_Row], starts: _Starts) -> tuple[Word, ...] | None:
    """The words of all pieces; None where one has a text and no words, or no piece says anything of words."""
    if all(piece["words"] is None for piece in pieces):
        return None
    if any(piece["words"] is None and piece["hypothesis"] for piece in pieces):
        return None
    return tuple(
        Word(word["text"], word["start_s"] + start_s, word["end_s"] + start_s, word["confidence"])
        for piece in pieces
        for start_s in [starts.get((piece["index"], piece["segment"]), 0.0)]
        for word in piece["words"] or ()
    )


def _confidence(pieces: Sequence[_Row]) -> float | None:
    """The mean of the pieces' confidences, weighted by their words; None where a piece with a text has none."""
    if len(pieces) == 1:
        value: float | None = pieces[0]["confidence"]
        return value
    weights = [(piece["confidence"], len(piece["hypothesis"].split())) for piece in pieces if piece["hypothesis"]]
    num_words = sum(weight for _, weight in weights)
    if not num_words or any(confidence is None for confidence, _ in weights):
        return None
    return float(sum(confidence * weight for confidence, weight in weights) / num_words)
