from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.text.common_voice import is_too_short, prepared_sentence

LANGUAGES = ("ar", "de", "en", "es", "fa", "fr", "ga-IE", "it", "ja", "pt", "rw", "zh-CN")

# Made with SpeechBrain 1.1.0 (commit 9c826ef), language_specific_preprocess and what follows it.
MADE_BY_SPEECHBRAIN = [
    ("L’eau qu’il a bue aujourd'hui, cœur d'or.", "fr", True, "L' EAU QU' IL A BUE AUJOURD'HUI C UR D' OR"),
    ("L’eau qu’il a bue aujourd'hui, cœur d'or.", "fr", False, "L EAU QU IL A BUE AUJOURD HUI C UR D OR"),
    ("Straße, ein Fuß und SS'er!", "de", True, "STRAßE EIN FUß UND SS ER"),
    ("Straße, ein Fuß", "de", False, "STRAE EIN FU"),
    ("An tAthair, is nÉire é.", "ga-IE", True, "an t-athair is n-éire é"),
    ("¿Dónde está Foreign Noi$e, señor?", "es", True, "¿Dónde está Foreign Noise, señor?"),
    ("¿Dónde está Foreign Noi$e, señor?", "es", False, "Donde esta Foreign Noise, senor?"),
    ("Don't stop — it's 5 o'clock.", "en", True, "DON'T STOP IT'S 5 O'CLOCK"),
    ("Don't stop — it's 5 o'clock.", "en", False, "DON T STOP IT S 5 O CLOCK"),
    ("مرحبا، كيف الحال؟", "ar", True, "مرحبا كيف الحال"),
    ("日本", "ja", True, "日本"),
    ("Ja, já vou.", "pt", True, "Ja, já vou."),
    ("Perché l’è così?", "it", False, "PERCHE LE COSI"),
]


@pytest.mark.parametrize(("sentence", "language", "accented", "prepared"), MADE_BY_SPEECHBRAIN)
def test_sentences_become_what_the_recipe_makes_of_them(sentence, language, accented, prepared):
    """Case, punctuation, apostrophes and accents, language by language."""
    assert prepared_sentence(sentence, language, accented_letters=accented) == prepared


@pytest.mark.parametrize(
    ("prepared", "language", "is_short"),
    [
        ("UNO DOS", "es", True),
        ("UNO DOS TRES", "es", False),
        ("", "en", True),
        ("日", "ja", True),
        ("日本", "zh-CN", False),
        ("日本", "ko", True),
    ],
)
def test_short_sentences_are_left_out(prepared, language, is_short):
    """Fewer than three words; fewer than two characters where words are not parted by spaces."""
    assert is_too_short(prepared, language) is is_short


@given(st.text(), st.sampled_from(LANGUAGES), st.booleans())
def test_any_text_becomes_a_sentence(text, language, accented):
    """Of single spaces, without any at the ends; without accented letters it is ASCII without apostrophes."""
    prepared = prepared_sentence(text, language, accented_letters=accented)
    assert "  " not in prepared
    assert prepared == prepared.strip()
    assert accented or (prepared.isascii() and "'" not in prepared)
