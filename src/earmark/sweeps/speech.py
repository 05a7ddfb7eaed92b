"""What the cells of a speech sweep come to, alone and together: read from their runs, which stay as they are.

Everything is over the utterances that are scored in all cells. Two kinds of answers are kept apart: those that can be
had without references (one cell, or a combination of all), and the oracle, which chooses by the references.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from earmark.reports.compare import PairComparison, compare_pairs
from earmark.reports.heard import scored_utterances
from earmark.reports.pairing import ROWS, Matched, RunRows, hash_of, match, rows_of
from earmark.reports.slices import SliceLabels
from earmark.scoring.bootstrap import wer_interval
from earmark.scoring.oracle import expected_fewest_errors, fewest_errors
from earmark.scoring.scorer import Scorer
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.reader import WINDOW
from earmark.store.run import RunStore
from earmark.sweeps.speech_results import Gain, Oracle, Rate, Together
from earmark.sweeps.speech_texts import COMBINERS, Combined, combined
from earmark.text.base import Normalizer

_NUM_REPLICATES, _SEED = 10_000, 0


@dataclass(frozen=True, slots=True)
class HeardCell:
    """A cell that was transcribed and scored, and the folder of its run."""

    name: str
    store: RunStore
    spec: RunSpec


def together(cells: Sequence[HeardCell], normalizer: Normalizer, scorer: Scorer) -> tuple[Together, list[Combined]]:
    """Compare the cells and their combinations; the texts of these come back, too, in the order of the data.

    The runs must have been scored with ``normalizer`` and ``scorer``. Raises UsageError where the cells are not of the
    same data, or no utterance with a reference word is scored in all of them, and StoreError.
    """
    labels = SliceLabels(())
    runs = []
    for number, cell in enumerate(cells):
        found = [ROWS.empty_table()]
        for scores in cell.store.batches(layout.SCORES, WINDOW):
            rows = rows_of(scores)
            found.append(rows)
            if number == 0:
                labels.add(scores, rows["reference_words"].to_numpy())
        runs.append(RunRows(cell.name, pa.concat_tables(found).combine_chunks(), ()))
    matched = match(runs, labels)
    texts = list(combined([scored_utterances(cell.store, cell.spec) for cell in cells], normalizer, scorer.tokens))
    return _results([cell.name for cell in cells], matched, texts, scorer), texts


def _results(names: Sequence[str], matched: Matched, texts: Sequence[Combined], scorer: Scorer) -> Together:
    errors = np.stack([_errors(rows) for rows in matched.rows])
    best = int(np.argmin(errors.sum(axis=1)))  # of equals the first
    references = [one.reference for one in texts]
    combinations = {}
    for combiner in COMBINERS:
        heard = [text for one in texts if (text := one.text(combiner)) is not None]
        if len(heard) == len(texts):
            combinations[combiner] = _rows_like(matched.rows[0], references, heard, scorer)
    return Together(
        num_utterances=len(matched.rows[0]),
        num_reference_words=int(_words(matched.rows[0]).sum()),
        left_out=matched.left_out,
        cells=tuple(_rate(name, rows) for name, rows in zip(names, matched.rows, strict=True)),
        first=names[0],
        best=names[best],
        combinations=tuple(_rate(name, rows) for name, rows in combinations.items()),
        against_first=_gains(names[0], matched.rows[0], combinations),
        against_best=_gains(names[best], matched.rows[best], combinations),
        oracle=_oracle(names[best], matched.rows, errors, best),
    )


def _rows_like(first: pa.Table, references: list[str], heard: list[str], scorer: Scorer) -> pa.Table:
    """The rows (``ROWS``) of a system that heard this in the utterances of ``first``."""
    scored = scorer.score(references, heard)
    columns = {name: first[name] for name in ROWS.names} | {
        "errors": scored.counts.errors,
        "reference_words": scored.counts.reference_words,
        "character_errors": scored.counts.character_errors,
        "reference_characters": scored.counts.reference_characters,
        "alignment": scored.alignments,
        "hypothesis_hash": [hash_of(text) if text.strip() else None for text in heard],
    }
    return pa.table({name: columns[name] for name in ROWS.names}, schema=ROWS)


def _oracle(best_name: str, rows: Sequence[pa.Table], errors: NDArray[np.int64], best: int) -> Oracle:
    """Take each utterance from the cell with the fewest errors in it."""
    num_utterances = errors.shape[1]
    chosen = fewest_errors(errors) * num_utterances + np.arange(num_utterances)
    taken = pa.concat_tables(rows).take(pa.array(chosen)).combine_chunks()
    num_words = int(_words(rows[0]).sum())
    (gain,) = _gains(best_name, rows[best], {"oracle": taken})
    return Oracle(
        rate=_rate("oracle", taken),
        against_best=gain,
        expected_wer_of=tuple((expected_fewest_errors(errors) / num_words).tolist()),
    )


def _gains(baseline: str, rows: pa.Table, systems: dict[str, pa.Table]) -> tuple[Gain, ...]:
    """What ``compare`` says of each system beside the baseline, corrected for their number."""
    pairs = compare_pairs(
        Matched((rows, *systems.values()), {}, ()),
        [baseline, *systems],
        num_replicates=_NUM_REPLICATES,
        seed=_SEED,
    )
    return tuple(_gain(pair) for pair in pairs)


def _gain(pair: PairComparison) -> Gain:
    return Gain(
        name=pair.b, baseline=pair.a, delta_wer=pair.delta_wer, interval=pair.interval,
        p=pair.p_adjusted, verdict=pair.verdict, sentence=pair.sentence,
    )  # fmt: skip


def _rate(name: str, rows: pa.Table) -> Rate:
    errors, words = _errors(rows), _words(rows)
    interval = wer_interval(errors, words, rows["speaker"].to_pylist(), seed=_SEED)
    return Rate(name=name, errors=int(errors.sum()), wer=int(errors.sum()) / int(words.sum()), interval=interval)


def _errors(rows: pa.Table) -> NDArray[np.int64]:
    errors: NDArray[np.int64] = rows["errors"].to_numpy().astype(np.int64)
    return errors


def _words(rows: pa.Table) -> NDArray[np.int64]:
    words: NDArray[np.int64] = rows["reference_words"].to_numpy().astype(np.int64)
    return words
