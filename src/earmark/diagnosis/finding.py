"""What was found of one thing: a level, a sentence, and the line that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]
"""``problem``: a plain run does not work with it. ``warning``: something that not every run needs does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. ``mend`` is what to type or to do, None where nothing is to be mended."""

    name: str
    level: Level
    sentence: str
    mend: str | None = None


def fine(name: str, sentence: str) -> Finding:
    """Nothing is to be mended."""
    return Finding(name=name, level="ok", sentence=sentence)


def warning(name: str, sentence: str, mend: str) -> Finding:
    """Something that not every run needs does not work."""
    return Finding(name=name, level="warning", sentence=sentence, mend=mend)


def problem(name: str, sentence: str, mend: str) -> Finding:
    """A plain run does not work."""
    return Finding(name=name, level="problem", sentence=sentence, mend=mend)
