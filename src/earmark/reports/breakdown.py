"""The errors of one run in each slice of it. The slices themselves are those of ``slices``, as in a comparison."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.reports.slices import MAX_REPLICATES, SMALL, Grouping
from earmark.scoring.bootstrap import Interval, wer_interval
from earmark.scoring.counts import ErrorCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceErrors:
    """What a run did on a part of the test set. ``interval`` is of the word error rate, a fraction."""

    column: str
    value: str
    num_utterances: int
    words: ErrorCounts
    interval: Interval | None

    @property
    def num_reference_words(self) -> int:
        """What its rate is of."""
        return self.words.reference_length

    @property
    def is_small(self) -> bool:
        """Whether it has too few utterances to say much."""
        return self.num_utterances < SMALL

    def facts(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return {
            "column": self.column,
            "value": self.value,
            "num_utterances": self.num_utterances,
            "num_reference_words": self.num_reference_words,
            **dataclasses.asdict(self.words),
            "wer": self.words.rate,
            "wer_interval": dataclasses.asdict(self.interval) if self.interval else None,
            "is_small": self.is_small,
        }


def errors_by_slice(
    groupings: Sequence[Grouping], counts: Mapping[str, NDArray[np.int32]], speakers: Sequence[str | None] | None
) -> tuple[SliceErrors, ...]:
    """Add up the errors in each slice.

    ``counts`` are ``hits``, ``substitutions``, ``deletions`` and ``insertions`` of each utterance, shape
    ``(num_utterances,)``; ``speakers`` are theirs, None where some are unknown.
    """
    return tuple(
        _slice(grouping.column, value, {name: column[where] for name, column in counts.items()}, speakers, where)
        for grouping in groupings
        for value, where in grouping.slices
    )


def _slice(
    column: str,
    value: str,
    counts: Mapping[str, NDArray[np.int32]],
    speakers: Sequence[str | None] | None,
    where: NDArray[np.int64],
) -> SliceErrors:
    errors = counts["substitutions"] + counts["deletions"] + counts["insertions"]
    words = counts["hits"] + counts["substitutions"] + counts["deletions"]
    groups = [speakers[position] for position in where.tolist()] if speakers is not None else None
    return SliceErrors(
        column=column,
        value=value,
        num_utterances=len(where),
        words=ErrorCounts(**{name: int(numbers.sum(dtype=np.int64)) for name, numbers in counts.items()}),
        interval=wer_interval(errors, words, groups, num_replicates=MAX_REPLICATES),
    )
