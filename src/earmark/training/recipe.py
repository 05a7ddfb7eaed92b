"""What a training is: data, model, optimizer, batches, evaluation, as a TOML file says it. Knows no torch.

All that changes the weights is in ``identity``; where things lie, and how often state is kept, is not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from earmark.errors import UnknownNameError, UsageError
from earmark.spec import BatchingSpec, OptionValue
from earmark.training.recipe_values import RecipeText, made_of

PACKAGED = Path(__file__).parent / "recipes"
"""The recipes that come with earmark: each is found by its name, too."""
_MOST_SEED = 1 << 32
_LEAST_SPEED, _MOST_SPEED = 0.5, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPart:
    """Which utterances: those of ``source`` (without one, of all parts' source) whose columns have these values.

    For a language model ``text`` may be a file instead, with a text a line.
    """

    source: str | None = None
    text: str | None = None
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecipe:
    """The speech. ``source`` is what ``earmark eval --data`` takes.

    Without a part ``valid``, those utterances of ``train`` are it whose id has a hash in the lowest ``valid_share``.
    Utterances outside ``min_s`` to ``max_s`` are left out of the training. ``normalizer`` is of its texts.
    """

    source: str | None = None
    audio_root: str | None = None
    text_column: str | None = None
    normalizer: str = "none"
    min_s: float = 0.05
    max_s: float = 30.0
    valid_share: float = 0.05
    train: DataPart = field(default_factory=DataPart)
    valid: DataPart | None = None
    test: DataPart = field(default_factory=DataPart)

    def __post_init__(self) -> None:
        """Raise UsageError for what leaves no data."""
        if not 0 <= self.min_s < self.max_s:
            raise UsageError(f"min_s {self.min_s:g} and max_s {self.max_s:g} leave no utterance")
        if self.valid is None and not 0 < self.valid_share < 1:
            raise UsageError(f"valid_share {self.valid_share:g} is no share between 0 and 1")
        for name, part in (("train", self.train), ("valid", self.valid), ("test", self.test)):
            if part is not None and part.source is None and part.text is None and self.source is None:
                raise UsageError(f"{name} has no source", hint=f"--set data.source=DATA, or data.{name}.source")
            if part is not None and part.text is not None and (part.source is not None or part.where):
                raise UsageError(f"{name} has a text, and says what of another source", hint="one of the two")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecipe:
    """Where the model begins: with chance, as the file ``hyperparams`` says, or with the folder ``pretrained``.

    Both are in SpeechBrain's format; a Whisper's folder is in that of Transformers. ``labels`` are the letters that a
    model from chance learns. ``language`` and ``task`` are what a Whisper is told, ``freeze`` what of it stays.
    ``parts`` are places of files, by part, that come before those in ``pretrained``, and before chance.
    """

    hyperparams: str | None = None
    pretrained: str | None = None
    labels: str | None = None
    language: str | None = None
    task: Literal["transcribe", "translate"] | None = None
    freeze: Literal["encoder"] | None = None
    parts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise UsageError unless it begins somewhere."""
        if self.hyperparams is None and self.pretrained is None:
            raise UsageError("one of hyperparams and pretrained says where the model begins")
        if self.labels is not None and self.hyperparams is None:
            raise UsageError("labels go with hyperparams", cause="a pretrained model has its own")
        if self.labels is not None and (not self.labels or len(set(self.labels)) < len(self.labels)):
            raise UsageError(f"labels {self.labels!r} are not letters, each once")

    def decoding(self) -> dict[str, OptionValue]:
        """What the model is told when it is asked, as with ``--set``."""
        told: dict[str, OptionValue] = {"language": self.language, "task": self.task}
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerRecipe:
    """One of torch's, with ``arguments`` beside the rate. The rate climbs for ``warmup_steps``.

    Then it falls in a straight line to nothing, with the root of the steps (``noam``), or by ``annealing_factor`` after
    each epoch whose error rate is not less by the share ``improvement_threshold`` (``newbob``; ``annealing_patience``
    such epochs are spared each time), unless ``decay`` is none. The gradients of ``accumulate`` batches are one step.
    Their norm is cut to ``most_gradient_norm``.
    """

    rule: Literal["AdamW", "Adam", "SGD", "Adadelta"] = "AdamW"
    arguments: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    decay: Literal["linear", "noam", "newbob", "none"] = "linear"
    annealing_factor: float = 0.5
    improvement_threshold: float = 0.0025
    annealing_patience: int = 0
    accumulate: int = 1
    most_gradient_norm: float = 5.0

    def __post_init__(self) -> None:
        """Raise UsageError for what teaches nothing."""
        if not (self.learning_rate > 0 and self.weight_decay >= 0 and self.most_gradient_norm > 0):
            raise UsageError("learning_rate and most_gradient_norm are above 0, weight_decay is not below")
        if self.warmup_steps < 0 or self.accumulate < 1:
            raise UsageError("warmup_steps is a number from 0, accumulate one from 1")
        if self.decay == "noam" and self.warmup_steps < 1:
            raise UsageError("decay noam goes with warmup_steps", cause="the rate falls as it climbed")
        if not (0 < self.annealing_factor < 1 and 0 <= self.improvement_threshold < 1 and self.annealing_patience >= 0):
            raise UsageError(
                "annealing_factor lies between 0 and 1, improvement_threshold from 0 to 1, annealing_patience is from 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchingRecipe:
    """At most ``max_batch_s`` padded seconds and ``max_batch_size`` utterances in a batch, of all ranks together.

    Of texts alone, ``max_batch_tokens`` padded tokens.
    """

    max_batch_s: float = 60.0
    max_batch_tokens: int = 2000
    max_batch_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationRecipe:
    """How speech is changed before it is learnt from, anew in each epoch; without a key it is not.

    One of ``speeds`` is taken for each utterance. White noise is added, at a signal-to-noise ratio from the first to
    the second of ``noise_snr_db``.
    """

    speeds: tuple[float, ...] = ()
    noise_snr_db: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Raise UsageError for what would not be speech."""
        if not all(_LEAST_SPEED <= one <= _MOST_SPEED for one in self.speeds):
            raise UsageError(f"speeds {list(self.speeds)} are not from {_LEAST_SPEED} to {_MOST_SPEED}")
        if self.noise_snr_db and (len(self.noise_snr_db) != 2 or self.noise_snr_db[0] > self.noise_snr_db[1]):  # noqa: PLR2004
            raise UsageError("noise_snr_db is the least and the most, in decibels", hint="noise_snr_db = [10, 30]")
        if not all(map(math.isfinite, self.noise_snr_db)):
            raise UsageError(f"noise_snr_db {list(self.noise_snr_db)} are not numbers of decibels", hint="[10, 30]")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRecipe:
    """How texts are compared. The best epoch is of the lowest WER, then CER.

    After ``patience`` epochs without a better one the training ends; 0: it never does so.
    """

    normalizer: str = "basic"
    scorer: str = "levenshtein"
    patience: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A training. ``checkpoint_every_steps`` says how much a kill can cost, besides at the end of each epoch."""

    kind: Literal["ctc", "whisper", "lm"]
    data: DataRecipe
    model: ModelRecipe
    epochs: int = 10
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    checkpoint_every_steps: int = 1000
    optimizer: OptimizerRecipe = field(default_factory=OptimizerRecipe)
    batching: BatchingRecipe = field(default_factory=BatchingRecipe)
    augmentation: AugmentationRecipe = field(default_factory=AugmentationRecipe)
    evaluation: EvaluationRecipe = field(default_factory=EvaluationRecipe)

    def __post_init__(self) -> None:
        """Raise UsageError for numbers that are none."""
        if self.epochs < 1 or self.checkpoint_every_steps < 1:
            raise UsageError("epochs and checkpoint_every_steps are numbers from 1")
        if not 0 <= self.seed < _MOST_SEED:
            raise UsageError(f"seed {self.seed} is not from 0 to {_MOST_SEED - 1:,}")
        self._check_model()
        self._check_texts()

    def batch_rule(self) -> BatchingSpec:
        """What bounds a batch, in seconds, or in tokens where there are no seconds."""
        rule = self.batching
        most = float(rule.max_batch_tokens) if self.kind == "lm" else rule.max_batch_s
        return BatchingSpec(max_batch_s=most, max_batch_size=rule.max_batch_size)

    def _check_texts(self) -> None:
        data, is_lm = self.data, self.kind == "lm"
        if not is_lm and (data.train.text is not None or (data.valid is not None and data.valid.text is not None)):
            raise UsageError("texts without audio are for a language model", hint='kind = "lm"')
        if is_lm and self.augmentation != AugmentationRecipe():
            raise UsageError("augmentation is for speech, and not for a language model", hint="leave it out")
        if data.test.text is not None:
            raise UsageError("the test data are speech, and not a text", hint="data.test.source")

    def _check_model(self) -> None:
        model = self.model
        if self.kind != "lm" and model.hyperparams is not None and model.pretrained is not None:
            raise UsageError("one of hyperparams and pretrained says where the model begins")
        if self.kind == "whisper" and model.parts:
            raise UsageError("a Whisper has no parts from other places", hint="model.pretrained is one folder")
        has_labels = self.kind == "ctc" and "tokenizer" not in model.parts
        if has_labels != (model.labels is not None) and model.hyperparams is not None:
            raise UsageError("labels go with the hyperparams of a CTC model", cause="others have their own")
        if self.kind == "whisper" and model.pretrained is None:
            raise UsageError("a Whisper is not trained from chance", hint="--set model.pretrained=FOLDER")
        if self.kind != "whisper" and (model.decoding() or model.freeze):
            raise UsageError("language, task and freeze are for a Whisper", hint=f"leave them out of a {self.kind}")

    def identity(self) -> dict[str, Any]:
        """What changes the weights, beside the data's and the model's own bytes, as plain values."""
        told = asdict(self)
        del told["checkpoint_every_steps"]
        for name, usual in (("rule", "AdamW"), ("arguments", {})):
            if told["optimizer"][name] == usual:
                del told["optimizer"][name]
        if self.optimizer.decay != "newbob":
            for name in ("annealing_factor", "improvement_threshold", "annealing_patience"):
                del told["optimizer"][name]
        if self.augmentation == AugmentationRecipe():
            del told["augmentation"]
        data = told["data"]
        told["data"] = {name: data[name] for name in ("normalizer", "min_s", "max_s")}
        model = told["model"]
        model = {name: model[name] for name in ("labels", "language", "task", "freeze")}
        told["model"] = {name: one for name, one in model.items() if one is not None or name == "labels"}
        told["evaluation"].pop("scorer")
        told["batching"].pop("max_batch_s" if self.kind == "lm" else "max_batch_tokens")
        return told


@dataclass(frozen=True, slots=True)
class ModelDocument:
    """How a model in SpeechBrain's format is built: the plain values of its document, called ``place`` in messages.

    ``folder`` is where its files are. ``files`` are the documents as they lie in the folder of the model, with their
    names, those that are included first.
    """

    place: str
    folder: Path
    tree: Mapping[str, Any]
    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class ReadRecipe:
    """A recipe with the file that it was read from, and what was set over it.

    ``trust`` builds whatever the model's document names. ``document`` is that of a recipe that holds its model itself,
    ``included`` the texts that such a one was put together from, and ``not_read`` its keys that are not for earmark.
    """

    recipe: Recipe
    path: Path
    text: str
    overrides: tuple[str, ...]
    trust: bool = False
    document: ModelDocument | None = None
    included: Mapping[str, str] = field(default_factory=dict)
    not_read: tuple[str, ...] = ()

    def beside(self, place: str) -> Path:
        """A path of the recipe, which starts from its own folder."""
        return self.path.parent / place


def read_recipe(name: str, overrides: Sequence[str] = (), *, trust: bool = False) -> ReadRecipe:
    """The recipe in the TOML file ``name``, or the packaged one of that name, with ``SECTION.KEY=VALUE`` set over it.

    Raises UsageError, with the line where there is one.
    """
    path = recipe_path(name)
    document = RecipeText(path, overrides)
    return ReadRecipe(made_of(Recipe, document), path, document.text, tuple(overrides), trust)


def recipe_path(name: str) -> Path:
    """The file of a recipe, which may be one of earmark's. Raises UnknownNameError."""
    path = Path(name)
    if path.exists() or path.suffix:
        return path
    known = {one.stem: one for one in sorted([*PACKAGED.glob("*.toml"), *PACKAGED.glob("*_hparams.yaml")])}
    if name in known:
        return known[name]
    raise UnknownNameError("recipe", name, known, hint="a file, or one of these names")
