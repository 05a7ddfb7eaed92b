"""The utterances with the most errors, read from a run's scores a window at a time: memory does not grow with the run.

Without the texts unless somebody asks for them: what people said, and what was heard, is nobody else's by default.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from earmark.schema import SCORED
from earmark.store import layout
from earmark.store.reader import WINDOW
from earmark.store.run import RunStore
from earmark.tracking.base import Table, Value

MOST = 100
"""Rows of the table."""

_COUNTS = ("hits", "substitutions", "deletions", "insertions", "character_errors", "reference_characters")
_TEXTS = ("reference", "hypothesis")
_ORDER = [("errors", "descending"), ("index", "ascending")]


def worst_utterances(store: RunStore, *, texts: bool) -> Table:
    """The scored utterances with the most word errors, those with none left out; of equal ones the first in the data.

    Raises StoreError.
    """
    columns = ("id", "wer", *_COUNTS, "duration_s", *(_TEXTS if texts else ()))
    return Table(
        name="worst_utterances",
        columns=columns,
        rows=tuple(_row(one, texts=texts) for one in _worst(store).to_pylist()),
    )


def _worst(store: RunStore) -> pa.Table:
    worst: pa.Table | None = None
    for window in store.batches(layout.SCORES, WINDOW):
        scored = window.filter(pc.equal(window["status"], SCORED))
        errors = pc.add(pc.add(scored["substitutions"], scored["deletions"]), scored["insertions"])
        kept = scored.select(["index", "id", *_COUNTS, "duration_s", *_TEXTS]).append_column("errors", errors)
        kept = kept.filter(pc.greater(kept["errors"], 0))
        together = kept if worst is None else pa.concat_tables([worst, kept])
        worst = together.take(pc.sort_indices(together, sort_keys=_ORDER)[:MOST])
    assert worst is not None, "a table gives a piece even where it is empty"  # noqa: S101  # a programmer's error
    return worst


def _row(one: dict[str, Any], *, texts: bool) -> tuple[Value, ...]:
    words = one["hits"] + one["substitutions"] + one["deletions"]
    rate = one["errors"] / words if words else None
    return (one["id"], rate, *(one[name] for name in (*_COUNTS, "duration_s", *(_TEXTS if texts else ()))))
