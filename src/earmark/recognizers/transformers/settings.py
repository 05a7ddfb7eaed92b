"""How a Transformers model is run, checked as far as it can be without the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from earmark.recognizers.on_torch import DTYPES
from earmark.recognizers.options import (
    TASKS,
    check_choice,
    check_device,
    check_memory_share,
    check_nbest,
    check_texts,
    check_whole_numbers,
)
from earmark.spec import OptionValue

ATTENTIONS = ("sdpa", "eager", "flash_attention_2", "flash_attention_3")
_NO_ANSWER = ("device", "trust", "gpu_memory_limit")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the user chose. ``device``, ``trust`` and ``gpu_memory_limit`` cannot change an answer; all the others can.

    ``max_new_tokens`` bounds what is said of one utterance (None: what the checkpoint says). ``words`` asks for their
    times, ``nbest`` for as many of the texts that a search with beams keeps. ``compile`` has torch compile
    the model. ``trust`` lets code run that the checkpoint brings. ``gpu_memory_limit`` is a share of the GPU's memory,
    in (0, 1].
    """

    dtype: str = "float32"
    device: str = "auto"
    attention: str = "sdpa"
    beams: int = 1
    language: str | None = None
    task: str | None = None
    prompt: str | None = None
    max_new_tokens: int | None = None
    words: bool = False
    nbest: int = 1
    compile: bool = False
    trust: bool = False
    gpu_memory_limit: float | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for a value that no model takes."""
        check_choice("dtype", self.dtype, DTYPES)
        check_choice("attention", self.attention, ATTENTIONS)
        if self.task is not None:
            check_choice("task", self.task, TASKS)
        check_device(self.device)
        check_whole_numbers("transformers", beams=self.beams, max_new_tokens=self.max_new_tokens, nbest=self.nbest)
        check_nbest(self.nbest, self.beams)
        check_memory_share(self.gpu_memory_limit)
        check_texts("transformers", language=self.language, prompt=self.prompt)

    def options(self) -> dict[str, OptionValue]:
        """Those that can change an answer."""
        return {name: value for name, value in asdict(self).items() if name not in _NO_ANSWER}
