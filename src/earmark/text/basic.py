"""Whisper's normalizer for any language, as the package whisper_normalizer 0.1.15 gives it by default.

Source: appendix C of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022). The answers
equal that package's to the byte, also where they are odd: combining marks become spaces, which splits the words of
Indic and Thai scripts, and a space at either end stays.
"""

from __future__ import annotations

from functools import cache

from earmark.text.base import hash_rules
from earmark.text.characters import SymbolRule, collapse_whitespace, drop_bracketed

_VERSION = "whisper_normalizer-0.1.15"
_REVISION = 1  # raised when a change of the code changes an answer

_replace_symbols = SymbolRule("NFKC", {}, drop_nonspacing=False)


@cache
def _content_hash() -> str:
    return hash_rules({"version": _VERSION, "rules": "basic", "revision": _REVISION})


class WhisperBasic:
    """Lower case, no brackets, a space for every mark, symbol and punctuation character, single spaces."""

    name = "basic"
    version = _VERSION

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the version; the rules are code, and have no tables."""
        return _content_hash()

    def __call__(self, text: str) -> str:
        """``text`` normalized; a leading or trailing space may remain."""
        text = _replace_symbols(drop_bracketed(text.lower()))
        return collapse_whitespace(text.lower())  # NFKC may bring capitals back, as in U+2121
