"""What a training is: data, model, optimizer, batches, evaluation, as a TOML file says it. Knows no torch.

All that changes the weights is in ``identity``; where things lie, and how often state is kept, is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from earmark.errors import UnknownNameError, UsageError
from earmark.training.recipe_values import RecipeText, made_of

PACKAGED = Path(__file__).parent / "recipes"
"""The recipes that come with earmark: each is found by its name, too."""
_MOST_SEED = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPart:
    """Which utterances: those of ``source`` (without one, of all parts' source) whose columns have these values."""

    source: str | None = None
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
            if part is not None and part.source is None and self.source is None:
                raise UsageError(f"{name} has no source", hint=f"--set data.source=DATA, or data.{name}.source")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecipe:
    """Where the model begins: with chance, as the file ``hyperparams`` says, or with the folder ``pretrained``.

    Both are in SpeechBrain's format. ``labels`` are the letters that a model from chance learns.
    """

    hyperparams: str | None = None
    pretrained: str | None = None
    labels: str | None = None

    def __post_init__(self) -> None:
        """Raise UsageError unless it begins in one way."""
        if (self.hyperparams is None) == (self.pretrained is None):
            raise UsageError("one of hyperparams and pretrained says where the model begins")
        if (self.labels is None) != (self.hyperparams is None):
            raise UsageError("labels go with hyperparams", cause="a pretrained model has its own")
        if self.labels is not None and (not self.labels or len(set(self.labels)) < len(self.labels)):
            raise UsageError(f"labels {self.labels!r} are not letters, each once")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerRecipe:
    """AdamW. The rate climbs for ``warmup_steps``, and falls in a straight line to nothing unless ``decay`` is none.

    The gradients of ``accumulate`` batches are one step. Their norm is cut to ``most_gradient_norm``.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    decay: Literal["linear", "none"] = "linear"
    accumulate: int = 1
    most_gradient_norm: float = 5.0

    def __post_init__(self) -> None:
        """Raise UsageError for what teaches nothing."""
        if not (self.learning_rate > 0 and self.weight_decay >= 0 and self.most_gradient_norm > 0):
            raise UsageError("learning_rate and most_gradient_norm are above 0, weight_decay is not below")
        if self.warmup_steps < 0 or self.accumulate < 1:
            raise UsageError("warmup_steps is a number from 0, accumulate one from 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchingRecipe:
    """At most ``max_batch_s`` padded seconds and ``max_batch_size`` utterances in a batch, of all ranks together."""

    max_batch_s: float = 60.0
    max_batch_size: int | None = None


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

    kind: Literal["ctc"]
    data: DataRecipe
    model: ModelRecipe
    epochs: int = 10
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    checkpoint_every_steps: int = 1000
    optimizer: OptimizerRecipe = field(default_factory=OptimizerRecipe)
    batching: BatchingRecipe = field(default_factory=BatchingRecipe)
    evaluation: EvaluationRecipe = field(default_factory=EvaluationRecipe)

    def __post_init__(self) -> None:
        """Raise UsageError for numbers that are none."""
        if self.epochs < 1 or self.checkpoint_every_steps < 1:
            raise UsageError("epochs and checkpoint_every_steps are numbers from 1")
        if not 0 <= self.seed < _MOST_SEED:
            raise UsageError(f"seed {self.seed} is not from 0 to {_MOST_SEED - 1:,}")

    def identity(self) -> dict[str, Any]:
        """What changes the weights, beside the data's and the model's own bytes, as plain values."""
        told = asdict(self)
        del told["checkpoint_every_steps"]
        data = told["data"]
        told["data"] = {name: data[name] for name in ("normalizer", "min_s", "max_s")}
        told["model"] = {"labels": told["model"]["labels"]}
        told["evaluation"].pop("scorer")
        return told


@dataclass(frozen=True, slots=True)
class ReadRecipe:
    """A recipe with the file that it was read from, and what was set over it."""

    recipe: Recipe
    path: Path
    text: str
    overrides: tuple[str, ...]

    def beside(self, place: str) -> Path:
        """A path of the recipe, which starts from its own folder."""
        return self.path.parent / place


def read_recipe(name: str, overrides: Sequence[str] = ()) -> ReadRecipe:
    """The recipe in the TOML file ``name``, or the packaged one of that name, with ``SECTION.KEY=VALUE`` set over it.

    Raises UsageError, with the line where there is one.
    """
    path = _path(name)
    document = RecipeText(path, overrides)
    return ReadRecipe(made_of(Recipe, document), path, document.text, tuple(overrides))


def _path(name: str) -> Path:
    path = Path(name)
    if path.exists() or path.suffix:
        return path
    known = {one.stem: one for one in sorted(PACKAGED.glob("*.toml"))}
    if name in known:
        return known[name]
    raise UnknownNameError("recipe", name, known, hint="a file, or one of these names")
