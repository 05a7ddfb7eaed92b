"""Normalizers: what is done to a reference and a hypothesis before they are compared, by name.

Knows their names and where they live; importing it loads none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.registry import Registry

if TYPE_CHECKING:
    from earmark.text.base import Normalizer

NORMALIZERS = Registry("normalizer", group="earmark.normalizers")
NORMALIZERS.add("none", "earmark.text.verbatim:Verbatim", "the text as it is: case and punctuation count")
NORMALIZERS.add(
    "basic", "earmark.text.basic:WhisperBasic", "Whisper's rules for any language, which split words at combining marks"
)
NORMALIZERS.add(
    "basic-marks",
    "earmark.text.basic:WhisperBasicMarks",
    "the same with combining marks kept: Hindi, Tamil, Thai, vowelled Arabic stay whole",
)
NORMALIZERS.add(
    "whisper-en", "earmark.text.english:WhisperEnglish", "Whisper's rules for English: numbers, contractions, spelling"
)
NORMALIZERS.add(
    "open-asr-en", "earmark.text.open_asr:OpenAsrEnglish", "the Open ASR leaderboard's rules for English (d1e99b2)"
)
NORMALIZERS.add(
    "open-asr-ml",
    "earmark.text.open_asr:OpenAsrMultilingual",
    "the Open ASR leaderboard's rules for other languages (d1e99b2), figures as they are",
)
for _code, _language in {
    "de": "german",
    "fr": "french",
    "it": "italian",
    "es": "spanish",
    "pt": "portuguese",
}.items():
    NORMALIZERS.add(
        f"open-asr-{_code}",
        f"earmark.text.open_asr_numbers:{_language}",
        f"open-asr-ml with figures in words, as the leaderboard scores {_language.capitalize()}",
        extra="open-asr",
    )
NORMALIZERS.add(
    "spanish", "earmark.text.spanish:Spanish", "Spanish: no punctuation, accents and ñ kept, numbers and pesos in words"
)


def load_normalizer(name: str) -> Normalizer:
    """Make the normalizer called ``name``: one of the registry's, or a chain such as ``lower|strip-punct|squeeze``.

    Raises UnknownNameError with the near names, MissingExtraError with what to install, and UsageError where a word map
    of a chain cannot be used.
    """
    if name in NORMALIZERS.entries():
        normalizer: Normalizer = NORMALIZERS.load(name)()
        return normalizer
    from earmark.text.chain import load_chain

    return load_chain(name, NORMALIZERS)
