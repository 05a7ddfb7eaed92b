from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.text import load_normalizer
from earmark.text.number_words import LEXICON
from earmark.text.word_tables import AMERICAN_SPELLINGS
from tests.text.text_fuzz import CONTRACTED, LETTERS, MARKS, NUMBER_WORDS, PLAIN, SCRIPTS, SPACES, TAILS, hard_texts

NUM_HARD_TEXTS = 12_000

# What the rules do that a reader of results should know, or would not guess.
ENGLISH = {
    "": "",
    "   ": "",
    "I don't know": "i do not know",
    "I don’t know": "i don t know",
    "do n't": "do not",
    "John's": "john is",
    "she's been, she'd gone": "she has been she had gone",
    "he's been't": "he has bee not",
    "they 'ren't": "they are not",
    "the cause of death": "the because of death",
    "Gen Z": "general z",
    "his rep": "his representative",
    "21 st": "21 saint",
    "21st": "21st",
    "a 30 mm lens": "a 30 lens",
    "uh-huh": "huh",
    "O.K.": "0 k",
    "10:00 AM": "10 0 am",
    "I paid 1,5 euros": "i paid €15",
    "1.000,50": "one.00050",
    "1,2,3": "12 3",
    "wait...": "wait .",
    "and a half": "",
    "two and a half": "2.5",
    "5 and a half": "5 and a half",
    "half a million": "half a 1000000",
    "the 1 one": "the 11",
    "one": "one",
    "ones and twos": "ones and 2s",
    "$20 million": "$20000000",
    "20 million dollars": "$20000000",
    "minus five dollars": "$5",
    "two dollars and seven cents": "$2.07",
    "zero dollars and five cents": "¢5",
    "fifty percent": "50%",
    "50 per cent": "50%",
    "50 %": "50 ",
    "nineteen eighty four": "1984",
    "twenty twenty first": "2021st",
    "ninth": "ninth",
    "nineth": "9th",
    "two thousand three hundred and five": "2305",
    "one oh one": "101",
    "double o seven": "007",
    "point hundred": "100",
    "the point and": "the and",
    "0 point 5": ".5",
    "1960 s": "1960s",
    "a4 b52": "a 4 b 52",
    "٣٥ and ٣٫٥": "35 and 3 5",
    "archaeology": "archeology</span>",
    "colour": "color",
    "[laughter> hello (sic) ()": "hello",
    "Œuvre Ærø straße": "oeuvre aero strasse",
    "℡ café": "TEL cafe",
}
BASIC = {
    "": "",
    "  \t ": " ",
    "Hello, World!": "hello world ",
    "हिन्दी": "ह न द ",
    "தமிழ்": "தம ழ ",
    "l'été aujourd'hui": "l été aujourd hui",
    "İstanbul": "i stanbul",
    "3.000,50 €": "3 000 50 ",
    "℡": "tel",
    "a\u00a0\u3000b\u200bc": "a b\u200bc",
    "<i> [noise] (sic) ()": " ",
}
BASIC_MARKS = {
    "": "",
    "  \t ": " ",
    "Hello, World!": "hello world ",
    "हिन्दी में बोलना।": "हिन्दी में बोलना ",
    "தமிழ்": "தமிழ்",
    "ภาษาไทยที่": "ภาษาไทยที่",
    "العَرَبِيَّة": "العَرَبِيَّة",
    "¿Mañana, pingüino?": " mañana pingüino ",
    "man\u0303ana cafe\u0301": "mañana café",
    "l'été don’t": "l été don t",
    "I ❤\ufe0f it": "i \ufe0f it",
}


@pytest.mark.parametrize(("text", "answer"), ENGLISH.items())
def test_english_behaviour(text, answer):
    """The rules for English give the documented answer."""
    assert load_normalizer("whisper-en")(text) == answer


@pytest.mark.parametrize(("text", "answer"), BASIC.items())
def test_basic_behaviour(text, answer):
    """The rules for any language give the documented answer."""
    assert load_normalizer("basic")(text) == answer


@pytest.mark.parametrize(("text", "answer"), BASIC_MARKS.items())
def test_basic_marks_behaviour(text, answer):
    """With marks kept, the rules for any language give the documented answer."""
    assert load_normalizer("basic-marks")(text) == answer


def test_documented_behaviour_is_the_packages_own(differences):
    """whisper_normalizer gives the documented answers too."""
    assert differences([*ENGLISH, *BASIC, *BASIC_MARKS]) == []


def test_hard_texts(differences):
    """On 12,000 seeded texts full of what the rules speak of, no answer differs."""
    texts = list(hard_texts(20_250_101, NUM_HARD_TEXTS))
    assert len(set(texts)) > NUM_HARD_TEXTS // 2
    assert differences(texts) == []


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text(differences, text):
    """On any text at all, no answer differs."""
    assert differences([text]) == []


PIECES = [
    *NUMBER_WORDS,
    *CONTRACTED,
    *TAILS,
    *PLAIN,
    *MARKS,
    *SPACES,
    *LETTERS,
    *SCRIPTS,
    "0",
    "1",
    "2.5",
    "$0",
    "¢7",
    "1s",
]


@settings(max_examples=500, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=8), glue=st.sampled_from([" ", "", "-", "'"]))
def test_any_pieces(differences, pieces, glue):
    """On whatever the pieces that the rules speak of can be put together to, no answer differs."""
    assert differences([glue.join(pieces)]) == []


def test_every_word_of_the_tables(differences):
    """Each number word and each British spelling, alone and after a number, is treated alike."""
    words = [*LEXICON, *AMERICAN_SPELLINGS]
    assert differences([*words, *(f"twenty {word} nine" for word in words)]) == []


def test_tables_lack_nothing(oracles):
    """Our spellings and number words are all those of whisper_normalizer, and no others."""
    english = oracles["whisper-en"]
    assert english.standardize_spellings.mapping == AMERICAN_SPELLINGS
    assert english.standardize_numbers.words == LEXICON.keys()


def test_every_character_of_the_first_planes(differences):
    """Each character of the Basic Multilingual Plane, between two letters, becomes the same."""
    rows = ("x".join(map(chr, range(start, start + 64))) for start in range(0, 0x10000, 64))
    assert differences(rows) == []


def test_open_speech(differences, open_data):
    """On the references of real speech in several languages, no answer differs."""
    lines = (open_data / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert len(texts) > 0
    assert differences(texts) == []


def test_librispeech(differences, data_folder):
    """On LibriSpeech's references and real systems' hypotheses, no answer differs."""
    path = data_folder / "scoring" / "librispeech-test-clean.jsonl"
    if not path.is_file():
        pytest.skip(f"no {path}")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = {text for row in rows for text in (row["reference"], *row["hypotheses"].values())}
    assert len(texts) > len(rows)
    assert differences(sorted(texts)) == []


@pytest.mark.parametrize("text", ["9" * 5000, "7 " + "9" * 5000, "9" * 4290 + " o decillion"])
def test_number_longer_than_python_converts_stays(oracles, text):
    """Where whisper_normalizer raises at a hostile number, ours leaves it as it is."""
    with pytest.raises((AssertionError, ValueError)):
        oracles["whisper-en"](text)
    assert load_normalizer("whisper-en")(text) == text
