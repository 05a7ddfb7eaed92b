"""From rows of examples to tensors: audio is decoded ahead of the steps, in a thread of its own.

Every rank has the longest utterance of the whole batch in its share, if only with no weight: so an utterance meets the
same silence on any number of ranks, and an encoder that cuts what is silent for all cuts the same. A model that hears
each utterance alone does without. What was decoded is kept, up to a bound, since the next epoch wants it again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earmark.audio.decode import decode
from earmark.errors import AudioError, UsageError
from earmark.training.augmentation import Augmentation
from earmark.training.batches import Rows, rows_of_rank
from earmark.training.examples import Examples

_AHEAD = 4
_KEPT_BYTES = 512 * 2**20
_LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class PaddedBatch:
    """What a step learns from on one rank, as SpeechBrain takes it.

    ``samples`` float32 (rows, longest), mono, 16 kHz; ``lengths`` (rows,) are shares of the longest; ``labels`` int64
    (rows, most letters), of which ``label_lengths`` count; ``weights`` (rows,) say how much the loss of each counts.
    """

    ids: tuple[str, ...]
    samples: Tensor
    lengths: Tensor
    labels: Tensor
    label_lengths: Tensor
    weights: Tensor

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        names = ("samples", "lengths", "labels", "label_lengths", "weights")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


class Loader:
    """Loads batches of ``examples``. ``waited_s`` is how long whoever takes them has waited, since it was made.

    ``with_longest`` says that a rank without the longest utterance of a batch takes it, too, with no weight.
    ``augmentation`` is what is done to each utterance.
    """

    def __init__(
        self, examples: Examples, *, with_longest: bool = True, augmentation: Augmentation | None = None
    ) -> None:
        self._examples, self._with_longest, self._augmentation = examples, with_longest, augmentation
        self._kept: dict[int, NDArray[np.float32]] = {}
        self._kept_bytes = 0
        self.waited_s = 0.0

    def batches(self, planned: Sequence[Rows], *, rank: int, num_ranks: int, epoch: int = 0) -> Iterator[PaddedBatch]:
        """This rank's share of each, in order, as it is in this epoch. Raises UsageError for what cannot be read."""
        with ThreadPoolExecutor(1, thread_name_prefix="audio") as decoder:
            coming: deque[Future[PaddedBatch]] = deque()
            left = iter(planned)
            try:
                while True:
                    while len(coming) < _AHEAD and (rows := next(left, None)) is not None:
                        coming.append(decoder.submit(self._load, rows, rank, num_ranks, epoch))
                    if not coming:
                        return
                    began = time.monotonic()
                    batch = coming.popleft().result()
                    self.waited_s += time.monotonic() - began
                    yield batch
            finally:
                for one in coming:
                    one.cancel()

    def _load(self, rows: Rows, rank: int, num_ranks: int, epoch: int) -> PaddedBatch:
        own, weights = self._share(rows, rank, num_ranks, epoch)
        waves = {int(row): self._heard(int(row), epoch) for row in own}
        longest = max(map(len, waves.values()))
        labels = [self._examples.labels[row] for row in own]
        most = max(1, *map(len, labels))
        return PaddedBatch(
            ids=tuple(self._examples.ids[row] for row in own),
            samples=torch.from_numpy(np.stack([_padded(waves[int(row)], longest) for row in own])),
            lengths=torch.tensor([len(waves[int(row)]) / longest for row in own]),
            labels=torch.tensor([[*one, *[0] * (most - len(one))] for one in labels], dtype=torch.int64),
            label_lengths=torch.tensor([len(one) for one in labels], dtype=torch.int64),
            weights=torch.from_numpy(weights),
        )

    def _share(self, rows: Rows, rank: int, num_ranks: int, epoch: int) -> tuple[Rows, NDArray[np.float32]]:
        """As ``rows_of_rank``. The longest comes first, to the rank with most, so that the others have room for it."""
        if num_ranks == 1 or not self._with_longest:
            return rows_of_rank(rows, rank, num_ranks)
        duration_s = self._examples.duration_s[rows]
        if self._augmentation is not None:
            duration_s = duration_s / [self._augmentation.speed(int(row), epoch) for row in rows]
        at = int(np.argmax(duration_s))
        longest = rows[at]
        own, weights = rows_of_rank(np.insert(np.delete(rows, at), 0, longest), rank, num_ranks)
        if longest in own:
            return own, weights
        return np.append(own, longest), np.append(weights, np.float32(0))

    def _heard(self, row: int, epoch: int) -> NDArray[np.float32]:
        samples = self._decoded(row)
        return samples if self._augmentation is None else self._augmentation(samples, row, epoch)

    def _decoded(self, row: int) -> NDArray[np.float32]:
        if row in self._kept:
            return self._kept[row]
        piece = self._examples.pieces[row]
        try:
            samples = decode(
                piece.path,
                start_s=piece.start_s or 0.0,
                duration_s=piece.duration_s,
                channel=piece.channel,
                max_decoded_s=_LONGEST_S,
            )
        except AudioError as error:
            hint = "earmark check finds all such audio before a training"
            raise UsageError(
                f"the audio of {self._examples.ids[row]!r} cannot be learnt from", cause=error.what, hint=hint
            ) from error
        if self._kept_bytes + samples.nbytes <= _KEPT_BYTES:
            self._kept[row] = samples
            self._kept_bytes += samples.nbytes
        return samples


def _padded(samples: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    return np.pad(samples, (0, longest - len(samples)))
