"""Seeded texts that are hard to normalize: what the rules speak of, put together without regard for sense."""

from __future__ import annotations

import random
from collections.abc import Iterator

from earmark.text.contractions import (
    ENDINGS,
    FILLERS,
    NEGATION,
    PERFECT_ENDINGS,
    WHOLE_CONTRACTIONS,
    WHOLE_WORDS,
)
from earmark.text.number_words import LEXICON
from earmark.text.open_asr_english import COMPOUNDS, LEADERBOARD_FILLERS, WORDS_WITH_IS
from earmark.text.word_tables import AMERICAN_SPELLINGS, read_leaderboard_names, read_leaderboard_spellings

# What the Open ASR leaderboard adds: compounds in halves, fillers, names, words that "'s" is "is" after.
COMPOUND_HALVES = [half for compound in COMPOUNDS for half in compound.split()]
LEADERBOARD_WORDS = [
    *COMPOUNDS,
    *COMPOUND_HALVES,
    *sorted(LEADERBOARD_FILLERS),
    *WORDS_WITH_IS,
    *list(read_leaderboard_names())[::5],
    *list(read_leaderboard_spellings())[:10],
]
ONE_BY_ONE = list("aibcmopxz0125٣éß½₂")

NUMBER_WORDS = sorted(LEXICON)
FREQUENT_NUMBER_WORDS = [
    "o",
    "oh",
    "one",
    "two",
    "nine",
    "ten",
    "twelve",
    "twenty",
    "hundred",
    "million",
    "first",
    "and",
]
CONTRACTED = [*WHOLE_WORDS, *WHOLE_CONTRACTIONS, *FILLERS, "don't", "she's", "they'd", "we've", "i'm", "'cause", "been"]
TAILS = [*ENDINGS, *PERFECT_ENDINGS, *NEGATION, "'", "’s", "n’t", "'ren't", "'s been't", "s'", " 's", "\t't"]
PLAIN = [
    "the",
    "a",
    "half",
    "and a half",
    "quick",
    "Fox",
    "i",
    "per cent",
    "cent",
    "back",
    "gone",
    "done",
    "got",
    "st",
    "s",
]
MARKS = list(".,%$¢€£-+'’‘“”\"!?;:()[]<>{}@#&*/\\_^~|=…—–·°©™§¶№￥＄％．，")
SPACES = [
    " ",
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u2009",
    "\u3000",
    "\u2028",
    "\x1f",
    "\x85",
    "\u200b",
]
LETTERS = list("œŒøØæÆßẞđĐðÐþÞłŁéÈñüÅİıǅﬁ℡™ᴭﬃÇşK²³¼½Ⅳ①٣५۵\u0301\u0327\u00ad\u200d\ufe0f")
SCRIPTS = [
    "हिन्दी में बोलना",
    "தமிழ் மொழி",
    "ภาษาไทย",
    "العَرَبِيَّة ٣٫٥",
    "עִבְרִית",
    "中文，测试。１２３",
    "日本語ﾃｽﾄ",
    "한국어",
    "Ελληνικά",
    "İstanbul'da",
    "l'été aujourd'hui",
    "3.000,50 €",
    "naïve façade",
    "😀👍🏽",
]


def figure(rng: random.Random) -> str:
    shape = rng.choice(
        ["#", "#", "#.#", "#,#", "$#", "#%", "€#.#", "¢#", "#st", "#th", "#s", "a#b", ".#", "#.", "#.#.#", "#:#"]
    )
    while "#" in shape:
        shape = shape.replace("#", str(rng.choice([0, 1, 2, 5, 10, 19, 100, 2024, rng.randrange(100000)])), 1)
    return shape


def number(rng: random.Random) -> str:
    return rng.choice([rng.choice(NUMBER_WORDS), rng.choice(FREQUENT_NUMBER_WORDS), figure(rng)])


def contraction(rng: random.Random) -> str:
    return rng.choice([*CONTRACTED, *PLAIN]) + (rng.choice(TAILS) if rng.random() < 0.6 else "")


def leaderboard(rng: random.Random) -> str:
    return rng.choice(LEADERBOARD_WORDS) + (rng.choice(TAILS) if rng.random() < 0.3 else "")


def mark(rng: random.Random) -> str:
    return "".join(rng.choices(MARKS, k=rng.randint(1, 3)))


def bracketed(rng: random.Random) -> str:
    return rng.choice("([<)") + rng.choice(["laughter", "", "uh one", "a) b", "x > y"]) + rng.choice(")]>(")


def code_points(rng: random.Random) -> str:
    return "".join(chr(rng.randrange(rng.choice([0x80, 0x250, 0x3000, 0x110000]))) for _ in range(rng.randint(1, 4)))


PIECES = {
    "number": number,
    "contraction": contraction,
    "leaderboard": leaderboard,
    "one by one": lambda rng: rng.choice(ONE_BY_ONE),
    "mark": mark,
    "plain": lambda rng: rng.choice(PLAIN),
    "british": lambda rng: rng.choice(sorted(AMERICAN_SPELLINGS)[:: rng.randint(1, 50)]),
    "letter": lambda rng: rng.choice(LETTERS),
    "script": lambda rng: rng.choice(SCRIPTS),
    "bracket": bracketed,
    "code points": code_points,
}
# Most texts are about one thing, since the rules meet most where their words stand close together.
MIXTURES = [
    {"number": 1},
    {"number": 8, "plain": 2},
    {"number": 6, "mark": 2, "plain": 1},
    {"contraction": 1},
    {"contraction": 6, "mark": 2, "number": 1},
    {"leaderboard": 4, "one by one": 3, "number": 1, "plain": 1},
    {"leaderboard": 3, "one by one": 1, "mark": 1},
    {"mark": 3, "letter": 2, "number": 2, "plain": 2},
    {"script": 3, "letter": 1, "mark": 1, "number": 1},
    {"plain": 5, "british": 3, "number": 1, "bracket": 1, "contraction": 1},
    {"code points": 3, "mark": 1, "number": 1, "bracket": 1},
    dict.fromkeys(PIECES, 1),
]


def hard_text(rng: random.Random) -> str:
    """One text of up to twelve pieces, sometimes without space between them, sometimes in capitals, sometimes empty."""
    mixture = rng.choice(MIXTURES)
    kinds = rng.choices(list(mixture), weights=list(mixture.values()), k=rng.choice([0, 1, 2, 3, 4, 6, 8, 12]))
    glue = rng.choice([[" "], [" "], SPACES, ["", " "], ["-", " ", ", "]])
    text = "".join(PIECES[kind](rng) + rng.choice(glue) for kind in kinds)
    return rng.choice([text, text, text.strip(), text.upper(), text.title()])


def hard_texts(seed: int, num_texts: int) -> Iterator[str]:
    rng = random.Random(seed)  # not for secrets
    return (hard_text(rng) for _ in range(num_texts))
