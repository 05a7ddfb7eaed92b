"""Scores while a run goes on: each new part is read back, scored at once, and its mistakes are exported.

What it says is for the screen and the mistakes files. The summary is computed again from all the parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.records import Receipt
from earmark.reports.mistakes import Mistake, MistakesExport
from earmark.reports.scores import outcomes, score_utterances
from earmark.schema import FAILED, SCORED
from earmark.scoring.alignment import render_diff
from earmark.scoring.counts import CorpusCounts
from earmark.scoring.levenshtein import LEVENSHTEIN
from earmark.scoring.pairs import PairScores
from earmark.scoring.scorer import Scorer
from earmark.store.folder import Folder
from earmark.store.parts import read_part
from earmark.store.reader import READ_COLUMNS, winners_in_order
from earmark.text.base import Normalizer


class LiveScores:
    """Takes the receipts of a run as they come. ``utterances`` is the run's whole table (schema.UTTERANCES)."""

    def __init__(
        self,
        folder: Folder,
        utterances: pa.Table,
        normalizer: Normalizer,
        export: MistakesExport,
        scorer: Scorer = LEVENSHTEIN,
    ) -> None:
        self._folder = folder
        self._utterances = utterances
        self._normalizer = normalizer
        self._export = export
        self._scorer = scorer
        self._waiting: dict[int, list[pa.Table]] = {}
        self.counts = CorpusCounts.zero()
        self.num_done = 0
        self.num_failed = 0

    def catch_up(self, receipts: Iterable[Receipt], plan: pa.Table, is_own: NDArray[np.bool_] | None = None) -> None:
        """Export the mistakes of earlier attempts that no file covers yet (a kill came between part and export).

        The plan (schema.PLAN) says which utterances a receipt is about, so that a part is only read where it must be.
        ``is_own`` says of each utterance by index whether it is this driver's: the others' are theirs to export.
        """
        starts = np.searchsorted(plan["batch"].to_numpy(), np.arange(len(plan) + 1))
        index = plan["index"].to_numpy()
        can_have_mistakes = pc.is_valid(self._utterances["reference"]).to_numpy()
        for receipt in receipts:
            rows = [index[starts[batch] : starts[batch + 1]] for batch in receipt.batches]
            about = np.unique(np.concatenate(rows)) if rows else index[:0]
            about = about[can_have_mistakes[about] if is_own is None else can_have_mistakes[about] & is_own[about]]
            if receipt.num_piece_rows or self._export.covered.count(about) < len(about):
                found = self._rows(receipt)
                mine = found if is_own is None else found.filter(pa.array(is_own[found["index"].to_numpy()]))
                self._score(mine, counts_as_new=False)

    def take(self, receipt: Receipt) -> None:
        """Score a part that was just committed. Raises StoreError if a mistakes file cannot be written."""
        self._score(self._rows(receipt), counts_as_new=True)

    def finish(self) -> None:
        """Write the mistakes that wait for more."""
        self._export.flush()

    def _rows(self, receipt: Receipt) -> pa.Table:
        rows = read_part(self._folder, receipt.part, READ_COLUMNS)
        return rows.take(pc.sort_indices(rows, sort_keys=[("index", "ascending"), ("segment", "ascending")]))

    def _score(self, rows: pa.Table, *, counts_as_new: bool) -> None:
        rows = self._whole(rows)
        found = outcomes(rows)
        if not found:
            return
        ranks = dict(zip(rows["index"].to_pylist(), rows["rank"].to_pylist(), strict=True))
        scores = score_utterances(self._utterances.take(list(found)), found, self._normalizer, self._scorer)
        if counts_as_new:
            self._count(scores)
        evaluated = scores.filter(pc.equal(scores["status"], SCORED)).to_pylist()
        for rank, group in groupby(
            sorted(evaluated, key=lambda row: ranks[row["index"]]), key=lambda row: ranks[row["index"]]
        ):
            members = list(group)
            mistakes = [
                _mistake(row, rank, self._scorer)
                for row in members
                if row["substitutions"] + row["deletions"] + row["insertions"]
            ]
            self._export.add(rank, [row["index"] for row in members], mistakes)

    def _whole(self, rows: pa.Table) -> pa.Table:
        """The rows of utterances all of whose segments are here; the others wait for the rest."""
        if pc.max(rows["num_segments"]).as_py() in (None, 1):
            return rows
        is_single = pc.equal(rows["num_segments"], 1)
        ready = [rows.filter(is_single)]
        pieces = rows.filter(pc.invert(is_single))
        for index, group in groupby(range(len(pieces)), key=pieces["index"].to_pylist().__getitem__):
            positions = list(group)
            held = self._waiting.setdefault(index, [])
            held.append(pieces.take(positions))
            together = winners_in_order(held)
            if len(together) == together["num_segments"][0].as_py():
                ready.append(together)
                if together["error"].null_count == len(together):  # else a retry may still mend it
                    del self._waiting[index]
        whole = pa.concat_tables(ready)
        return whole.take(pc.sort_indices(whole, sort_keys=[("index", "ascending"), ("segment", "ascending")]))

    def _count(self, scores: pa.Table) -> None:
        scored = scores.filter(pc.equal(scores["status"], SCORED))
        column = {field.name: scored[field.name].to_numpy() for field in scored.schema if field.type == pa.int32()}
        self.counts += PairScores(**column).total()
        self.num_done += len(scores)
        self.num_failed += pc.sum(pc.equal(scores["status"], FAILED)).as_py() or 0


def _mistake(row: dict[str, Any], rank: int, scorer: Scorer) -> Mistake:
    reference, hypothesis = row["reference_normalized"], row["hypothesis_normalized"]
    errors = row["substitutions"] + row["deletions"] + row["insertions"]
    words = row["hits"] + row["substitutions"] + row["deletions"]
    return Mistake(
        index=row["index"],
        reference=reference,
        prediction=hypothesis,
        diff=render_diff(scorer.tokens(reference), scorer.tokens(hypothesis), row["alignment"]),
        sample_wer=errors / words if words else None,
        sample_cer=row["character_errors"] / row["reference_characters"] if row["reference_characters"] else None,
        gpu_rank=rank,
    )
