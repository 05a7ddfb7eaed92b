"""Which scorer made a number. Two results can be compared where this value is the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

WORD_RULES = """\
tokens: the text split at Unicode whitespace, as by Python's str.split(); compared code point by code point
"""

CHARACTER_RULES = """\
characters: Unicode code points of the tokens joined by one U+0020, spaces included; fewest errors
unicode: texts are scored as given, with no normalisation form applied
rates: sum of errors over sum of reference tokens, never a mean of rates; undefined without reference tokens
empty references: their insertions count; an utterance without word errors is right
"""


@dataclass(frozen=True, slots=True)
class ScorerIdentity:
    """Name and version of a scorer, and the SHA-256 (hexadecimal) of its rules."""

    name: str
    version: str
    hash: str


def identify(name: str, version: str, rules: str) -> ScorerIdentity:
    """Make the identity of a scorer with these rules. Its version grows when they change."""
    return ScorerIdentity(name, version, hashlib.sha256(rules.encode()).hexdigest())
