"""What the utterances of each rank come to, in the dicts that SpeechBrain prints, and the sum of all.

An utterance is of the rank that transcribed it (of a long one: its first piece), in whichever attempt. Each one is of
one rank, and counts are added as integers, so the sum is the run's own: nothing is done twice to fill up a rank.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.reports.summary import RankErrors, RunSummary
from earmark.schema import FAILED, SCORED
from earmark.scoring.speechbrain_summary import SpeechBrainSummary
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.reader import WINDOW, windows
from earmark.store.run import RunStore

_COUNTS = ("hits", "substitutions", "deletions", "insertions")
_NOBODY = -1


def errors_by_rank(store: RunStore, spec: RunSpec) -> tuple[RankErrors, ...]:
    """The errors of each rank that transcribed anything, in the order of ranks.

    It takes four bytes of memory an utterance. Raises StoreError where the run has no scores.
    """
    rank_of = ranks_of_utterances(store, spec)
    found: dict[int, SpeechBrainSummary] = {}
    for scores in store.batches(layout.SCORES, WINDOW):
        owner = rank_of[scores["index"].to_numpy()]
        for rank in np.unique(owner[owner != _NOBODY]).tolist():
            counted = _counted(scores.filter(pa.array(owner == rank)))
            found[rank] = found.get(rank, SpeechBrainSummary()) + counted
    return tuple(RankErrors(rank, found[rank]) for rank in sorted(found))


def write_ranks(store: RunStore, ranks: tuple[RankErrors, ...], summary: RunSummary) -> None:
    """Keep the dict of each rank, and of all, beside the summary.

    Raises AssertionError where they do not add up to it, and StoreError.
    """
    merged = SpeechBrainSummary.of(summary.counts, summary.num_failed)
    added = sum((one.errors for one in ranks), SpeechBrainSummary())
    if added != merged:
        raise AssertionError(f"the ranks add up to {added}, and the run is {merged}")
    facts = {
        "schema_version": 1,
        "ranks": {str(one.rank): one.errors.facts() for one in ranks},
        "summary": merged.facts(),
    }
    store.folder.write(layout.RANKS, (json.dumps(facts, indent=2) + "\n").encode())


def ranks_of_utterances(store: RunStore, spec: RunSpec) -> NDArray[np.int32]:
    """The rank of each utterance by its index, _NOBODY where none has a row."""
    num_utterances = spec.data.num_utterances
    rank_of = np.full(num_utterances, _NOBODY, dtype=np.int32)
    for rows in windows(store.folder, store.progress(spec).part_names, num_utterances, WINDOW):
        first = rows.filter(pc.equal(rows["segment"], 0))
        rank_of[first["index"].to_numpy()] = first["rank"].to_numpy()
    return rank_of


def _counted(scores: pa.Table) -> SpeechBrainSummary:
    """The counts of some rows of schema.SCORES; what failed has a reference and no hypothesis."""
    scored = scores.filter(pc.equal(scores["status"], SCORED))
    hits, substitutions, deletions, insertions = (scored[name].to_numpy().astype(np.int64) for name in _COUNTS)
    num_absent = pc.sum(pc.equal(scores["status"], FAILED)).as_py() or 0
    return SpeechBrainSummary(
        num_scored_tokens=int(np.sum(hits + substitutions + deletions)),
        num_erraneous_sents=int(np.count_nonzero(substitutions + deletions + insertions)),
        num_scored_sents=len(scored),
        num_absent_sents=num_absent,
        num_ref_sents=len(scored) + num_absent,
        insertions=int(np.sum(insertions)),
        deletions=int(np.sum(deletions)),
        substitutions=int(np.sum(substitutions)),
    )
