"""English numbers in a text, from words to figures: what is done around the runs that ``number_reader`` reads."""

from __future__ import annotations

import re

from earmark.text.number_reader import FIGURE, read_run
from earmark.text.number_words import DECIMAL_WORDS, LEXICON, SCALE_WORDS

# Of the words of numbers, only "and" does nothing by itself, however often it is said.
_ACTIVE_WORDS = frozenset(LEXICON) - {"and"}

_DIGIT = re.compile(r"\d")
_AND_A_HALF = re.compile(r"\band\s+a\s+half\b")
# Each begins with the digit, the rarest of its characters, so that the search skips from digit to digit.
_DIGIT_AFTER_LETTER = re.compile(r"[0-9](?<=[a-z][0-9])")
_DIGIT_BEFORE_LETTER = re.compile(r"[0-9](?=[a-z])")
_DIGIT_BEFORE_SPACED_SUFFIX = re.compile(r"([0-9])\s+(?=(?:st|nd|rd|th|s)\b)")

_WITH_CENTS = re.compile(r"([€£$][0-9]+) (?:and )?¢([0-9]{1,2})\b")
_ONLY_CENTS = re.compile(r"[€£$]0.([0-9]{1,2})\b")  # any character, a space too, stands for the point
_ONE = re.compile(r"1(?<!\w1)(?=s?\b)")


def write_numbers(text: str) -> list[str]:
    """List the words of ``text`` (lower case, no symbols but ``.%$¢€£``) with their numbers in figures."""
    has_digits = _DIGIT.search(text) is not None
    if "half" in text:
        text = _write_halves(text)
    if has_digits:
        text = _space_figures(text)
    words = text.split()
    if not has_digits and _ACTIVE_WORDS.isdisjoint(words):
        return words
    words = _read_runs(words)
    text = " ".join(words)
    settled = _settle(text)
    return words if settled == text else settled.split()


def _space_figures(text: str) -> str:
    """Put a space between figures and letters, but none before the suffix of an ordinal or plural: "1960 s" too."""
    text = _DIGIT_AFTER_LETTER.sub(lambda match: " " + match[0], text)
    text = _DIGIT_BEFORE_LETTER.sub(lambda match: match[0] + " ", text)
    return _DIGIT_BEFORE_SPACED_SUFFIX.sub(lambda match: match[1], text)


def _write_halves(text: str) -> str:
    """Make "point five" of "and a half" after a number word. With nothing before it but space, it is lost."""
    *before, last = _AND_A_HALF.split(text)
    pieces = []
    for piece in filter(str.strip, before):
        final_word = piece.split()[-1]
        is_number = final_word in DECIMAL_WORDS or final_word in SCALE_WORDS
        pieces += [piece, "point five" if is_number else "and a half"]
    if last.strip():
        pieces.append(last)
    return " ".join(pieces)


def _read_runs(words: list[str]) -> list[str]:
    """``words`` with each longest run of number words and figures read as a whole."""
    written: list[str] = []
    run: list[str] = []
    for word in words:
        if word in LEXICON or (word[-1].isdecimal() and FIGURE.fullmatch(word)):
            run.append(word)
            continue
        if run:
            written += read_run(tuple(run))
            run.clear()
        written.append(word)
    written += read_run(tuple(run))
    return written


def _settle(text: str) -> str:
    """Join dollars with cents, ``$2 and ¢7`` to ``$2.07``, write cents alone as ``¢7``, and the figure 1 as a word."""
    if "¢" in text:
        text = _WITH_CENTS.sub(lambda match: f"{match[1]}.{int(match[2]):02d}", text)
    if "$0" in text or "£0" in text or "€0" in text:
        text = _ONLY_CENTS.sub(lambda match: f"¢{int(match[1])}", text)
    return _ONE.sub("one", text) if "1" in text else text
