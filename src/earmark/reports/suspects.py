"""References that all compared systems contradict with the very same words: look at these before blaming the systems.

It changes no score. Systems that were trained on the same data make the same mistakes, so that three which have little
in common say more than two; ``Suspects`` says how often they agreed at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from earmark.reports.scores import outcomes
from earmark.schema import SCORED
from earmark.scoring.alignment import align, render_diff
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.reader import WINDOW, windows
from earmark.store.run import RunStore
from earmark.text.base import Normalizer

MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Suspect:
    """An utterance, its reference and what all systems heard instead, both normalized, and the word errors of that."""

    id: str
    reference: str
    hypothesis: str
    num_errors: int

    @property
    def diff(self) -> str:
        """Both texts as one line: ``the [cat->cap] sat``."""
        said, heard = self.reference.split(), self.hypothesis.split()
        return render_diff(said, heard, align(said, heard))


@dataclass(frozen=True, slots=True)
class Suspects:
    """What the systems agreed on.

    In ``num_agreed`` utterances all of them heard the same words, at least one, and in ``number`` of these not the
    reference's.
    ``listed`` are at most 1,000 of these, most errors first, then in the order of the data.
    """

    num_systems: int
    num_agreed: int
    number: int
    listed: tuple[Suspect, ...]


def suspects(rows: Sequence[pa.Table], store: RunStore, spec: RunSpec, normalizer: Normalizer) -> Suspects:
    """Find them in the rows of two systems or more, which are of the same utterances, row for row.

    ``rows`` have the columns ``id``, ``errors`` and ``hypothesis_hash``: 64 bits of the words that were heard, null for
    none. The texts are read again from the first system's run; only those that are listed are kept. Raises StoreError.
    """
    first, *others = rows
    heard = first["hypothesis_hash"]
    same = [pc.fill_null(pc.equal(one["hypothesis_hash"], heard), False) for one in others]
    is_agreed = np.all([one.to_numpy() for one in same], axis=0)
    errors = first["errors"].to_numpy()
    where = np.flatnonzero(is_agreed & (errors > 0))
    worst = where[np.argsort(-errors[where], kind="stable")][:MAX_LISTED]
    ids = first["id"].take(pa.array(worst))
    texts = dict(_texts(store, spec, ids, normalizer))
    listed = [
        Suspect(name, *texts[name], num_errors)
        for name, num_errors in zip(ids.to_pylist(), errors[worst].tolist(), strict=True)
    ]
    return Suspects(len(rows), int(np.count_nonzero(is_agreed)), len(where), tuple(listed))


def suspects_in_scores(stores: Sequence[RunStore]) -> Suspects:
    """Find them in the scores of two systems or more, whose runs have the same utterances in the same order.

    A window of each run is in memory at a time. Raises StoreError, and ValueError where the runs are not the same.
    """
    worst: list[Suspect] = []
    num_agreed = number = 0
    for tables in zip(*(store.batches(layout.SCORES, WINDOW) for store in stores), strict=True):
        agreed = list(_agreed(tables))
        wrong = [one for one in agreed if one.num_errors]
        num_agreed += len(agreed)
        number += len(wrong)
        worst = sorted(worst + wrong, key=lambda one: -one.num_errors)[:MAX_LISTED]
    return Suspects(len(stores), num_agreed, number, tuple(worst))


def _agreed(tables: Sequence[pa.Table]) -> Iterator[Suspect]:
    """The utterances of a window (schema.SCORES) that are scored in all systems, and in which all heard the same."""
    first, *others = tables
    if any(not one["id"].equals(first["id"]) for one in others):
        raise ValueError("these runs are not of the same utterances in the same order")
    is_scored = np.all([pc.equal(one["status"], SCORED).to_numpy() for one in tables], axis=0)
    rows = [one.filter(pa.array(is_scored)) for one in tables]
    heard = zip(*(one["hypothesis_normalized"].to_pylist() for one in rows), strict=True)
    errors = pc.add(pc.add(rows[0]["substitutions"], rows[0]["deletions"]), rows[0]["insertions"]).to_pylist()
    ids, references = (rows[0][name].to_pylist() for name in ("id", "reference_normalized"))
    for name, reference, texts, num_errors in zip(ids, references, heard, errors, strict=True):
        words = texts[0].split()
        if words and all(text.split() == words for text in texts[1:]):
            yield Suspect(name, " ".join(reference.split()), " ".join(words), num_errors)


def _texts(
    store: RunStore, spec: RunSpec, ids: pa.ChunkedArray, normalizer: Normalizer
) -> Iterator[tuple[str, tuple[str, str]]]:
    """The id, and reference and hypothesis, of each of these utterances, in the order of the data."""
    if not len(ids):
        return
    utterances = store.batches(layout.UTTERANCES, WINDOW)
    parts = store.progress(spec).part_names
    all_rows = windows(store.folder, parts, spec.data.num_utterances, WINDOW)
    for window, rows in zip(utterances, all_rows, strict=True):
        wanted = window.filter(pc.is_in(window["id"], value_set=ids.combine_chunks()))
        found = outcomes(rows.filter(pc.is_in(rows["index"], value_set=wanted["index"].combine_chunks())))
        columns = (wanted[name].to_pylist() for name in ("index", "id", "reference"))
        for index, name, reference in zip(*columns, strict=True):
            yield name, (_words(normalizer, reference), _words(normalizer, found[index].hypothesis))


def _words(normalizer: Normalizer, text: str | None) -> str:
    return " ".join(normalizer(text or "").split())
