"""A CTC system of letters in SpeechBrain's format: built, taught by a Brain of SpeechBrain, and saved as a folder."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from earmark.errors import UsageError
from earmark.recognizers.speechbrain.allowed import is_backbone
from earmark.recognizers.speechbrain.building import Builder
from earmark.recognizers.speechbrain.document import all_wanted
from earmark.recognizers.speechbrain.pretrained import pretrainer_of
from earmark.recognizers.speechbrain.weights import fill
from earmark.records import SAMPLE_RATE_HZ
from earmark.store.folder import LocalFolder
from earmark.training.brains import FiniteBrain, brain_of
from earmark.training.documents import check_parts, model_document, part_files
from earmark.training.examples import Letters
from earmark.training.hearing import Hearing
from earmark.training.loading import PaddedBatch
from earmark.training.recipe import ReadRecipe
from earmark.training.weights import weights_hash

BLANK = 0
"""The number of the label that is no letter."""
_MEASURED_S = 10.0


class CtcBrain(FiniteBrain):
    """``modules.encoder`` gives log probabilities (rows, frames, labels) for samples and their relative lengths."""

    def compute_forward(self, batch: PaddedBatch, stage: object) -> Tensor:
        del stage
        found: Tensor = self.modules.encoder(batch.samples, batch.lengths)
        return found

    def compute_objectives(self, predictions: Tensor, batch: PaddedBatch, stage: object) -> Tensor:
        """The weighted sum of the losses of the rows, each a mean over its letters."""
        del stage
        num_frames = torch.round(batch.lengths * predictions.shape[1]).long()
        losses = nn.functional.ctc_loss(
            predictions.float().transpose(0, 1), batch.labels, num_frames, batch.label_lengths, BLANK, reduction="none"
        )
        return (losses / batch.label_lengths.clamp(min=1) * batch.weights).sum()


class CtcSystem(Hearing):
    """A model that is trained: its modules, its letters, and the documents that say how it is built again."""

    def __init__(self, read: ReadRecipe) -> None:
        """Build it as the recipe says. Raises UsageError and RecognizerError for what cannot be built."""
        self._recipe = recipe = read.recipe
        self._document = document = model_document(read)
        self._place, tree = document.place, document.tree
        if any(map(is_backbone, all_wanted(tree))):
            raise UsageError(f"{self._place} is made from a model of Transformers, which no recipe trains yet")
        if not isinstance(tree.get("modules"), Mapping):
            raise UsageError(f"{self._place} has no modules")
        loadables, paths = pretrainer_of(tree, self._place)
        if paths:
            raise UsageError(f"{self._place} takes parts from elsewhere, and a training has all in one folder")
        with torch.random.fork_rng(), tempfile.TemporaryDirectory() as cache:
            torch.manual_seed(recipe.seed)
            build = Builder(self._place, backbone=None, cache=Path(cache), trust=read.trust)
            self.modules: dict[str, Any] = build(tree["modules"])
            self._parts: dict[str, Any] = build(loadables)
        self._tokenizer = self._tokenizer_of(recipe.model.labels)
        given = recipe.model.parts
        check_parts(given, [*loadables], self._place)
        loaded = [name for name in loadables if name in given or recipe.model.hyperparams is None]
        files = part_files(loaded, {}, given, document.folder)
        fill({name: self._parts[name] for name in loaded}, files, self._place)
        labels = {str(letter): number for letter, number in self._tokenizer.lab2ind.items() if number != BLANK}
        self._letters = {number: letter for letter, number in labels.items()}
        self.spelling = Letters(labels, self._measured())

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the documents and over the weights that it begins with."""
        found = hashlib.sha256()
        for name, data in self._document.files:
            found.update(repr((name, hashlib.sha256(data).hexdigest())).encode())
        found.update(weights_hash(self.modules).encode())
        return found.hexdigest()

    def brain(self, device: torch.device) -> CtcBrain:
        """A Brain with the modules, as the recipe says."""
        return brain_of(CtcBrain, self.modules, self._recipe, device)

    def hypotheses(self, batch: PaddedBatch) -> list[str]:
        """The likeliest letter of each frame, without repetitions and blanks, for each row."""
        encoder = self.modules["encoder"]
        was_training = encoder.training
        encoder.eval()
        with torch.inference_mode():
            found = encoder(batch.samples, batch.lengths)
        encoder.train(was_training)
        num_frames = torch.round(batch.lengths * found.shape[1]).long().tolist()
        best = found.argmax(dim=-1).tolist()
        return [self._text(row[:number]) for row, number in zip(best, num_frames, strict=True)]

    def save(self, folder: LocalFolder) -> None:
        """Write a folder that ``speechbrain:FOLDER`` loads. Raises StoreError."""
        for name, part in self._parts.items():
            folder.write(f"{name}.ckpt", _bytes_of(part))
        for name, data in self._document.files:  # last: a folder with them is whole
            folder.write(name, data)

    def _text(self, frames: list[int]) -> str:
        kept = [one for one, before in zip(frames, [BLANK, *frames], strict=False) if one not in (before, BLANK)]
        return " ".join("".join(self._letters.get(one, "") for one in kept).split())

    def _tokenizer_of(self, labels: str | None) -> Any:  # noqa: ANN401  # SpeechBrain's
        from speechbrain.dataio.encoder import CTCTextEncoder

        found = self._parts.get("tokenizer")
        if not isinstance(found, CTCTextEncoder) or "encoder" not in self.modules:
            raise UsageError(
                f"{self._place} is no CTC system of letters",
                cause="it needs a module encoder, and a CTCTextEncoder as the loadable tokenizer",
            )
        if labels is not None:
            found.insert_blank(index=BLANK)
            found.update_from_iterable(labels, sequence_input=False)
        return found

    def _measured(self) -> float:
        """How many frames a second of audio becomes. Raises UsageError where labels and outputs do not fit."""
        encoder = self.modules["encoder"].eval()
        with torch.inference_mode():
            found = encoder(torch.zeros(1, int(_MEASURED_S * SAMPLE_RATE_HZ)), torch.ones(1))
        encoder.train()
        if found.shape[-1] != len(self._letters) + 1:
            raise UsageError(
                f"{self._place} has {found.shape[-1]} outputs, and there are {len(self._letters)} labels and the blank",
                hint="model.labels, and the size of the last layer",
            )
        return float(found.shape[1]) / _MEASURED_S


def _bytes_of(part: Any) -> bytes:  # noqa: ANN401  # SpeechBrain's
    if isinstance(part, nn.Module):
        stream = io.BytesIO()
        torch.save(part.state_dict(), stream)
        return stream.getvalue()
    with tempfile.TemporaryDirectory() as folder:  # an encoder of labels writes a file itself
        part.save(Path(folder) / "part")
        return (Path(folder) / "part").read_bytes()
