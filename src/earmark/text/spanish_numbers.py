"""Numbers in Spanish text, from figures to words: ``$1.500`` to ``mil quinientos pesos``.

The point parts thousands and the comma decimals, and ``$`` is the peso, as in Chile. Case and everything that is no
number stay as they are. Digits of any script are read; after it no decimal digit is left. What a figure cannot say is
settled by small closed tables (``1 año`` is "un año", ``1 hora`` "una hora", ``1 x`` "uno x"), never by guessing.
A number of more than 12 digits, and a whole number that begins with zero, is read digit by digit.
"""

from __future__ import annotations

import re
import unicodedata

from earmark.text.spanish_cardinals import Ending, spell_cardinal, spell_ordinal

_TO_JUNE, _TO_DECEMBER = "enero febrero marzo abril mayo junio", "julio agosto septiembre octubre noviembre diciembre"
MONTHS = f"{_TO_JUNE} {_TO_DECEMBER}".split()
CURRENCIES = {"$": ("peso", "pesos"), "us$": ("dólar", "dólares"), "€": ("euro", "euros")}
DEGREES = {"°": "grados", "°c": "grados celsius", "°f": "grados fahrenheit"}
SCALES = ("mil millones", "millones", "millón", "mil", "billones", "billón")
_MASCULINE = """
    año días día mes meses minuto segundo siglo kilómetro metro centímetro kilo gramo litro grado punto peso euro dólar
    dólares gol goles niño hijo hombre"""
_FEMININE = """
    hora semana década noche vez veces persona mujer mujeres niña hija página tonelada libra vuelta casa"""
MASCULINE_NOUNS = frozenset(_MASCULINE.split()) | frozenset(noun + "s" for noun in _MASCULINE.split())
FEMININE_NOUNS = frozenset(_FEMININE.split()) | frozenset(noun + "s" for noun in _FEMININE.split())

RULES = {
    "revision": 1,  # raised when a change of the code changes an answer
    "months": MONTHS,
    "currencies": CURRENCIES,
    "degrees": DEGREES,
    "scales": SCALES,
    "masculine": sorted(MASCULINE_NOUNS),
    "feminine": sorted(FEMININE_NOUNS),
}
"""What the hash of a normalizer that spells numbers so must cover."""

_MAX_CARDINAL_DIGITS = 12
_MAX_ORDINAL_DIGITS = 2
_MAX_DECIMALS_AS_NUMBER = 3
_HOURS_A_DAY, _MINUTES_AN_HOUR, _DAYS_A_MONTH = 24, 60, 31

_DIGIT = re.compile(r"\d")
_NUMERO = re.compile(r"\bn\.?[°º]\.?\s?(?=\d)", re.IGNORECASE)
_ORDINAL_SIGN = re.compile(r"(?<=\d)\.?[ºª]")
_THIN_SPACE = re.compile(r"[\u00a0\u2009\u202f](?<=\d.)(?=\d{3}(?!\d))")
# Each pattern first asks for its rarest character, so that it gives up at once in most places.
_DATE = re.compile(
    r"(?=\d)(?<![\w/.-])(?:(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"|(?P<first>\d\d?)(?P<mark>[/-])(?P<second>\d\d?)(?P=mark)(?P<last>\d{4}))(?![\w/-])"
)
_FIRST_OF_MONTH = re.compile(rf"(?<![\w.,])1(?=\s+de\s+(?:{'|'.join(MONTHS)})\b)", re.IGNORECASE)
_TIME = re.compile(r"(?=\d)(?<![\w:.,])(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?![\d:])")
_BETWEEN_FIGURES = re.compile(r"(?<=\d)[-/:](?=\d)")  # of what was neither a date nor a time
_ORDINAL = re.compile(
    r"(?=\d)(?<![\w.,])(?P<number>\d+)"
    r"(?:\.?er|(?:er|r|d|t|m|v|n)(?P<gender>[oa])(?P<plural>s?))(?!\w)",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"(?=[-−$€uU\d])(?P<minus>(?<!\S)[-−](?=[$€\d]|us\$))?"
    r"(?P<before>us\$|\$|€)?(?(before)\s?)"
    r"(?P<number>[1-9]\d{0,2}(?:\.\d{3})+(?!\.?\d)(?:,\d+)?|\d+(?:[.,]\d+)*)"
    rf"(?P<scale>(?:\s(?:{'|'.join(SCALES)})\b)?)"
    r"(?P<after>\s?(?:%|us\$|\$(?!\s?\d)|€(?!\s?\d)|°(?:\s?[cf](?!\w))?))?"
    r"(?=\s+(?:de\s+)?(?P<next>[^\W\d_]+)|)",
    re.IGNORECASE,
)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?")
_FEMININE_ARTICLE = re.compile(r"\blas?\s\Z", re.IGNORECASE)
_LONGEST_ARTICLE = len("x las ")


def settle_signs(text: str) -> str:
    """``text`` with the signs in and beside figures written so that no Unicode normal form changes their sense.

    "3º" is "3ro", "Nº 5" "número 5", and a fixed space that parts thousands a point.
    """
    if text.isascii():
        return text
    if "º" in text or "ª" in text or "°" in text:
        text = _ORDINAL_SIGN.sub(_write_sign, _NUMERO.sub("número ", text))
    return _THIN_SPACE.sub(".", text)


def spell_spanish_numbers(text: str) -> str:
    """``text`` with its figures, and the signs of currency, per cent, degree, ordinal and minus with them, in words."""
    if not _DIGIT.search(text):
        return text
    text = _FIRST_OF_MONTH.sub("primero", _DATE.sub(_write_date, settle_signs(text)))
    text = _BETWEEN_FIGURES.sub(" ", _TIME.sub(_write_time, text))
    return _AMOUNT.sub(_write_amount, _ORDINAL.sub(_write_ordinal, text))


def _space_out(match: re.Match[str], words: str) -> str:
    """``words`` with a space where they would touch a letter, a mark or a figure."""
    start, end = match.span()
    before, after = match.string[max(start - 1, 0) : start], match.string[end : end + 1]
    return f"{' ' if _touches(before) else ''}{words}{' ' if _touches(after) else ''}"


def _touches(character: str) -> bool:
    return character != "" and unicodedata.category(character)[0] in "LMN"


def _write_sign(match: re.Match[str]) -> str:
    return "ra" if match[0].endswith("ª") else "ro"


def _write_date(match: re.Match[str]) -> str:
    """A day of a month of a year; what is none stays, to be read as numbers."""
    day, month, year = (
        int(match[iso] or match[spanish]) for iso, spanish in (("day", "first"), ("month", "second"), ("year", "last"))
    )
    if not (1 <= day <= _DAYS_A_MONTH and 1 <= month <= len(MONTHS)):
        return match[0]
    day_word = "primero" if day == 1 else spell_cardinal(day)
    return _space_out(match, f"{day_word} de {MONTHS[month - 1]} de {spell_cardinal(year)}")


def _write_time(match: re.Match[str]) -> str:
    """The hour, then minutes unless there are none: 15:00 is "quince", 9:05 "nueve cero cinco"."""
    hour, minute = int(match["hour"]), int(match["minute"])
    if not (hour < _HOURS_A_DAY and minute < _MINUTES_AN_HOUR):
        return match[0]
    words = [spell_cardinal(hour, "una")]
    if minute or match["second"]:
        words.append(_spell_after_zeros(match["minute"]))
    if match["second"]:
        words.append(_spell_after_zeros(match["second"]))
    return _space_out(match, " ".join(words))


def _write_ordinal(match: re.Match[str]) -> str:
    """An ordinal below the hundredth. Later ones are said as cardinals: 125º is "ciento veinticinco"."""
    figures = match["number"]
    if len(figures) > _MAX_ORDINAL_DIGITS or int(figures) == 0:
        return _space_out(match, _spell_whole(figures))
    ordinal = spell_ordinal(
        int(figures),
        feminine=(match["gender"] or "").lower() == "a",
        plural=bool(match["plural"]),
        short=match["gender"] is None,
    )
    return _space_out(match, ordinal)


def _write_amount(match: re.Match[str]) -> str:
    sign = re.sub(r"\s", "", match["after"] or "").lower()
    currency = CURRENCIES.get((match["before"] or sign).lower())
    words = ["menos"] if match["minus"] else []
    words.append(_spell_number(match["number"], _ending(match, is_counted=currency is not None or sign in DEGREES)))
    words += match["scale"].lower().split()
    if currency is not None and not _names_currency(match["next"]):
        words += _currency_after(" ".join(words), currency)
    if sign == "%":
        words += ["por", "ciento"]
    if sign in DEGREES:
        words.append(DEGREES[sign] if words != ["un"] else DEGREES[sign].replace("grados", "grado"))
    return _space_out(match, " ".join(words))


def _ending(match: re.Match[str], *, is_counted: bool) -> Ending:
    noun = (match["next"] or "").lower()
    scale = match["scale"].strip().lower()
    if noun in FEMININE_NOUNS and scale in ("", "mil"):
        return "una"
    if is_counted or scale or noun in MASCULINE_NOUNS:
        return "un"
    start = match.start()
    before = match.string[max(start - _LONGEST_ARTICLE, 0) : start]
    return "una" if _FEMININE_ARTICLE.search(before) else "uno"


def _names_currency(word: str | None) -> bool:
    return word is not None and any(word.lower() in names for names in CURRENCIES.values())


def _currency_after(amount: str, names: tuple[str, str]) -> list[str]:
    """The currency of "un" peso, "veinte" pesos, "un millón" de pesos."""
    singular, plural = names
    if amount == "un":
        return [singular]
    return ["de", plural] if amount.endswith(("illón", "illones")) else [plural]


def _spell_number(number: str, ending: Ending) -> str:
    """A number with its points and commas. A point that parts no thousands is said, as in a version or an address."""
    if _THOUSANDS.fullmatch(number):
        number = number.replace(".", "")
    whole, *rest = re.split(r"([.,])", number)
    words = [_spell_whole(whole, "uno" if rest else ending)]
    for mark, figures in zip(rest[::2], rest[1::2], strict=True):
        words += ["coma" if mark == "," else "punto", _spell_after_zeros(figures)]
    return " ".join(words)


def _spell_whole(figures: str, ending: Ending = "uno") -> str:
    begins_with_zero = len(figures) > 1 and int(figures[0]) == 0
    if begins_with_zero or len(figures) > _MAX_CARDINAL_DIGITS:
        return _spell_one_by_one(figures)
    return spell_cardinal(int(figures), ending)


def _spell_after_zeros(figures: str) -> str:
    """Decimals or minutes: each zero in front, then what is left as one number if it is short."""
    num_zeros = next((place for place, digit in enumerate(figures) if int(digit)), len(figures))
    left = figures[num_zeros:]
    words = ["cero"] * num_zeros
    if left:
        words.append(_spell_whole(left) if len(left) <= _MAX_DECIMALS_AS_NUMBER else _spell_one_by_one(left))
    return " ".join(words)


def _spell_one_by_one(figures: str) -> str:
    return " ".join(spell_cardinal(int(digit)) for digit in figures)
