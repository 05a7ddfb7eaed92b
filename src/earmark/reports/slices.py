"""Parts of a test set, by duration, speaking rate, speaker, language or any column of the data, and the errors in each.

Every utterance is in exactly one slice of a column, so the slices of a column add up to the whole. Knows tables of
schema.SCORES, and no file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.errors import UnknownNameError
from earmark.scoring.bootstrap import Interval, difference_interval

DURATION, SPEAKING_RATE = "duration", "speaking_rate"
SMALL = 30
"""A slice of fewer utterances than this says little, whatever its interval."""
MAX_REPLICATES = 1000
"""Of the interval of a slice."""
MAX_SLICES = 1000
"""Of a column. With more values, those with the most utterances have a slice each, and the rest share one."""

_EDGES = {DURATION: ((5, 10, 20), "s"), SPEAKING_RATE: ((1, 2, 3, 4), "words/s")}
_OURS = frozenset({*_EDGES, "speaker", "language"})
UNKNOWN = "(none)"
"""The slice of the utterances that have no value in a column."""
_OTHERS = "(others)"
_LABELS = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True)
class Grouping:
    """The slices of one column: the name of each, and the positions of its utterances, ascending."""

    column: str
    slices: tuple[tuple[str, NDArray[np.int64]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What two systems did on a part of the test set. Rates are fractions, None where there is no reference word."""

    column: str
    value: str
    num_utterances: int
    num_reference_words: int
    errors_a: int
    errors_b: int
    interval: Interval | None

    @property
    def wer_a(self) -> float | None:
        """Word error rate of A."""
        return self.errors_a / self.num_reference_words if self.num_reference_words else None

    @property
    def wer_b(self) -> float | None:
        """Word error rate of B."""
        return self.errors_b / self.num_reference_words if self.num_reference_words else None

    @property
    def delta_wer(self) -> float | None:
        """The rate of B less that of A."""
        return (self.errors_b - self.errors_a) / self.num_reference_words if self.num_reference_words else None

    @property
    def is_small(self) -> bool:
        """Whether it has too few utterances to say much."""
        return self.num_utterances < SMALL

    @property
    def is_unknown(self) -> bool:
        """Whether it is of the utterances that have no value in the column."""
        return self.value == UNKNOWN


class SliceLabels:
    """Names the slices of each utterance, a window of the run at a time, and then divides the run by them.

    Memory grows with four bytes an utterance for each column, and with the distinct values.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(dict.fromkeys(columns))
        self.needs_extra = not set(self._columns) <= _OURS
        self._known = set(_OURS)
        self._labels: dict[str, list[pa.Array]] = {column: [] for column in self._columns}

    def add(self, scores: pa.Table, reference_words: NDArray[np.int64]) -> dict[str, pa.DictionaryArray]:
        """Take the next window of schema.SCORES, and return the names of its slices by column; null for none."""
        texts = scores["extra"].to_pylist() if self.needs_extra else []
        extras = [json.loads(text) if text else {} for text in texts]
        self._known.update(*extras)
        for column in self._columns:
            values = _values(column, scores, reference_words, extras)
            self._labels[column].append(pa.array(values, pa.string()).dictionary_encode())
        return {column: labels[-1] for column, labels in self._labels.items()}

    def check(self, more: Iterable[str] = ()) -> None:
        """Raise UnknownNameError for a column that neither what was taken nor ``more`` has."""
        known = self._known | set(more)
        for column in self._columns:
            if column not in known:
                raise UnknownNameError("column to slice by", column, known)

    def groupings(self, positions: pa.Array | None = None) -> tuple[Grouping, ...]:
        """Divide the utterances at ``positions`` of those that were taken, which are counted anew from 0; all for None.

        Raises UnknownNameError for a column that no utterance of the run has.
        """
        self.check()
        return tuple(
            _grouping(column, _joined(labels) if positions is None else _joined(labels).take(positions))
            for column, labels in self._labels.items()
        )


def slices(
    grouping: Grouping,
    errors: tuple[NDArray[np.int64], NDArray[np.int64]],
    reference_words: NDArray[np.int64],
    speakers: Sequence[str | None],
    *,
    num_replicates: int,
    seed: int,
) -> tuple[Slice, ...]:
    """Add up the errors of A and B in each slice; shapes ``(num_utterances,)``, in the order of the positions."""
    errors_a, errors_b = errors
    return tuple(
        Slice(
            column=grouping.column,
            value=value,
            num_utterances=len(where),
            num_reference_words=int(reference_words[where].sum()),
            errors_a=int(errors_a[where].sum()),
            errors_b=int(errors_b[where].sum()),
            interval=difference_interval(
                (errors_b - errors_a)[where],
                reference_words[where],
                [speakers[position] for position in where.tolist()],
                num_replicates=min(num_replicates, MAX_REPLICATES),
                seed=seed,
            ),
        )
        for value, where in grouping.slices
    )


def _values(
    column: str, scores: pa.Table, reference_words: NDArray[np.int64], extras: Sequence[Mapping[str, object]]
) -> list[str | None]:
    """The slice of each utterance; None where it has none."""
    if column in ("speaker", "language"):
        found: list[str | None] = scores[column].to_pylist()
        return found
    if column not in _EDGES:
        return [None if (value := extra.get(column)) is None else str(value) for extra in extras]
    duration_s = scores["duration_s"].to_numpy()
    # 0 means that nobody knew the duration before decoding.
    numbers = np.where(duration_s > 0, duration_s, np.nan)
    if column == SPEAKING_RATE:
        numbers = reference_words / numbers
    names = [*_bin_names(column), None]
    edges = _EDGES[column][0]
    bins = np.where(np.isnan(numbers), len(edges) + 1, np.digitize(numbers, edges))
    return [names[one] for one in bins.tolist()]


def _bin_names(column: str) -> list[str]:
    """From an edge up to, and without, the next one."""
    edges, unit = _EDGES[column]
    return [*(f"{low}-{high} {unit}" for low, high in pairwise((0, *edges))), f"{edges[-1]}+ {unit}"]


def _joined(labels: Sequence[pa.Array]) -> pa.DictionaryArray:
    joined: pa.DictionaryArray = pa.chunked_array(labels, _LABELS).unify_dictionaries().combine_chunks()
    return joined


def _grouping(column: str, labels: pa.DictionaryArray) -> Grouping:
    """A slice a label: bins in ascending order, others by name; what shares one and what has none come last."""
    # A value that is called what only we call something is written as a text.
    known = [repr(name) if name in (_OTHERS, UNKNOWN) else name for name in labels.dictionary.to_pylist()]
    names = [*known, _OTHERS, UNKNOWN]
    codes = pc.fill_null(labels.indices, len(names) - 1).to_numpy(zero_copy_only=False)
    if len(names) - 2 > MAX_SLICES:
        sizes = np.bincount(codes, minlength=len(names))[:-2]
        rarest = np.lexsort((np.array(names[:-2]), -sizes))[MAX_SLICES:]
        codes = np.where(np.isin(codes, rarest), len(names) - 2, codes)
    order = np.argsort(codes, kind="stable")
    found, starts = np.unique(codes[order], return_index=True)
    positions = dict(zip((names[code] for code in found.tolist()), np.split(order, starts)[1:], strict=True))
    ranks = {name: rank for rank, name in enumerate(_bin_names(column))} if column in _EDGES else {}
    last = {_OTHERS: 1, UNKNOWN: 2}
    ascending = sorted(positions, key=lambda name: (last.get(name, 0), ranks.get(name, 0), name))
    return Grouping(column, tuple((name, positions[name]) for name in ascending))
