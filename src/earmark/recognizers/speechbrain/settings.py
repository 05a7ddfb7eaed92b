"""How a SpeechBrain model is run, checked as far as it can be without the model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from earmark.errors import UsageError

DTYPES = ("float32", "float16", "bfloat16")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


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
        if self.dtype not in DTYPES:
            raise UsageError(
                f"no dtype {self.dtype!r}", cause=f"known: {', '.join(DTYPES)}", hint="--set dtype=float32"
            )
        if not _DEVICE.fullmatch(str(self.device)):
            raise UsageError(
                f"no device {self.device!r}", cause="known: auto, cpu, cuda, cuda:N", hint="--set device=cpu"
            )
        if self.beams is not None and (type(self.beams) is not int or self.beams < 1):  # from a command line: anything
            raise UsageError(f"speechbrain option beams is a whole number from 1, not {self.beams!r}")
        limit = self.gpu_memory_limit
        if limit is not None and (type(limit) not in (int, float) or not 0 < limit <= 1):
            raise UsageError(f"gpu_memory_limit is a share of 1, not {limit!r}", hint="--gpu-memory-limit 0.9")
