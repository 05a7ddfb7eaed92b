"""Symbols, diacritics and the marks of numbers in English text, as Whisper's normalizer treats them."""

from __future__ import annotations

import re

from earmark.text.characters import SymbolRule, collapse_whitespace

NUMERIC_MARKS = ".%$¢€£"
# Letters that no Unicode decomposition takes apart.
PLAIN_LETTERS = {
    "œ": "oe",
    "Œ": "OE",
    "ø": "o",
    "Ø": "O",
    "æ": "ae",
    "Æ": "AE",
    "ß": "ss",
    "ẞ": "SS",
    "đ": "d",
    "Đ": "D",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "th",
    "ł": "l",
    "Ł": "L",
}
_symbols_to_spaces = SymbolRule(
    "NFKD", {**{mark: mark for mark in NUMERIC_MARKS}, **PLAIN_LETTERS}, drop_nonspacing=True
)

_COMMA_BEFORE_DIGIT = re.compile(r",\d")
_COMMA_IN_NUMBER = re.compile(r"(\d),(\d)")
_PERIOD = re.compile(r"\.(?![0-9])")
_PERIOD_AND_NEXT = re.compile(r"\.([^0-9]|$)")
_STRAY_PREFIX = re.compile(r"[.$¢€£]([^0-9])")
_STRAY_PERCENT = re.compile(r"([^0-9])%")


def _drop_number_commas(text: str) -> str:
    """Delete commas between digits. A digit serves one comma only, so "1,2,3" is "12,3"."""
    if _COMMA_BEFORE_DIGIT.search(text):
        return _COMMA_IN_NUMBER.sub(r"\1\2", text)
    return text


def _drop_periods(text: str) -> str:
    """Make spaces of periods that no digit follows. The second of two in a row is passed over, and stays."""
    if ".." in text:
        return _PERIOD_AND_NEXT.sub(r" \1", text)
    return _PERIOD.sub(" ", text) if "." in text else text


def replace_symbols(text: str) -> str:
    """Make spaces of symbols but the numeric marks, delete commas inside numbers, and take diacritics off."""
    return _symbols_to_spaces(_drop_periods(_drop_number_commas(text)))


def drop_stray_marks(text: str) -> str:
    """Make spaces of numeric marks that have no digit on their side. One at the very end (or start, for %) stays."""
    kept = _STRAY_PREFIX.sub(r" \1", text)
    if "%" in kept:
        kept = _STRAY_PERCENT.sub(r"\1 ", kept)
    return text if kept == text else collapse_whitespace(kept)
