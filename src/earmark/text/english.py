"""Whisper's normalizer for English, as the package whisper_normalizer 0.1.15 gives it.

Source: appendix C of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022). The answers
equal that package's to the byte, odd ones included: a curly apostrophe is a space ("don’t" is "don t", "don't" is
"do not"), "1,5 euros" is "€15", a text of only "and a half" is empty. Where that package raises (a number of more than
4,300 digits), the number stays as written.
"""

from __future__ import annotations

import dataclasses
from functools import cache

from earmark.text import contractions
from earmark.text.base import hash_rules
from earmark.text.characters import drop_bracketed
from earmark.text.english_symbols import NUMERIC_MARKS, PLAIN_LETTERS, drop_stray_marks, replace_symbols
from earmark.text.number_words import LEXICON
from earmark.text.numbers import write_numbers
from earmark.text.word_tables import AMERICAN_SPELLINGS, replace_words

_VERSION = "whisper_normalizer-0.1.15"
_REVISION = 1  # raised when a change of the code changes an answer

_expand = contractions.ContractionRules(contractions.FILLERS, contractions.WHOLE_WORDS)


@cache
def _content_hash() -> str:
    return hash_rules(
        {
            "version": _VERSION,
            "rules": "english",
            "revision": _REVISION,
            "marks": NUMERIC_MARKS,
            "letters": PLAIN_LETTERS,
            "fillers": sorted(contractions.FILLERS),
            "words": contractions.WHOLE_WORDS | contractions.WHOLE_CONTRACTIONS,
            "endings": contractions.PERFECT_ENDINGS | contractions.NEGATION | contractions.ENDINGS,
            "numbers": {word: dataclasses.asdict(entry) for word, entry in LEXICON.items()},
            "spellings": AMERICAN_SPELLINGS,
        }
    )


class WhisperEnglish:
    """Lower case, no brackets, fillers or diacritics; contractions and titles in full, numbers in figures."""

    name = "whisper-en"
    version = _VERSION

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the version and every table of words, the spellings with them."""
        return _content_hash()

    def __call__(self, text: str) -> str:
        """``text`` normalized."""
        text = _expand(drop_bracketed(text.lower()))
        text = replace_symbols(text)
        return drop_stray_marks(" ".join(replace_words(write_numbers(text), AMERICAN_SPELLINGS)))
