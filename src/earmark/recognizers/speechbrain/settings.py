"""How a SpeechBrain model is run, checked as far as it can be without the model."""

from __future__ import annotations

from dataclasses import dataclass

from earmark.recognizers.on_torch import DTYPES
from earmark.recognizers.options import check_choice, check_device, check_memory_share, check_whole_numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the user chose. ``beams`` is the width of the search (None: what the model's file says).

    ``dtype`` below float32 is SpeechBrain's mixed precision (autocast): the weights stay as they are. ``device`` cannot
    change an answer; ``trust`` lets a model build what is not on the list; ``gpu_memory_limit`` is a share of the GPU's
    memory, in (0, 1].
    """

    dtype: str = "float32"
    device: str = "auto"
    beams: int | None = None
    trust: bool = False
    gpu_memory_limit: float | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for a value that no model takes."""
        check_choice("dtype", self.dtype, DTYPES)
        check_device(self.device)
        check_whole_numbers("speechbrain", beams=self.beams)
        check_memory_share(self.gpu_memory_limit)
