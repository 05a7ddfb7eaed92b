"""The checks of what a user chooses for a model, so that one fault has one message whichever library runs the model.

A value from a command line can be of any type, whatever the annotation says. Knows no model and no torch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from earmark.errors import UsageError
from earmark.recognizers.other_words import called_here

TASKS = ("transcribe", "translate")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


def check_choice(name: str, value: object, known: Sequence[str]) -> None:
    """Raise UsageError unless the option ``name`` is one of ``known``. Its hint is what was meant, if that is known."""
    if value not in known:
        meant = called_here(name, value)
        hint = f"--set {name}={meant if meant in known else known[0]}"
        raise UsageError(f"no {name} {value!r}", cause=f"known: {', '.join(known)}", hint=hint)


def check_device(device: object) -> None:
    """Raise UsageError unless it is auto, cpu, cuda or cuda:N. Whether it is there is seen when the model is loaded."""
    if not _DEVICE.fullmatch(str(device)):
        meant = called_here("device", device) or "cpu"
        raise UsageError(f"no device {device!r}", cause="known: auto, cpu, cuda, cuda:N", hint=f"--set device={meant}")


def check_whole_numbers(recognizer: str, **values: object) -> None:
    """Raise UsageError unless each of the recognizer's options, by name, is None or a whole number from 1."""
    for name, value in values.items():
        if value is not None and (type(value) is not int or value < 1):
            raise UsageError(f"{recognizer} option {name} is a whole number from 1, not {value!r}")


def check_texts(recognizer: str, **values: object) -> None:
    """Raise UsageError unless each of the recognizer's options, by name, is None or a text that is not blank."""
    for name, value in values.items():
        if value is not None and (type(value) is not str or not value.strip()):
            raise UsageError(f"{recognizer} option {name} is a text, not {value!r}")


def check_nbest(nbest: int, beams: int) -> None:
    """Raise UsageError where more texts are asked for than a search with so many beams keeps."""
    if nbest > beams:
        raise UsageError(
            f"no {nbest} best of {beams} beams",
            cause="the best ones are those that a search keeps",
            hint=f"--set beams={nbest}",
        )


def check_memory_share(limit: object) -> None:
    """Raise UsageError unless it is None or a share of a GPU's memory, in (0, 1]."""
    if limit is None:
        return
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 < limit <= 1:
        raise UsageError(f"gpu_memory_limit is a share of 1, not {limit!r}", hint="--gpu-memory-limit 0.9")
