"""What a training of a recipe tells its caller while it goes on. Values alone; knows no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeBegan:
    """All is checked; steps are about to begin, or to go on after ``step``. ``dropped`` counts by rule.

    There is so much to learn from: ``train_size`` in seconds of audio, or in tokens. ``num_tests_learnt`` of the test
    utterances have audio that is learnt from. ``perplexity`` is that of the
    held-out texts before the first step, of a language model; None where it is larger than a float.
    """

    out: str
    num_train: int
    train_size: float
    unit: Literal["s", "tokens"]
    perplexity: float | None = None
    num_valid: int
    num_tests_learnt: int = 0
    dropped: Mapping[str, int]
    num_parameters: int
    device: str
    num_ranks: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMade:
    """A step was made, the ``step``-th of all epochs. ``loss`` is of this rank's share of its batch."""

    epoch: int
    step: int
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnded:
    """All utterances of the training were seen once more, and those of ``valid`` were tried: transcribed, or predicted.

    ``losses`` are of its steps, means over all ranks; ``waiting_share`` is the time that its steps waited for audio.
    ``perplexity`` is as that of ``RecipeBegan``, ``learning_rate`` that of the last step; None in an older checkpoint.
    """

    epoch: int
    num_epochs: int
    step: int
    losses: tuple[float, ...]
    wer: float | None
    cer: float | None
    perplexity: float | None = None
    is_best: bool
    learning_rate: float | None = None
    padding_share: float
    waiting_share: float

    @property
    def loss(self) -> float:
        """The mean over the epoch's steps."""
        return sum(self.losses) / max(1, len(self.losses))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointDamaged:
    """The newest checkpoint is not as it was written, and the one before it is used."""

    name: str
    problem: str


RecipeEvent = RecipeBegan | StepMade | EpochEnded | CheckpointDamaged
TellRecipe = Callable[[RecipeEvent], None]
