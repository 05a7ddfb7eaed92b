"""The normalizers of the Open ASR leaderboard, for English and for other languages.

Source: ``normalizer/`` of github.com/huggingface/open_asr_leaderboard at commit d1e99b2 (21 August 2026; Apache-2.0).
The answers equal that code's to the byte, odd ones included: "c o 2" is "c 02" and "20 %" is "20 ", speech in
parentheses is deleted, and the one for other languages splits words at combining marks. Where that code raises (a
number of more than 4,300 digits), the number stays as written.

The leaderboard also spells numbers in languages other than English (``open_asr_numbers``), and for these it brings
compound words together before it counts errors, which is the scorer's matter.
"""

from __future__ import annotations

import dataclasses
import re
from functools import cache

from earmark.text import contractions, open_asr_english
from earmark.text.base import hash_rules
from earmark.text.characters import SymbolRule, drop_bracketed
from earmark.text.english_symbols import NUMERIC_MARKS, PLAIN_LETTERS, drop_stray_marks, replace_symbols
from earmark.text.number_words import LEXICON
from earmark.text.numbers import write_numbers
from earmark.text.word_tables import read_leaderboard_names, read_leaderboard_spellings, replace_words

VERSION = "open_asr_leaderboard-d1e99b2"
_REVISION = 1  # raised when a change of the code changes an answer

_SPELLINGS = read_leaderboard_spellings()
_NAMES = read_leaderboard_names()

_expand = contractions.ContractionRules(
    open_asr_english.LEADERBOARD_FILLERS, open_asr_english.LEADERBOARD_WHOLE_WORDS, open_asr_english.WORDS_WITH_IS
)
_replace_symbols_and_marks = SymbolRule("NFKC", {})
_NEITHER_WORD_NOR_SPACE = re.compile(r"[^\w\s]+")


@cache
def _content_hash_english() -> str:
    return hash_rules(
        {
            "version": VERSION,
            "rules": "english",
            "revision": _REVISION,
            "marks": NUMERIC_MARKS,
            "letters": PLAIN_LETTERS,
            "fillers": sorted(open_asr_english.LEADERBOARD_FILLERS),
            "words": open_asr_english.LEADERBOARD_WHOLE_WORDS | contractions.WHOLE_CONTRACTIONS,
            "endings": contractions.PERFECT_ENDINGS | contractions.NEGATION | contractions.ENDINGS,
            "words with is": open_asr_english.WORDS_WITH_IS,
            "compounds": open_asr_english.COMPOUNDS,
            "words of one letter": sorted(open_asr_english.WORDS_OF_ONE_LETTER),
            "numbers": {word: dataclasses.asdict(entry) for word, entry in LEXICON.items()},
            "spellings": _SPELLINGS,
            "names": _NAMES,
        }
    )


class OpenAsrEnglish:
    """Whisper's rules with more fillers; compounds, variants of names and acronyms brought together."""

    name = "open-asr-en"
    version = VERSION

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the version and every table of words, spellings and names with them."""
        return _content_hash_english()

    def __call__(self, text: str) -> str:
        """``text`` normalized."""
        text = replace_symbols(_expand(drop_bracketed(text.lower())))
        words = write_numbers(open_asr_english.join_compounds(text))
        words = replace_words(replace_words(words, _SPELLINGS), _NAMES)
        return drop_stray_marks(" ".join(open_asr_english.join_acronyms(words)))


class OpenAsrMultilingual:
    """Lower case, no brackets, a space for every mark, symbol and punctuation character, no invisible characters."""

    name = "open-asr-ml"
    version = VERSION

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the version; the rules are code, and have no tables."""
        return hash_rules({"version": self.version, "rules": "multilingual", "revision": _REVISION})

    def __call__(self, text: str) -> str:
        """``text`` normalized, without space at its ends."""
        text = _replace_symbols_and_marks(drop_bracketed(text.lower()))
        text = _NEITHER_WORD_NOR_SPACE.sub("", text.lower())  # NFKC may bring capitals back, as in U+2121
        return " ".join(text.split())
