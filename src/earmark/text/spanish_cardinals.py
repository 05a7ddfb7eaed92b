"""Spanish cardinal and ordinal numbers in words. It knows whole numbers, and nothing of how they are written in a text.

Source: Real Academia Española, "Diccionario panhispánico de dudas", articles "cardinales" and "ordinales". A speller of
our own and not num2words, whose 21,000 is "veintiuno mil", which nobody says.
"""

from __future__ import annotations

from typing import Literal

Ending = Literal["uno", "un", "una"]
"""How a number that ends in one ends: alone, before a masculine noun, before a feminine noun."""

_TO_FIFTEEN = "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince"
_TO_NINETEEN = "dieciséis diecisiete dieciocho diecinueve"
_TO_TWENTY_FIVE = "veinte veintiuno veintidós veintitrés veinticuatro veinticinco"
_TO_TWENTY_NINE = "veintiséis veintisiete veintiocho veintinueve"
_BELOW_THIRTY = f"{_TO_FIFTEEN} {_TO_NINETEEN} {_TO_TWENTY_FIVE} {_TO_TWENTY_NINE}".split()
_TENS = ["treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"]
# Two hundred and more end in "os" or "as".
_HUNDRED_STEMS = [
    "doscient",
    "trescient",
    "cuatrocient",
    "quinient",
    "seiscient",
    "setecient",
    "ochocient",
    "novecient",
]

_ORDINAL_UNITS = ["primero", "segundo", "tercero", "cuarto", "quinto", "sexto", "séptimo", "octavo", "noveno"]
# The o of "decimo" and of "octavo" are one.
_LATER_TEENS = ["tercero", "cuarto", "quinto", "sexto", "séptimo", "ctavo", "noveno"]
_ORDINAL_TEENS = ["undécimo", "duodécimo", *("decimo" + unit for unit in _LATER_TEENS)]
_ORDINAL_STEMS = ["vig", "trig", "cuadrag", "quincuag", "sexag", "septuag", "octog", "nonag"]
_ORDINAL_TENS = ["décimo", *(f"{stem}ésimo" for stem in _ORDINAL_STEMS)]


def spell_cardinal(number: int, ending: Ending = "uno") -> str:
    """``number`` (0 to below 10^12) in words; before a feminine noun its hundreds are feminine too."""
    millions, rest = divmod(number, 10**6)
    if not millions:
        return _below_million(rest, ending)
    words = ["un millón" if millions == 1 else f"{_below_million(millions, 'un')} millones"]
    if rest:
        words.append(_below_million(rest, ending))
    return " ".join(words)


def spell_ordinal(number: int, *, feminine: bool = False, plural: bool = False, short: bool = False) -> str:
    """``number`` (1 to 99) as an ordinal; ``short`` is the form before a masculine noun."""
    words = _ordinal_words(number)
    if feminine:
        words = [word.removesuffix("o") + "a" for word in words]
    if plural:
        words = [word + "s" for word in words]
    if short and words[-1].endswith(("primero", "tercero")):
        words[-1] = words[-1].removesuffix("o")
    return " ".join(words)


def _below_million(number: int, ending: Ending) -> str:
    thousands, rest = divmod(number, 1000)
    if not thousands:
        return _below_thousand(rest, ending)
    before_thousand: Ending = "una" if ending == "una" else "un"
    words = ["mil"] if thousands == 1 else [_below_thousand(thousands, before_thousand), "mil"]
    if rest:
        words.append(_below_thousand(rest, ending))
    return " ".join(words)


def _below_thousand(number: int, ending: Ending) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest, ending)
    if number == 100:  # noqa: PLR2004  # the only hundred with a form of its own
        return "cien"
    hundred = "ciento" if hundreds == 1 else _HUNDRED_STEMS[hundreds - 2] + ("as" if ending == "una" else "os")
    return f"{hundred} {_below_hundred(rest, ending)}" if rest else hundred


def _below_hundred(number: int, ending: Ending) -> str:
    if number < len(_BELOW_THIRTY):
        return _end_one(_BELOW_THIRTY[number], ending)
    tens, unit = divmod(number, 10)
    word = _TENS[tens - 3]
    return f"{word} y {_end_one(_BELOW_THIRTY[unit], ending)}" if unit else word


def _end_one(word: str, ending: Ending) -> str:
    if not word.endswith("uno"):
        return word
    if word == "veintiuno" and ending == "un":
        return "veintiún"
    return word.removesuffix("uno") + ending


def _ordinal_words(number: int) -> list[str]:
    tens, unit = divmod(number, 10)
    if not tens:
        return [_ORDINAL_UNITS[unit - 1]]
    if tens == 1 and unit:
        return [_ORDINAL_TEENS[unit - 1]]
    return [_ORDINAL_TENS[tens - 1], _ORDINAL_UNITS[unit - 1]] if unit else [_ORDINAL_TENS[tens - 1]]
