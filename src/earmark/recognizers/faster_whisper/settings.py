"""How a Whisper of CTranslate2 is run, checked as far as it can be without the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from earmark.recognizers.options import (
    TASKS,
    check_choice,
    check_device,
    check_nbest,
    check_texts,
    check_whole_numbers,
)
from earmark.spec import OptionValue

DTYPES = ("float32", "float16", "bfloat16", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16")
"""What CTranslate2 computes in: it converts the weights as it loads them."""
_NO_ANSWER = ("device",)


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
        check_choice("dtype", self.dtype, DTYPES)
        check_choice("task", self.task, TASKS)
        check_device(self.device)
        check_whole_numbers("faster-whisper", beams=self.beams, max_new_tokens=self.max_new_tokens, nbest=self.nbest)
        check_nbest(self.nbest, self.beams)
        check_texts("faster-whisper", language=self.language, prompt=self.prompt)

    def options(self) -> dict[str, OptionValue]:
        """Those that can change an answer."""
        return {name: value for name, value in asdict(self).items() if name not in _NO_ANSWER}
