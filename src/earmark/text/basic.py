"""Whisper's normalizer for any language, as whisper_normalizer 0.1.15 gives it by default and with marks preserved.

Source: appendix C of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022). The answers
equal that package's to the byte, also where they are odd: by default combining marks become spaces, which splits the
words of Indic and Thai scripts; where marks are kept, one whose base was a symbol stays behind as a word of its own
(the variation selector of an emoji); and a space at either end stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from earmark.text.base import hash_rules
from earmark.text.characters import SYMBOLS_PUNCTUATION, SymbolRule, collapse_whitespace, drop_bracketed

_VERSION = "whisper_normalizer-0.1.15"
_REVISION = 1  # raised when a change of the code changes an answer

_replace_symbols_and_marks = SymbolRule("NFKC", {})
_replace_symbols = SymbolRule("NFKC", {}, spaced=SYMBOLS_PUNCTUATION)


@cache
def _content_hash(rules: str) -> str:
    return hash_rules({"version": _VERSION, "rules": rules, "revision": _REVISION})


# What is done to ASCII without brackets, in one step: lower case, and a space for symbols, punctuation and whitespace.
_IS_KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789") | frozenset(
    code for code in (*range(32), 127) if not chr(code).isspace()
)
_ASCII = bytes(code if code in _IS_KEPT else 32 for code in bytes(range(256)).lower())


def _normalize_ascii(text: str) -> str:
    """``_normalize`` for ASCII without brackets, which is faster."""
    spaced = text.encode("ascii").translate(_ASCII)
    while b"  " in spaced:  # replacing halves each run; there are few, and splitting costs more
        spaced = spaced.replace(b"  ", b" ")
    return spaced.decode("ascii")


_ASCII_LINES = _ASCII[:10] + b"\n" + _ASCII[11:]
_AT_ONCE = 256  # texts: few enough for the processor's cache


def _normalize_many(texts: Sequence[str], replace: SymbolRule) -> Iterator[str]:
    """``_normalize`` of each text; where all of some texts are plain, they are normalized as the lines of one."""
    for start in range(0, len(texts), _AT_ONCE):
        block = texts[start : start + _AT_ONCE]
        lines = "\n".join(block)
        is_plain = lines.isascii() and not ("(" in lines or "[" in lines or "<" in lines)
        if is_plain and lines.count("\n") == len(block) - 1:
            spaced = np.frombuffer(lines.encode("ascii").translate(_ASCII_LINES), np.uint8)
            is_space = spaced == ord(" ")
            is_again = np.zeros(len(spaced), dtype=bool)
            is_again[1:] = is_space[1:] & is_space[:-1]
            yield from spaced[~is_again].tobytes().decode("ascii").split("\n")
        else:
            yield from (_normalize(text, replace) for text in block)


def _normalize(text: str, replace: SymbolRule) -> str:
    if text.isascii() and not ("(" in text or "[" in text or "<" in text):
        return _normalize_ascii(text)
    text = replace(drop_bracketed(text.lower()))
    return collapse_whitespace(text.lower())  # NFKC may bring capitals back, as in U+2121


class WhisperBasic:
    """Lower case, no brackets, a space for every mark, symbol and punctuation character, single spaces."""

    name = "basic"
    version = _VERSION

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the version; the rules are code, and have no tables."""
        return _content_hash(self.name)

    def __call__(self, text: str) -> str:
        """``text`` normalized; a leading or trailing space may remain."""
        return _normalize(text, _replace_symbols_and_marks)

    def many(self, texts: Sequence[str]) -> list[str]:
        """The same for many texts, several times as fast where they are plain ASCII."""
        return list(_normalize_many(texts, _replace_symbols_and_marks))


class WhisperBasicMarks:
    """The same with combining marks kept, so that words of Indic scripts, Thai and vowelled Arabic stay whole."""

    name = "basic-marks"
    version = _VERSION

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the version; the rules are code, and have no tables."""
        return _content_hash(self.name)

    def __call__(self, text: str) -> str:
        """``text`` normalized; a leading or trailing space may remain."""
        return _normalize(text, _replace_symbols)

    def many(self, texts: Sequence[str]) -> list[str]:
        """The same for many texts, several times as fast where they are plain ASCII."""
        return list(_normalize_many(texts, _replace_symbols))
