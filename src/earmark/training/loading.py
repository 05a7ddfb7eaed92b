"""From rows of examples to tensors: audio is decoded ahead of the steps, in a thread of its own.

Every rank has the longest utterance of the whole batch in its share, if only with no weight: so an utterance meets the
same silence on any number of ranks, and an encoder that cuts what is silent for all cuts the same. What was decoded is
kept, up to a bound, since the next epoch wants it again.
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
    """Loads batches of ``examples``. ``waited_s`` is how long whoever takes them has waited, since it was made."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self._kept: dict[int, NDArray[np.float32]] = {}
        self._kept_bytes = 0
        self.waited_s = 0.0

    def batches(self, planned: Sequence[Rows], *, rank: int, num_ranks: int) -> Iterator[PaddedBatch]:
        """This rank's share of each, in order. Raises UsageError for audio that cannot be read."""
        with ThreadPoolExecutor(1, thread_name_prefix="audio") as decoder:
            coming: deque[Future[PaddedBatch]] = deque()
            left = iter(planned)
            try:
                while True:
                    while len(coming) < _AHEAD and (rows := next(left, None)) is not None:
                        coming.append(decoder.submit(self._load, rows, rank, num_ranks))
                    if not coming:
                        return
                    began = time.monotonic()
                    batch = coming.popleft().result()
                    self.waited_s += time.monotonic() - began
                    yield batch
            finally:
                for one in coming:
                    one.cancel()

    def _load(self, rows: Rows, rank: int, num_ranks: int) -> PaddedBatch:
        own, weights = rows_of_rank(rows, rank, num_ranks)
        last = rows[np.argmax(self._examples.duration_s[rows])]  # the others' audio is theirs to decode
        if last not in own:
            own, weights = np.append(own, last), np.append(weights, np.float32(0))
        waves = {int(row): self._decoded(int(row)) for row in own}
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
