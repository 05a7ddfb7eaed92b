"""A normalizer for Spanish: what was said and how it was written down may differ, and only what was said counts.

Rules of our own, without a truth elsewhere: lower case; no punctuation and symbols, ¿ and ¡ among them; accents, ñ and
speech in parentheses kept; annotations such as ``[risas]`` deleted; numbers in words (``spanish_numbers``). So "20" is
"veinte" and "$1.500" is "mil quinientos pesos". Applying it twice gives what applying it once gives.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from earmark.text import spanish_numbers
from earmark.text.base import hash_rules
from earmark.text.characters import SYMBOLS_PUNCTUATION, SymbolRule, drop_annotations

_VERSION = "1"
_REVISION = 1  # raised when a change of the code changes an answer


class _VisibleTable(dict[int, str]):
    """What each code point becomes: nothing for a format character (category Cf), which would part a word or number."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = "" if unicodedata.category(character) == "Cf" else character
        return self[code]


_visible = _VisibleTable()
_replace_symbols = SymbolRule("NFKC", {}, spaced=SYMBOLS_PUNCTUATION)


@cache
def _content_hash() -> str:
    return hash_rules(
        {"version": _VERSION, "rules": "spanish", "revision": _REVISION, "numbers": spanish_numbers.RULES}
    )


class Spanish:
    """Lower case, no punctuation, numbers and currency in words; accents and ñ stay."""

    name = "spanish"
    version = _VERSION

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the version and the tables of months, currencies, degrees and nouns."""
        return _content_hash()

    def __call__(self, text: str) -> str:
        """``text`` normalized, without space at its ends."""
        text = spanish_numbers.settle_signs(text if text.isascii() else text.translate(_visible))
        text = drop_annotations(unicodedata.normalize("NFKC", text)).lower()
        return " ".join(_replace_symbols(spanish_numbers.spell_spanish_numbers(text)).split())
