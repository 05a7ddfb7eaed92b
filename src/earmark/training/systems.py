"""What can be trained, by the kind that a recipe names. Imports a kind's libraries only when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from earmark.training.lessons import Speech, System
from earmark.training.recipe import ReadRecipe

if TYPE_CHECKING:
    import torch

    from earmark.store.folder import LocalFolder


@dataclass(frozen=True, slots=True)
class Saved:
    """How a kind is saved: ``prefix:FOLDER`` is what ``earmark eval`` takes, and ``last_file`` is written last."""

    prefix: str
    last_file: str


_AS_SPEECHBRAIN = Saved("speechbrain", "hyperparams.yaml")
SAVED = {"ctc": _AS_SPEECHBRAIN, "whisper": Saved("whisper", "config.json"), "lm": _AS_SPEECHBRAIN}
UNITS: dict[str, Literal["s", "tokens"]] = {"ctc": "s", "whisper": "s", "lm": "tokens"}
"""What there is to learn from is counted in."""


class TrainedSystem(System, Protocol):
    """A recognizer that is trained, all of it or a part, and becomes a folder."""

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the files that say how it is built, and over the weights that it begins with."""
        ...

    def speech(self) -> Speech:
        """What the recipe has it learn from, and be tried on. Raises UsageError for none."""
        ...

    def brain(self, device: torch.device) -> Any:  # noqa: ANN401  # SpeechBrain's, which has no types
        """A Brain with its modules."""
        ...

    def save(self, folder: LocalFolder) -> None:
        """Write the folder. Raises StoreError."""
        ...


def system_of(read: ReadRecipe, device: torch.device) -> TrainedSystem:
    """What the recipe begins with. Raises UsageError and RecognizerError for what cannot be built."""
    if read.recipe.kind == "whisper":
        from earmark.training.whisper import WhisperSystem

        return WhisperSystem(read.recipe, device)
    if read.recipe.kind == "lm":
        from earmark.training.lm import LmSystem

        return LmSystem(read)
    from earmark.training.ctc import CtcSystem

    return CtcSystem(read)
