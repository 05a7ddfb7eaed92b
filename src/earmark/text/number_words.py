"""The words that English numbers are made of. It knows what each word is, not what a run of them means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a word does in a number."""

    ZERO = "zero"
    SMALL = "small"  # one to nineteen
    TENS = "tens"  # twenty to ninety
    SCALE = "scale"  # hundred, and the powers of a thousand
    SIGN = "sign"  # before a number
    CURRENCY = "currency"  # after a number
    PERCENT = "percent"
    PER = "per"  # the first half of "per cent"
    AND = "and"
    REPEAT = "repeat"  # double, triple
    POINT = "point"


@dataclass(frozen=True, slots=True)
class NumberWord:
    """One word: its kind, its number (a value, or how often to repeat), and what is written for it.

    ``suffix`` is what an ordinal or plural puts after the figures; such a word ends its number. ``mark`` is a sign or
    a currency.
    """

    kind: Kind
    number: int = 0
    suffix: str = ""
    mark: str = ""


_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_TEENS = ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_SMALL = [*_ONES, "eleven", "twelve", *_TEENS]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_LOW_SCALES = ["thousand", "million", "billion", "trillion", "quadrillion", "quintillion"]
_HIGH_SCALES = ["sextillion", "septillion", "octillion", "nonillion", "decillion"]
_IRREGULAR_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "twelve": "twelfth"}
_FIGURE_ENDINGS = {"first": "st", "second": "nd", "third": "rd"}


def _cardinals() -> Iterator[tuple[str, NumberWord]]:
    for number, word in enumerate(_SMALL, start=1):
        yield word, NumberWord(Kind.SMALL, number)
    for number, word in enumerate(_TENS, start=2):
        yield word, NumberWord(Kind.TENS, 10 * number)
    yield "hundred", NumberWord(Kind.SCALE, 100)
    for power, word in enumerate([*_LOW_SCALES, *_HIGH_SCALES], start=1):
        yield word, NumberWord(Kind.SCALE, 1000**power)


def _plural(word: str, kind: Kind) -> str:
    if kind is Kind.TENS:
        return word.removesuffix("y") + "ies"
    return "sixes" if word == "six" else word + "s"


def _ordinal(word: str, kind: Kind) -> str:
    """Spell the ordinal of a cardinal. The rule set has "nineth", and does not know "ninth"."""
    if kind is Kind.TENS:
        return word.removesuffix("y") + "ieth"
    if word in _IRREGULAR_ORDINALS:
        return _IRREGULAR_ORDINALS[word]
    return word + ("h" if word.endswith("t") else "th")


def _suffixed() -> Iterator[tuple[str, NumberWord]]:
    yield "zeroth", NumberWord(Kind.SMALL, 0, "th")
    for word, entry in _cardinals():
        ordinal = _ordinal(word, entry.kind)
        yield _plural(word, entry.kind), NumberWord(entry.kind, entry.number, "s")
        yield ordinal, NumberWord(entry.kind, entry.number, _FIGURE_ENDINGS.get(ordinal, "th"))


def _marks() -> Iterator[tuple[str, NumberWord]]:
    for word, sign in {"minus": "-", "negative": "-", "plus": "+", "positive": "+"}.items():
        yield word, NumberWord(Kind.SIGN, mark=sign)
    for word, currency in {"pound": "£", "euro": "€", "dollar": "$", "cent": "¢"}.items():
        yield word, NumberWord(Kind.CURRENCY, mark=currency)
        yield word + "s", NumberWord(Kind.CURRENCY, mark=currency)


LEXICON: Mapping[str, NumberWord] = {
    **{word: NumberWord(Kind.ZERO) for word in ("o", "oh", "zero")},
    **dict(_cardinals()),
    **dict(_suffixed()),
    **dict(_marks()),
    "percent": NumberWord(Kind.PERCENT),
    "per": NumberWord(Kind.PER),
    "and": NumberWord(Kind.AND),
    "double": NumberWord(Kind.REPEAT, 2),
    "triple": NumberWord(Kind.REPEAT, 3),
    "point": NumberWord(Kind.POINT),
}

DIGIT_WORDS = frozenset(
    word for word, entry in LEXICON.items() if entry.kind in (Kind.ZERO, Kind.SMALL) and not entry.suffix
)
"""Words that can be said one after the other, as in a telephone number, or doubled."""

SCALE_WORDS = frozenset(word for word, entry in LEXICON.items() if entry.kind is Kind.SCALE and not entry.suffix)

DECIMAL_WORDS = DIGIT_WORDS | frozenset(_TENS)
"""Words that can follow "point"."""
