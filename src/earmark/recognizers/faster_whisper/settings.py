"""How a Whisper of CTranslate2 is run, checked as far as it can be without the model."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

from earmark.errors import UsageError
from earmark.spec import OptionValue

DTYPES = ("float32", "float16", "bfloat16", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16")
"""What CTranslate2 computes in: it converts the weights as it loads them."""
TASKS = ("transcribe", "translate")
_NO_ANSWER = ("device",)
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the user chose. ``device`` cannot change an answer; all the others can.

    ``language`` None lets a multilingual model tell it, for each utterance. ``max_new_tokens`` bounds what is said of
    one utterance (None: what the model can hold). ``nbest`` is how many of the ``beams`` texts are kept.
    """

    dtype: str = "float32"
    device: str = "auto"
    beams: int = 1
    language: str | None = None
    task: str = "transcribe"
    prompt: str | None = None
    max_new_tokens: int | None = None
    words: bool = False
    nbest: int = 1

    def __post_init__(self) -> None:
        """Raise UsageError for a value that no model takes."""
        for name, value, known in (("dtype", self.dtype, DTYPES), ("task", self.task, TASKS)):
            if value not in known:
                raise UsageError(
                    f"no {name} {value!r}", cause=f"known: {', '.join(known)}", hint=f"--set {name}={known[0]}"
                )
        if not _DEVICE.fullmatch(str(self.device)):
            raise UsageError(
                f"no device {self.device!r}", cause="known: auto, cpu, cuda, cuda:N", hint="--set device=cpu"
            )
        self._check_numbers()
        for name, text in (("language", self.language), ("prompt", self.prompt)):
            if text is not None and (type(text) is not str or not text.strip()):
                raise UsageError(f"faster-whisper option {name} is a text, not {text!r}")

    def _check_numbers(self) -> None:
        for name, number in (("beams", self.beams), ("max_new_tokens", self.max_new_tokens), ("nbest", self.nbest)):
            if number is not None and (type(number) is not int or number < 1):  # from a command line it can be anything
                raise UsageError(f"faster-whisper option {name} is a whole number from 1, not {number!r}")
        if self.nbest > self.beams:
            raise UsageError(
                f"no {self.nbest} best of {self.beams} beams",
                cause="the best ones are those that a search keeps",
                hint=f"--set beams={self.nbest}",
            )

    def options(self) -> dict[str, OptionValue]:
        """Those that can change an answer."""
        return {name: value for name, value in asdict(self).items() if name not in _NO_ANSWER}
