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
    "whisper-en", "earmark.text.english:WhisperEnglish", "Whisper's rules for English: numbers, contractions, spelling"
)


def load_normalizer(name: str) -> Normalizer:
    """Make the normalizer called ``name``. Raises UnknownNameError with the near names."""
    normalizer: Normalizer = NORMALIZERS.load(name)()
    return normalizer
