"""The cases of the scorer's checklist that normalizers decide, by their numbers there."""

from __future__ import annotations

import json

import pytest

from earmark.text import load_normalizer
from earmark.text.base import NormalizerIdentity

UNICODE_AWARE = ["basic", "basic-marks", "whisper-en", "open-asr-en", "open-asr-ml", "spanish", "nfc", "nfkc|squeeze"]
# None of the packages' rules is idempotent, by their nature; these texts show it.
CHANGES_TWICE = {"whisper-en": "o two", "open-asr-en": "c o 2"}
EMPTIED = {
    "whisper-en": ["um", "and a half", "[laughter]"],
    "open-asr-en": ["um", "huh", "and a half", "[laughter]"],
    "open-asr-ml": ["[laughter]", "…"],
    "spanish": ["[risas]", "…", "¿?"],
}


@pytest.mark.parametrize("name", UNICODE_AWARE)
def test_18_composed_and_decomposed_letters_are_one(name):
    """Case 18: "café" composed and decomposed are the same word, except to the normalizer that changes nothing."""
    normalize, verbatim = load_normalizer(name), load_normalizer("none")
    assert normalize("caf\u00e9") == normalize("cafe\u0301")
    assert verbatim("caf\u00e9") != verbatim("cafe\u0301")


def test_19_the_normalizer_is_named_with_version_and_hash():
    """Case 19: case and punctuation count unless a normalizer is chosen, and the choice can be written down."""
    assert load_normalizer("none")("Hello, World!") == "Hello, World!"
    identity = NormalizerIdentity.of(load_normalizer("lower|strip-punct"))
    assert json.loads(json.dumps([identity.name, identity.version, identity.hash]))[0] == "lower|strip-punct"


@pytest.mark.parametrize("name", ["spanish", "apostrophes", "apostrophes|strip-punct", "apostrophes|whisper-en"])
def test_21_curly_and_straight_apostrophes_are_one(name):
    """Case 21: "don’t" is "don't" to rules of our own; Whisper's own rules keep their "don t"."""
    normalize = load_normalizer(name)
    assert normalize("don’t") == normalize("don't")
    assert load_normalizer("whisper-en")("don’t") == "don t"


@pytest.mark.parametrize("name", ["basic-marks", "spanish", "lower|strip-punct|squeeze"])
@pytest.mark.parametrize("word", ["हिन्दी", "தமிழ்", "ภาษาที่", "العَرَبِيَّة", "מְדַבֵּר"])
def test_22_words_with_combining_marks_stay_whole(name, word):
    """Case 22: a word of Indic, Thai, Arabic or Hebrew script stays one word; strict Whisper splits it."""
    assert load_normalizer(name)(word).split() == [load_normalizer("nfkc")(word)]
    assert load_normalizer("basic")("हिन्दी") == "ह न द "


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in EMPTIED.items() for text in texts])
def test_24_a_reference_can_become_empty(name, text):
    """Case 24: some texts vanish, and an empty string, not an error, says so."""
    assert load_normalizer(name)(text).split() == []


@pytest.mark.parametrize("name", ["spanish", "open-asr-ml", "none"])
def test_25_these_may_be_applied_twice(name):
    """Case 25: these are idempotent on a text that others change twice."""
    normalize = load_normalizer(name)
    for text in [*CHANGES_TWICE.values(), "¿$1.500 o 1,5?", "c o 2"]:
        assert normalize(normalize(text)) == normalize(text)


@pytest.mark.parametrize(("name", "text"), [("open-asr-en", "c o 2"), ("whisper-en", "o two")])
def test_25_others_may_not(name, text):
    """Case 25: the English rules are not idempotent, so a text is normalized exactly once."""
    normalize = load_normalizer(name)
    assert normalize(normalize(text)) != normalize(text)


def test_26_numbers_in_figures_and_in_words_are_one():
    """Case 26: "$20 million" is "20 million dollars", "veinte" is "20", and 1,5 is not 15 to the Spanish rules."""
    for name in ("whisper-en", "open-asr-en"):
        english = load_normalizer(name)
        assert english("$20 million") == english("20 million dollars")
    spanish = load_normalizer("spanish")
    assert spanish("20") == spanish("veinte")
    assert spanish("$20 millones") == spanish("20 millones de pesos")
    assert spanish("1,5 euros") == "uno coma cinco euros" != spanish("15 euros")


def test_27_listed_compounds_are_one_word():
    """Case 27: the leaderboard's English rules join the compounds that they list, and leave others to the scorer."""
    english = load_normalizer("open-asr-en")
    assert english("wi-fi and e mail") == english("wifi and email")
    assert english("white paper") != english("whitepaper")
