"""The language model of an otherwise fixed recognizer in SpeechBrain's format, taught by a Brain of SpeechBrain.

What hears stays as it is. Only what the search asks for the likelihood of a text learns, from texts alone; the two meet
again in the folder that is saved.
"""

from __future__ import annotations

import hashlib
import io
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from earmark.errors import EarmarkError, UsageError
from earmark.recognizers.speechbrain.building import FAILURES
from earmark.recognizers.speechbrain.recognizer import SpeechBrain
from earmark.records import SAMPLE_RATE_HZ, Waveform
from earmark.store.folder import LocalFolder
from earmark.training.batches import longest_first_batches
from earmark.training.brains import FiniteBrain, brain_of
from earmark.training.lessons import Speech, Tried
from earmark.training.lm_parts import LM, LmParts
from earmark.training.lm_tokens import num_labels_of, tokens_of
from earmark.training.recipe import ReadRecipe
from earmark.training.text_batches import TextBatch, TextLoader
from earmark.training.texts import Texts, texts_of
from earmark.training.weights import weights_hash

if TYPE_CHECKING:
    from earmark.training.ranks import Ranks


_MOST_LOGARITHM = 700.0
"""Beyond it, a perplexity is no number that a float holds, and is not told."""


class LmBrain(FiniteBrain):
    """``modules.lm`` gives logits (rows, tokens, vocabulary) for tokens, alone or before its state."""

    def compute_forward(self, batch: TextBatch, stage: object) -> Tensor:
        del stage
        return _losses(self.modules.lm, batch)

    def compute_objectives(self, predictions: Tensor, batch: TextBatch, stage: object) -> Tensor:
        """The weighted sum of the losses of the rows."""
        del stage
        return (predictions * batch.weights).sum()


class LmSystem:
    """A recognizer of which the language model is trained."""

    def __init__(self, read: ReadRecipe) -> None:
        """Raises UsageError, FetchError and RecognizerError for parts that are not there, or do not fit each other."""
        self._recipe, self._trust = read.recipe, read.trust
        self._parts = LmParts(read)
        self.modules: dict[str, Any] = {LM: self._parts.lm}
        self._bos, self._eos = self._parts.marks()
        self._check_vocabulary()
        self._check_hears()

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over all that stays, and over the weights that the language model begins with."""
        return hashlib.sha256(f"{self._parts.digest()} {weights_hash(self.modules)}".encode()).hexdigest()

    def speech(self) -> Speech:
        """The texts."""
        return texts_of(self._recipe.data, tokens_of(self._parts.tokenizer))

    def loader(self, lessons: Texts) -> TextLoader:
        """What makes batches of them."""
        return TextLoader(lessons, bos_index=self._bos, eos_index=self._eos)

    def brain(self, device: torch.device) -> LmBrain:
        """A Brain with the language model, as the recipe says."""
        return brain_of(LmBrain, self.modules, self._recipe, device)

    def tried(self, lessons: Texts, ranks: Ranks) -> Tried:
        """The perplexity of held-out texts, of which each rank takes its share: of each token and of each end."""
        planned = longest_first_batches(lessons.sizes, self._recipe.batch_rule())[ranks.rank :: ranks.num_ranks]
        lm, lost = self.modules[LM], dict[int, float]()
        was_training = lm.training
        lm.eval()
        with torch.inference_mode():
            for rows, batch in zip(planned, self.loader(lessons).batches(planned, rank=0, num_ranks=1), strict=True):
                lost |= zip(rows.tolist(), _losses(lm, batch.to(ranks.device)).double().tolist(), strict=True)
        lm.train(was_training)
        together = {row: one for found in ranks.gathered(lost) for row, one in found.items()}
        total = math.fsum(together[row] for row in range(len(lessons)))
        mean = total / float(lessons.sizes.sum())
        return Tried(order=(total,), perplexity=math.exp(mean) if mean < _MOST_LOGARITHM else None)

    def save(self, folder: LocalFolder) -> None:
        """Write a folder that ``speechbrain:FOLDER`` loads. Raises StoreError."""
        stream = io.BytesIO()
        torch.save(self.modules[LM].state_dict(), stream)
        self._parts.save(folder, stream.getvalue())

    def _check_vocabulary(self) -> None:
        """Raise UsageError unless the language model has an output for each label, and for the ends of texts."""
        lm, place = self.modules[LM], self._parts.place
        needed = max(num_labels_of(self._parts.tokenizer) - 1, self._bos, self._eos) + 1
        try:
            with torch.inference_mode():
                num_outputs = _logits(lm.eval(), torch.tensor([[self._bos, self._bos]])).shape[-1]
        except FAILURES as error:
            raise UsageError(f"the lm of {place} does not know token {self._bos}, with which texts begin") from error
        finally:
            lm.train()
        if num_outputs < needed:
            raise UsageError(
                f"the lm of {place} has {num_outputs} outputs, and there are {needed} tokens",
                cause="those of the tokenizer, and the beginning and the end of a text",
                hint="a tokenizer of its own, or output_neurons of its document",
            )

    def _check_hears(self) -> None:
        """Load all parts as an evaluation does, and hear silence. Raises UsageError for parts that do not fit."""
        place = self._parts.place
        with tempfile.TemporaryDirectory(prefix="earmark-") as folder:
            self.save(LocalFolder(Path(folder)))
            try:
                with SpeechBrain(model=folder, device="cpu", trust=self._trust) as recognizer:
                    recognizer.transcribe([Waveform("silence", np.zeros(SAMPLE_RATE_HZ, np.float32))])
            except (EarmarkError, *FAILURES) as error:
                said = [str(error)] if not isinstance(error, EarmarkError) else [error.what, error.cause or ""]
                raise UsageError(
                    f"the parts of {place} do not fit each other",
                    cause="; ".join(one for one in said if one).replace(folder, place),
                    hint="model.pretrained, model.parts, and the sizes in the document",
                ) from error


def _logits(lm: Any, tokens: Tensor) -> Tensor:  # noqa: ANN401  # a module, or one that shares its gradients
    found = lm(tokens)
    logits: Tensor = found[0] if isinstance(found, tuple) else found
    return logits


def _losses(lm: Any, batch: TextBatch) -> Tensor:  # noqa: ANN401  # as above
    """The sum of the losses of each row's tokens and end; padding is none of them."""
    wanted = batch.tokens[:, 1:]
    logits = _logits(lm, batch.tokens[:, :-1]).float().transpose(1, 2)
    losses = nn.functional.cross_entropy(logits, wanted, reduction="none")
    is_wanted = torch.arange(wanted.shape[1], device=wanted.device) < batch.num_predicted.unsqueeze(-1)
    return (losses * is_wanted).sum(dim=-1)
