"""What goes to the terminal, and how: results to stdout, everything else to stderr, colour only where it is wanted."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def has_colour(stream: TextIO) -> bool:
    """Whether to colour this stream: NO_COLOR forbids it, FORCE_COLOR asks for it, else only a terminal gets it."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def print_error(what: str, *, cause: str | None = None, hint: str | None = None) -> None:
    """Three lines at most: what went wrong, why, and what to type next."""
    for label, colour, text in (("error", "31", what), ("cause", "33", cause), ("hint", "36", hint)):
        if text:
            indented = text.replace("\n", "\n       ")
            say(f"{_painted(label, colour)}: {indented}")


def say(text: str) -> None:
    """A line to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _painted(word: str, colour: str) -> str:
    return f"\x1b[1;{colour}m{word}\x1b[0m" if has_colour(sys.stderr) else word
