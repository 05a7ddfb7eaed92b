"""How a Transformers model is run, checked as far as it can be without the model."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

from earmark.errors import UsageError
from earmark.spec import OptionValue

DTYPES = ("float32", "float16", "bfloat16")
ATTENTIONS = ("sdpa", "eager", "flash_attention_2", "flash_attention_3")
TASKS = ("transcribe", "translate")
_NO_ANSWER = ("device", "trust", "gpu_memory_limit")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


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
        _one_of("dtype", self.dtype, DTYPES)
        _one_of("attention", self.attention, ATTENTIONS)
        if self.task is not None:
            _one_of("task", self.task, TASKS)
        if not _DEVICE.fullmatch(str(self.device)):
            raise UsageError(
                f"no device {self.device!r}", cause="known: auto, cpu, cuda, cuda:N", hint="--set device=cpu"
            )
        self._check_numbers()
        limit = self.gpu_memory_limit
        if limit is not None and (isinstance(limit, bool | str) or not 0 < limit <= 1):
            raise UsageError(f"gpu_memory_limit is a share of 1, not {limit!r}", hint="--gpu-memory-limit 0.9")
        for name, text in (("language", self.language), ("prompt", self.prompt)):
            if text is not None and (type(text) is not str or not text.strip()):
                raise UsageError(f"transformers option {name} is a text, not {text!r}")

    def _check_numbers(self) -> None:
        for name, value in (("beams", self.beams), ("max_new_tokens", self.max_new_tokens), ("nbest", self.nbest)):
            if value is not None and (type(value) is not int or value < 1):  # from a command line it can be anything
                raise UsageError(f"transformers option {name} is a whole number from 1, not {value!r}")
        if self.nbest > self.beams:
            raise UsageError(
                f"no {self.nbest} best of {self.beams} beams",
                cause="the best ones are those that a search keeps",
                hint=f"--set beams={self.nbest}",
            )

    def options(self) -> dict[str, OptionValue]:
        """Those that can change an answer."""
        return {name: value for name, value in asdict(self).items() if name not in _NO_ANSWER}


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"no {name} {value!r}", cause=f"known: {', '.join(known)}", hint=f"--set {name}={known[0]}")
