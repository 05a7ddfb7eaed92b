"""A Whisper in the format of Transformers: taught by a Brain of SpeechBrain, tried as it is evaluated, saved as it was.

SpeechBrain's own wrapper is not used: it takes the loudest moment of a whole batch for the floor of each row (1.1.2),
so that an utterance would be learnt with other features than those with which it is recognized.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as safetensors_of
from torch import Tensor, nn

from earmark.errors import UsageError
from earmark.recognizers.languages import language_code
from earmark.recognizers.packages import packages_of
from earmark.recognizers.transformers.asking import whisper
from earmark.recognizers.transformers.checkpoint import CONFIG, read_checkpoint
from earmark.recognizers.transformers.choices import resolved, takes_language
from earmark.recognizers.transformers.features import Samples, lengthened, window_inputs
from earmark.recognizers.transformers.loading import Loaded, load_as_saved
from earmark.recognizers.transformers.recognizer import files_of
from earmark.recognizers.transformers.settings import Settings
from earmark.recognizers.transformers.weights import INDEX, SHARD, SINGLE
from earmark.store.folder import LocalFolder
from earmark.training.brains import FiniteBrain, brain_of
from earmark.training.hearing import Hearing
from earmark.training.loading import PaddedBatch
from earmark.training.recipe import ModelRecipe, Recipe
from earmark.training.weights import weights_hash
from earmark.training.whisper_tokens import tokens_of

_IN_A_RECIPE = "--set model.language=en, or another; of a YAML --set language=en"


class WhisperBrain(FiniteBrain):
    """``modules.whisper`` gives logits (rows, tokens, vocabulary) for features and the tokens before each."""

    features: Callable[[PaddedBatch], dict[str, Tensor]]

    def compute_forward(self, batch: PaddedBatch, stage: object) -> Tensor:
        del stage
        inputs = self.features(batch)
        found: Tensor = self.modules.whisper(**inputs, decoder_input_ids=batch.labels[:, :-1], use_cache=False).logits
        return found

    def compute_objectives(self, predictions: Tensor, batch: PaddedBatch, stage: object) -> Tensor:
        """The weighted sum of the losses of the rows, each a mean over its tokens; padding is none of them."""
        del stage
        wanted, num_wanted = batch.labels[:, 1:], (batch.label_lengths - 1).unsqueeze(-1)
        losses = nn.functional.cross_entropy(predictions.float().transpose(1, 2), wanted, reduction="none")
        is_wanted = torch.arange(wanted.shape[1], device=wanted.device) < num_wanted
        of_rows = (losses * is_wanted).sum(dim=-1) / num_wanted.squeeze(-1)
        return (of_rows * batch.weights).sum()


class WhisperSystem(Hearing):
    """A pretrained Whisper that is trained on. Its folder's other files, generation_config.json above all, stay."""

    _with_longest = False  # each is heard in a window of its own, whatever it meets

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        """Load it. Raises UsageError for a folder that holds none, FetchError, and RecognizerError for its weights."""
        self._recipe = recipe
        self._loaded, self._kept = _loaded(recipe.model, device)
        self.spelling = tokens_of(self._loaded)
        self._way = whisper(self._loaded)
        model = self._loaded.model.train()
        if recipe.model.freeze == "encoder":
            model.get_encoder().requires_grad_(requires_grad=False)
        self.modules: dict[str, Any] = {"whisper": model}

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the files beside the weights, and over the weights that it begins with."""
        found = hashlib.sha256(repr(self._kept.digests).encode())
        found.update(weights_hash(self.modules).encode())
        return found.hexdigest()

    def brain(self, device: torch.device) -> WhisperBrain:
        """A Brain with the model, as the recipe says."""
        made = brain_of(WhisperBrain, self.modules, self._recipe, device)
        made.features = self._features
        return made

    def _features(self, batch: PaddedBatch) -> dict[str, Tensor]:
        """In float32, as an evaluation makes them, whatever the precision of the steps."""
        with torch.autocast(batch.samples.device.type, enabled=False):
            return window_inputs(self._loaded, list(_waveforms(batch)))

    def hypotheses(self, batch: PaddedBatch) -> list[str]:
        """What greedy generation says of each row; of one longer than the window, window after window."""
        model, window = self.modules["whisper"], self._loaded.extractor.n_samples
        least = self._loaded.checkpoint.family.shortest_samples
        rows = [
            [lengthened(one[at : at + window], least) for at in range(0, len(one), window)] for one in _waveforms(batch)
        ]
        was_training = model.training
        model.eval()
        with torch.inference_mode():
            heard = iter(self._way.ask([piece for row in rows for piece in row]))
        model.train(was_training)
        return [" ".join(next(heard).text for _ in row) for row in rows]

    def save(self, folder: LocalFolder) -> None:
        """Write a folder that ``whisper:FOLDER`` and Transformers load. Raises StoreError."""
        model = self.modules["whisper"]
        once = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}  # what two layers share
        own = {name: one.detach().cpu().contiguous() for name, one in model.state_dict().items() if name in once}
        folder.write(SINGLE, safetensors_of(own, metadata={"format": "pt"}))
        for name in self._kept.names:  # config.json is the last: a folder with it is whole
            folder.write(name, (self._kept.folder / name).read_bytes())


@dataclass(frozen=True, slots=True)
class _Kept:
    """The files beside the weights: what is in them does not change."""

    folder: Path
    digests: tuple[tuple[str, str], ...]

    @property
    def names(self) -> list[str]:
        return sorted((name for name, _ in self.digests), key=lambda name: (name == CONFIG, name))


def _loaded(said: ModelRecipe, device: torch.device) -> tuple[Loaded, _Kept]:
    files = files_of(str(said.pretrained))
    folder = files.paths()["model"]
    settings = Settings(device=str(device), language=language_code(said.language), task=said.task)
    checkpoint = read_checkpoint(files.sources()[0].name, folder, None, settings, lambda: files.origin("model"))
    if checkpoint.family.kind != "whisper":
        problem = f"its {CONFIG} says model_type {checkpoint.family.model_type!r}: {checkpoint.family.architecture}"
        raise UsageError(f"{checkpoint.place} is no Whisper", cause=problem, hint="--set model.pretrained=FOLDER")
    try:
        settings = resolved(checkpoint, settings)
    except UsageError as error:  # its hints are those of an evaluation
        hint = _IN_A_RECIPE if takes_language(checkpoint) else "leave language and task out"
        raise UsageError(error.what, cause=error.cause, hint=hint) from error
    if takes_language(checkpoint) and settings.language is None:
        problem = "it knows several, and what it is taught begins with one"
        raise UsageError(f"{checkpoint.place} must be told the language", cause=problem, hint=_IN_A_RECIPE)
    with packages_of("transformers"):
        loaded = load_as_saved(checkpoint, settings)
    kept = tuple(one for one in files.digests()["model"] if not _is_weights(one[0]))
    return loaded, _Kept(folder, kept)


def _is_weights(name: str) -> bool:
    return name in (SINGLE, INDEX) or SHARD.fullmatch(name) is not None


def _waveforms(batch: PaddedBatch) -> Iterator[Samples]:
    """The samples of each row, without what it was padded with."""
    longest = batch.samples.shape[1]
    num_samples = torch.round(batch.lengths * longest).long().tolist()
    for row, number in zip(batch.samples.cpu().numpy(), num_samples, strict=True):
        yield row[:number]
