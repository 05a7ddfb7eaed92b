"""From texts to tensors: each text between its beginning and its end, padded to the longest of its batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from earmark.training.batches import Rows, rows_of_rank

if TYPE_CHECKING:
    from earmark.training.texts import Texts

_PADDING = 0


@dataclass(frozen=True, slots=True)
class TextBatch:
    """What a step learns from on one rank.

    ``tokens`` int64 (rows, longest + 1) with beginning and end; of the predictions of all but the first,
    ``num_predicted`` (rows,) count, and ``weights`` (rows,) says how much each of them.
    """

    ids: tuple[str, ...]
    tokens: Tensor
    num_predicted: Tensor
    weights: Tensor

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        names = ("tokens", "num_predicted", "weights")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


class TextLoader:
    """Makes batches of ``texts``, which are in memory: nobody ever waits for it."""

    def __init__(self, texts: Texts, *, bos_index: int, eos_index: int) -> None:
        self._texts, self._bos, self._eos = texts, bos_index, eos_index
        self.waited_s = 0.0

    def batches(self, planned: Sequence[Rows], *, rank: int, num_ranks: int, epoch: int = 0) -> Iterator[TextBatch]:
        """This rank's share of each. The means of all ranks have the mean over all tokens of a batch as mean."""
        del epoch  # a text is the same in all of them
        for rows in planned:
            total = sum(len(self._texts.tokens[row]) + 1 for row in rows)
            own, weights = rows_of_rank(rows, rank, num_ranks)
            yield self._batch(own, torch.from_numpy(weights > 0) * (num_ranks / total))

    def _batch(self, rows: Rows, weights: Tensor) -> TextBatch:
        tokens = [self._texts.tokens[row] for row in rows]
        longest = max(map(len, tokens))
        return TextBatch(
            ids=tuple(self._texts.ids[row] for row in rows),
            tokens=torch.tensor(
                [[self._bos, *one, self._eos, *[_PADDING] * (longest - len(one))] for one in tokens], dtype=torch.int64
            ),
            num_predicted=torch.tensor([len(one) + 1 for one in tokens], dtype=torch.int64),
            weights=weights.float(),
        )
