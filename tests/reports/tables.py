"""Scores and rows of parts for tests, made from pairs of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from earmark import schema
from earmark.reports.scores import Outcome, score_utterances
from earmark.store.reader import READ_COLUMNS
from earmark.text import load_normalizer


@dataclass(frozen=True)
class Pair:
    """An utterance, and what is known of its audio; 0 seconds are unknown. No hypothesis means that it failed."""

    reference: str | None
    hypothesis: str | None
    stated_s: float = 0.0
    pieces: tuple[tuple[float, float | None], ...] = ((0.0, None),)  # seconds and level of what decoded
    speaker: str | None = None
    extra: str | None = None


def tables(pairs: Sequence[Pair]) -> tuple[pa.Table, pa.Table]:
    """The scores (schema.SCORES, flags empty) and the rows that they come from."""
    number = len(pairs)
    columns = {field.name: pa.nulls(number, field.type) for field in schema.UTTERANCES} | {
        "index": pa.array(range(number), pa.int64()),
        "id": pa.array([f"u{place}" for place in range(number)], pa.string()),
        "audio": pa.array(["x.wav"] * number, pa.string()),
        "duration_s": pa.array([pair.stated_s for pair in pairs], pa.float64()),
        "reference": pa.array([pair.reference for pair in pairs], pa.string()),
        "speaker": pa.array([pair.speaker for pair in pairs], pa.string()),
        "extra": pa.array([pair.extra for pair in pairs], pa.string()),
    }
    found = {
        place: Outcome(pair.hypothesis, "no luck" if pair.hypothesis is None else None)
        for place, pair in enumerate(pairs)
    }
    scores = score_utterances(pa.table(columns, schema=schema.UTTERANCES), found, load_normalizer("none"))
    pieces = [(place, *piece) for place, pair in enumerate(pairs) for piece in pair.pieces]
    rows = {name: pa.nulls(len(pieces), schema.PARTS.field(name).type) for name in READ_COLUMNS} | {
        "index": pa.array([place for place, *_ in pieces], pa.int64()),
        "audio_s": pa.array([seconds for _, seconds, _ in pieces], pa.float64()),
        "level_dbfs": pa.array([level for *_, level in pieces], pa.float64()),
    }
    return scores, pa.table(rows)
