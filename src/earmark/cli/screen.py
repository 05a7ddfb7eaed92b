"""What goes to the terminal, and how: results to stdout, everything else to stderr, colour only where it is wanted."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
import unicodedata
from typing import TextIO

_LONGEST = 800
_HIDDEN = ("Cc", "Cf", "Cs")
_NARROWEST = 40
_BEHIND_A_LABEL = " " * len("error: ")
_COMMAND = re.compile(r"([a-z]+: +)?earmark ")


def has_colour(stream: TextIO) -> bool:
    """Whether to colour this stream: NO_COLOR forbids it, FORCE_COLOR asks for it, else only a terminal gets it."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def print_error(what: str, *, cause: str | None = None, hint: str | None = None) -> None:
    """Three lines at most: what went wrong, why, and what to type next."""
    for label, colour, text in (("error", "31", what), ("cause", "33", cause), ("hint", "36", hint)):
        if text:
            # Paths, ids and lines of data come from anywhere: they must not speak to the terminal, nor flood it.
            shown = visible(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ...")
            lines = _folded(f"{label}: {shown}".replace("\n", f"\n{_BEHIND_A_LABEL}"), sys.stderr)
            sys.stderr.write(f"{_painted(label, colour)}{lines.removeprefix(label)}\n")
    sys.stderr.flush()


def say(text: str) -> None:
    """A line to stderr."""
    sys.stderr.write(_folded(visible(text), sys.stderr) + "\n")
    sys.stderr.flush()


def tell(text: str) -> None:
    """A line of the result, to stdout."""
    sys.stdout.write(_folded(visible(text), sys.stdout) + "\n")


def _folded(text: str, stream: TextIO) -> str:
    """One line, folded between words where the terminal is narrower. A command stays whole, so that it can be copied.

    Several lines are an excerpt with a mark below it, and stay as they are; so does what goes to no terminal.
    """
    if "\n" in text or _COMMAND.match(text) or not stream.isatty():
        return text
    width = max(_NARROWEST, shutil.get_terminal_size().columns)
    lines = textwrap.wrap(
        text,
        width,
        subsequent_indent=_BEHIND_A_LABEL,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
    return "\n".join(lines)


def number_of(number: int, noun: str, verb: str = "") -> str:
    """``1 utterance is``, ``2,000 utterances are``: a number, its noun and the verb that follows (are, were, count)."""
    singular = {"are": "is", "were": "was"}.get(verb, f"{verb}s" if verb else "")
    said = f"{number:,} {noun}{'' if number == 1 else 's'}"
    return f"{said} {singular if number == 1 else verb}" if verb else said


def visible(text: str) -> str:
    """The text with control characters and marks that turn the writing direction spelled out."""
    return "".join(one if one == "\n" or not _is_hidden(one) else ascii(one)[1:-1] for one in text)


def json_for_screen(text: str) -> str:
    """JSON in which no character speaks to the terminal: those that ``visible`` spells out are escaped as JSON does.

    What it says stays the same to whatever reads it. Outside of texts JSON has no such character but line ends.
    """
    return "".join(one if one == "\n" or not _is_hidden(one) else json.dumps(one)[1:-1] for one in text)


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def _painted(word: str, colour: str) -> str:
    return f"\x1b[1;{colour}m{word}\x1b[0m" if has_colour(sys.stderr) else word
