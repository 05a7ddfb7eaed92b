"""Whisper's normalizer for any language, as whisper_normalizer 0.1.15 gives it by default and with marks preserved.

Source: appendix C of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022). The answers
equal that package's to the byte, also where they are odd: by default combining marks become spaces, which splits the
words of Indic and Thai scripts; where marks are kept, one whose base was a symbol stays behind as a word of its own
(the variation selector of an emoji); and a space at either end stays.
"""

from __future__ import annotations

from functools import cache

from earmark.text.base import hash_rules
from earmark.text.characters import SYMBOLS_PUNCTUATION, SymbolRule, collapse_whitespace, drop_bracketed

_VERSION = "whisper_normalizer-0.1.15"
_REVISION = 1  # raised when a change of the code changes an answer

_replace_symbols_and_marks = SymbolRule("NFKC", {})
_replace_symbols = SymbolRule("NFKC", {}, spaced=SYMBOLS_PUNCTUATION)


@cache
def _content_hash(rules: str) -> str:
    return hash_rules({"version": _VERSION, "rules": rules, "revision": _REVISION})


def _normalize(text: str, replace: SymbolRule) -> str:
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
