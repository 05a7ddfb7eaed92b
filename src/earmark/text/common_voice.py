"""What SpeechBrain's recipes do to the sentences of Common Voice before they train on them.

The rules are those of SpeechBrain 1.1.0, ``recipes/CommonVoice/common_voice_prepare.py`` (commit 9c826ef), told in our
words and tested against texts that it made. They differ from language to language: some lose punctuation and become
upper case, others stay as they are. What looks wrong is kept, since models were trained so:

* French Œ and Ÿ become a space (CŒUR is C UR): the letters are sorted out a second time when they are in upper case,
  and only the small ones are known. The rules that would spell ligatures out look for small ones, too.
* Without accented letters all that is not ASCII goes, so nothing is left of Arabic, Japanese or Russian.
* Languages that are not named keep case and punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

RULES = "speechbrain-1.1.0"
"""The name of the rules, for whoever keeps what was made with them."""

LEAST_WORDS = 3
LEAST_CHARACTERS = 2
_WITHOUT_SPACES = frozenset({"ja", "zh-CN"})

_LATIN_AND_CYRILLIC = re.compile("[^’'A-Za-z0-9À-ÖØ-öø-ÿЀ-ӿœ]+")
_GERMAN = re.compile("[^’'A-Za-z0-9öÖäÄüÜß]+")
_IRISH = re.compile("[^-A-Za-z'ÁÉÍÓÚáéíóú]+")
_NOT_ARABIC = re.compile("[^ابتةثجحخدذرزژشسصضطظعغفقكلمنهويىءآأؤإئ ]+")
_NOT_PERSIAN = re.compile("[^ابپتةثجحخچدذرزژسشصضطظعغفقگکلمنهویىءآأؤإئ ]+")

_ELIDED = re.compile("(QU|[LSDJNCM])'")
_NOT_ELIDED = re.compile("([ABEFGKQVWZOX])'")
_ECLIPSIS = re.compile("[tn][AEIOUÁÉÍÓÚ]")


def prepared_sentence(sentence: str, language: str, *, accented_letters: bool) -> str:
    """The sentence as it is trained on. ``language`` is Common Voice's code, such as ``es`` or ``zh-CN``.

    Without ``accented_letters`` each accented letter becomes the plain one, and every other character that is not ASCII
    goes.
    """
    words = _OF_LANGUAGE.get(language, _as_it_is)(sentence)
    if not accented_letters:
        words = unicodedata.normalize("NFD", words).encode("ascii", "ignore").decode("ascii").replace("'", " ")
    return re.sub(" +", " ", words).strip()


def is_too_short(prepared: str, language: str) -> bool:
    """Whether the recipes leave the sentence out: fewer than 3 words, or 2 characters of Chinese and Japanese."""
    if language in _WITHOUT_SPACES:
        return len(prepared) < LEAST_CHARACTERS
    return len(prepared.split(" ")) < LEAST_WORDS


def _as_it_is(sentence: str) -> str:
    return sentence


def _upper(sentence: str) -> str:
    return _LATIN_AND_CYRILLIC.sub(" ", sentence).upper()


def _french(sentence: str) -> str:
    """An apostrophe stays with a word that is cut short (L' EAU, QU' IL), and goes elsewhere (O'CLOCK)."""
    upper = _LATIN_AND_CYRILLIC.sub(" ", _upper(sentence)).replace("’", "'")
    words = _ELIDED.sub(r"\1' ", upper)
    words = re.sub(" +", " ", words).replace(" '", " ")
    return _NOT_ELIDED.sub(r"\1", words).replace("AUJOURD' HUI", "AUJOURD'HUI")


def _german(sentence: str) -> str:
    """Upper case, but for ß, which Python would make SS."""
    words = _GERMAN.sub(" ", sentence).replace("'", " ").replace("’", " ")
    return "ß".join(word.upper() for word in words.split("ß"))


def _irish(sentence: str) -> str:
    """Lower case; what eclipses a capital vowel is parted from it (tAthair: t-athair)."""
    words = _IRISH.sub(" ", sentence).split(" ")
    return " ".join(f"{word[0]}-{word[1:].lower()}" if _ECLIPSIS.match(word) else word.lower() for word in words)


_OF_LANGUAGE: dict[str, Callable[[str], str]] = {
    "en": _upper,
    "it": _upper,
    "rw": _upper,
    "fr": _french,
    "de": _german,
    "ga-IE": _irish,
    "ar": lambda sentence: _NOT_ARABIC.sub("", sentence),
    "fa": lambda sentence: _NOT_PERSIAN.sub("", sentence),
    # A dollar would begin a variable in SpeechBrain's tables, and one sentence of the data has it for an s.
    "es": lambda sentence: sentence.replace("$", "s"),
}
