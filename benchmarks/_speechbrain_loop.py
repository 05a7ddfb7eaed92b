"""A training as a plain recipe of SpeechBrain does it: ``Brain.fit`` with held-out speech, WER, CER and a Checkpointer.

The modules, the loss and the batches are those of earmark. Files are read and padded by the least that it takes, and
held-out speech has no loss, which SpeechBrain's own recipes compute as well: this loop is cheaper than theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import soundfile
import torch
from speechbrain import Stage
from speechbrain.decoders import ctc_greedy_decode
from speechbrain.utils.checkpoints import Checkpointer
from speechbrain.utils.data_utils import batch_pad_right
from speechbrain.utils.metric_stats import ErrorRateStats
from torch.utils.data import DataLoader, Sampler

from earmark.training.batches import Rows
from earmark.training.brains import brain_of
from earmark.training.ctc import BLANK, CtcBrain
from earmark.training.examples import Examples
from earmark.training.loading import PaddedBatch
from earmark.training.recipe import Recipe


class PlainBrain(CtcBrain):
    """What a recipe of SpeechBrain adds to a Brain. ``texts`` are of the held-out utterances, by id."""

    texts: dict[str, str]
    letters: dict[int, str]

    def compute_objectives(self, predictions: torch.Tensor, batch: PaddedBatch, stage: object) -> torch.Tensor:
        if stage == Stage.TRAIN:
            return super().compute_objectives(predictions, batch, stage)
        found = ctc_greedy_decode(predictions, batch.lengths, blank_id=BLANK)
        texts = ["".join(self.letters[one] for one in row) for row in found]
        wanted = [self.texts[one] for one in batch.ids]
        self.words.append(batch.ids, [one.split(" ") for one in texts], [one.split(" ") for one in wanted])
        self.characters.append(batch.ids, [list(one) for one in texts], [list(one) for one in wanted])
        return torch.zeros(())

    def on_stage_start(self, stage: object, epoch: int | None = None) -> None:
        del epoch
        if stage != Stage.TRAIN:
            self.words, self.characters = ErrorRateStats(), ErrorRateStats()

    def on_stage_end(self, stage: object, stage_loss: float, epoch: int | None = None) -> None:
        del epoch
        if stage != Stage.TRAIN:
            wer, cer = (one.summarize("error_rate") for one in (self.words, self.characters))
            self.checkpointer.save_and_keep_only(
                meta={"WER": wer, "CER": cer, "loss": stage_loss}, min_keys=["WER"], verbosity=0
            )


def plain_brain(system: Any, recipe: Recipe, valid: Examples, folder: Path, device: torch.device) -> PlainBrain:  # noqa: ANN401  # imported late
    """A Brain with the system's modules and earmark's optimizer, and its checkpoints in the folder."""
    made = brain_of(PlainBrain, system.modules, recipe, device)
    made.texts = dict(zip(valid.ids, valid.texts, strict=True))
    made.letters = {number: letter for letter, number in system.spelling.labels.items()}
    made.checkpointer = Checkpointer(folder, {**system.modules, "brain": made})
    return made


def fit_plainly(brain: PlainBrain, train: Examples, epochs: Sequence[Sequence[Rows]], held_out: Any) -> None:  # noqa: ANN401  # torch's
    """All epochs, and the best weights at the end."""
    brain.train_sampler = _Planned(epochs)
    loader = DataLoader(cast("Any", _Decoded(train)), batch_size=None, sampler=brain.train_sampler)
    brain.fit(range(len(epochs)), loader, held_out, progressbar=False)
    brain.checkpointer.recover_if_possible(min_key="WER")


def held_out_loader(valid: Examples, planned: Sequence[Rows]) -> Any:  # noqa: ANN401  # torch's
    """These batches, in each epoch."""
    return DataLoader(cast("Any", _Decoded(valid)), batch_size=None, sampler=_Planned([planned]))


class _Planned(Sampler[Rows]):
    """The batches of each epoch."""

    def __init__(self, epochs: Sequence[Sequence[Rows]]) -> None:
        self._epochs, self._epoch = epochs, 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._epochs[self._epoch])

    def __iter__(self) -> Iterator[Rows]:
        return iter(self._epochs[self._epoch])


class _Decoded:
    """Batches, each read and padded anew."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, rows: Rows) -> PaddedBatch:
        examples = self._examples
        waves = [torch.from_numpy(soundfile.read(examples.pieces[row].path, dtype="float32")[0]) for row in rows]
        samples, shares = batch_pad_right(waves)
        labels = [torch.tensor(examples.labels[row] or (BLANK,)) for row in rows]
        return PaddedBatch(
            ids=tuple(examples.ids[row] for row in rows),
            samples=samples,
            lengths=torch.as_tensor(shares),
            labels=batch_pad_right(labels)[0],
            label_lengths=torch.tensor([len(one) for one in labels]),
            weights=torch.full((len(rows),), 1 / len(rows)),
        )
