"""The small steps that a chain of normalizers is made of, each a pure function of one text. It knows no chain.

Case, Unicode forms, punctuation, marks, whitespace, apostrophes, and the numbers of a language. A step's answer never
depends on the steps around it, so their order is the user's choice and matters: ``numbers:es`` reads figures better
before ``strip-punct`` than after it, which keeps only the signs that touch a figure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from earmark.text import spanish_numbers
from earmark.text.base import hash_rules
from earmark.text.characters import SYMBOLS_PUNCTUATION, SymbolRule

_APOSTROPHES = str.maketrans(dict.fromkeys("‘’ʼ＇", "'"))
# An apostrophe inside a word, and what is part of a number: 1,5 is neither 15 nor 1 5.
_PART_OF_A_WORD = re.compile(
    r"((?<=[^\W\d_])'(?=[^\W\d_])"
    r"|(?<=\d)[.,:/-](?=\d)"
    r"|[$€£¥](?=\s?\d)"
    r"|(?:(?<=\d)|(?<=\d\s))[%$€£¥°]"
    r"|(?<!\S)[-−](?=[$€£¥]?\d))"
)
_replace_symbols = SymbolRule("NFC", {}, spaced=SYMBOLS_PUNCTUATION)


def straighten_apostrophes(text: str) -> str:
    """Curly, modifier-letter and full-width apostrophes made straight (U+0027)."""
    return text.translate(_APOSTROPHES)


def strip_punctuation(text: str) -> str:
    """A space for every punctuation character and symbol, but an apostrophe in a word and the signs of a number."""
    pieces = _PART_OF_A_WORD.split(text)
    pieces[::2] = map(_replace_symbols, pieces[::2])
    return "".join(pieces)


def strip_marks(text: str) -> str:
    """Diacritics and every other nonspacing mark taken off (so ñ is n, and Indic vowels are lost), in NFC."""
    decomposed = unicodedata.normalize("NFD", text)
    kept = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    return unicodedata.normalize("NFC", kept)


def squeeze_whitespace(text: str) -> str:
    """One space for every run of whitespace, none at the ends."""
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class Step:
    """One named step, which is a normalizer by itself; ``tables`` is what its hash covers besides its name."""

    name: str
    summary: str
    apply: Callable[[str], str]
    tables: Mapping[str, object] = field(default_factory=dict)
    version: str = "1"

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over name, version and tables."""
        return hash_rules({"step": self.name, "version": self.version, "tables": dict(self.tables)})

    def __call__(self, text: str) -> str:
        """``text`` after the step."""
        return self.apply(text)


_ALL = (
    Step("lower", "lower case", str.lower),
    Step("casefold", "lower case for comparison: ß is ss", str.casefold),
    Step("nfc", "Unicode NFC: letters and their marks composed", partial(unicodedata.normalize, "NFC")),
    Step("nfkc", "Unicode NFKC: compatible characters made one", partial(unicodedata.normalize, "NFKC")),
    Step("apostrophes", "curly apostrophes straight", straighten_apostrophes),
    Step("strip-punct", "spaces for punctuation and symbols, except inside words and numbers", strip_punctuation),
    Step("strip-marks", "diacritics taken off", strip_marks),
    Step("squeeze", "single spaces, none at the ends", squeeze_whitespace),
    Step("numbers:es", "Spanish numbers in words", spanish_numbers.spell_spanish_numbers, spanish_numbers.RULES),
)
STEPS: Mapping[str, Step] = MappingProxyType({step.name: step for step in _ALL})
