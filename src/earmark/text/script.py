"""Which characters a text may be expected to hold, going by the script that most of its letters are in.

Scripts are read off the characters' names in the running Python's Unicode database. It knows no language and no file.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_PUNCTUATION = frozenset(".,;:!?'\"()-…’‘“”–—¿¡«»")
_PUNCTUATION_OF = {
    "CJK": frozenset("。、，．！？：；「」『』・（）〜～々ー"),
    "ARABIC": frozenset("،؟؛"),
    "DEVANAGARI": frozenset("।॥"),
    "BENGALI": frozenset("।॥"),
    "GURMUKHI": frozenset("।॥"),
    "ARMENIAN": frozenset("՞՜՛։"),
    "GREEK": frozenset(";·"),
    "HEBREW": frozenset("׳״־"),
    "ETHIOPIC": frozenset("።፣፤፥፦፧"),
}
_TOGETHER = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK", "BOPOMOFO": "CJK"}
"""Japanese and Chinese are written in several scripts at once."""
_JOINERS = frozenset("\u200c\u200d")
"""They join and part letters in Arabic and Indic scripts, where they are spelling."""
_JOINED = frozenset({"ARABIC", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU", "KANNADA",
                     "MALAYALAM", "SINHALA", "SYRIAC", "MONGOLIAN"})  # fmt: skip


@lru_cache(maxsize=4096)
def script_of(character: str) -> str | None:
    """The script of a letter or mark, such as ``LATIN`` or ``CJK`` (with the kanas); None for anything else."""
    if unicodedata.category(character)[0] not in "LM":
        return None
    word = unicodedata.name(character, "").split(" ", maxsplit=1)[0]
    return _TOGETHER.get(word, word) or None


def is_control(character: str) -> bool:
    """Whether it is a control character, a mark of writing direction or another invisible one, or no character."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn")


def name_of(character: str) -> str:
    """``U+00E9 LATIN SMALL LETTER E WITH ACUTE``, or what Unicode says in its place."""
    category = "control character" if unicodedata.category(character) == "Cc" else "no name"
    return f"U+{ord(character):04X} {unicodedata.name(character, category)}"


@dataclass(frozen=True, slots=True)
class Expected:
    """A set of characters that a text may hold: ``given`` by somebody, or those that go with a ``script``.

    With a script these are its letters and marks, digits of its own and those from 0 to 9, the space and common
    punctuation. Money, percent, plus and other signs that are read out are not among them: rules must spell them.
    """

    script: str | None
    given: frozenset[str] | None = None

    @classmethod
    def guess(cls, counts: Mapping[str, int], given: str | None = None) -> Expected:
        """From how often each character occurs: the script that most letters are in."""
        scripts: Counter[str] = Counter()
        for character, count in counts.items():
            script = script_of(character)
            if script is not None and unicodedata.category(character)[0] == "L":
                scripts[script] += count
        most = max(scripts.items(), key=lambda item: (item[1], item[0]), default=(None, 0))[0]
        return cls(most, frozenset(given) if given is not None else None)

    def __contains__(self, character: str) -> bool:
        if self.given is not None:
            return character in self.given or character == " "
        if character == " " or character in "0123456789" or character in _PUNCTUATION:
            return True
        if self.script is None:
            return False
        if character in _JOINERS:
            return self.script in _JOINED
        return character in _PUNCTUATION_OF.get(self.script, ()) or self._is_of_script(character)

    def _is_of_script(self, character: str) -> bool:
        if unicodedata.category(character) == "Nd":
            return unicodedata.name(character, "").startswith(str(self.script))
        return script_of(character) == self.script

    @property
    def sentence(self) -> str:
        """What is expected, in words."""
        if self.given is not None:
            return f"the {len(self.given):,} given characters and the space"
        if self.script is None:
            return "digits, space and common punctuation"
        known = {"CJK": "Han characters and kana"}
        letters = known.get(self.script, f"{self.script.capitalize()} letters")
        return f"{letters}, digits, space and common punctuation"
