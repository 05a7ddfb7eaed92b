"""Rules on single characters and brackets, shared by the Whisper normalizers. It knows no words.

Categories are those of the running Python's Unicode database, so a character that a later Unicode adds may be treated
otherwise by a later Python.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

MARKS_SYMBOLS_PUNCTUATION = "MSP"
SYMBOLS_PUNCTUATION = "SP"

# One opener of either kind ends at the next closer of either kind.
_BRACKETED = re.compile(r"[<\[][^>\]]*[>\]]")
_IN_PARENTHESES = re.compile(r"\([^)]+\)")


def drop_annotations(text: str) -> str:
    """Delete ``[...]`` and ``<...>``, which may close each other."""
    return _BRACKETED.sub("", text) if "[" in text or "<" in text else text


def drop_bracketed(text: str) -> str:
    """Delete annotations, then ``(...)`` unless it is empty."""
    text = drop_annotations(text)
    return _IN_PARENTHESES.sub("", text) if "(" in text else text


def collapse_whitespace(text: str) -> str:
    """Make one space of every run of whitespace, at the ends too."""
    words = text.split()
    if not words:
        return " " if text else ""
    before = " " if text[0].isspace() else ""
    after = " " if text[-1].isspace() else ""
    return f"{before}{' '.join(words)}{after}"


class _CharacterTable(dict[int, str]):
    """What each code point becomes, worked out when it is first met."""

    def __init__(self, exceptions: Mapping[str, str], *, spaced: str, drop_nonspacing: bool) -> None:
        super().__init__((ord(character), replacement) for character, replacement in exceptions.items())
        self._spaced = spaced
        self._drop_nonspacing = drop_nonspacing

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if self._drop_nonspacing and category == "Mn":
            replacement = ""
        elif category[0] in self._spaced:
            replacement = " "
        else:
            replacement = character
        self[code] = replacement
        return replacement


class SymbolRule:
    """Puts a space for every character of the major categories ``spaced``, after a Unicode normal ``form``.

    Those are marks, symbols and punctuation by default. ``exceptions`` says what some characters become instead;
    ``drop_nonspacing`` deletes nonspacing marks (category Mn), which after NFKD are the diacritics.
    """

    def __init__(
        self,
        form: Literal["NFC", "NFKC", "NFKD"],
        exceptions: Mapping[str, str],
        *,
        spaced: str = MARKS_SYMBOLS_PUNCTUATION,
        drop_nonspacing: bool = False,
    ) -> None:
        self._form = form
        self._table = _CharacterTable(exceptions, spaced=spaced, drop_nonspacing=drop_nonspacing)
        # Text in ASCII is its own normal form, and a table of bytes is some ten times faster than one of code points.
        ascii_replacements = "".join(self._table[code] for code in range(128))
        self._ascii_table = ascii_replacements.encode("ascii").ljust(256)

    def __call__(self, text: str) -> str:
        """``text`` with the rule applied; whitespace is left for others."""
        if text.isascii():
            return text.encode("ascii").translate(self._ascii_table).decode("ascii")
        return unicodedata.normalize(self._form, text).translate(self._table)
