"""Reads a run of number words and figures, such as ``two hundred and 5 dollars``, into figures, ``$205``.

It knows one run at a time: what stands around it never matters, because a word that is no number ends every number.
The rules are those of whisper_normalizer 0.1.15, where they are odd too: a number is a whole number (``int``) while its
words fit together by value, and a string of digits once they were merely put side by side.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar

from earmark.text.number_words import DECIMAL_WORDS, DIGIT_WORDS, LEXICON, SCALE_WORDS, Kind, NumberWord

FIGURE = re.compile(r"(?P<mark>[£€$¢]?)(?P<figures>\d+(?:\.(?P<decimals>\d+))?)")
_PLAIN_FIGURE = re.compile(r"\d+(?:\.\d+)?")

_MAX_RUNS_REMEMBERED = 8192
_TEN, _HUNDRED, _THOUSAND = 10, 100, 1000

Value = int | str | None


@lru_cache(maxsize=_MAX_RUNS_REMEMBERED)
def read_run(run: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is written for ``run``, whose words are all in ``LEXICON`` or match ``FIGURE``.

    A run with a number of more digits than Python converts (4,300) stays as it is.
    """
    try:
        return tuple(_Reader(run).read())
    except ValueError:  # int() and str() refuse, against quadratic time
        return run


def _is_kind(word: str, kind: Kind) -> bool:
    entry = LEXICON.get(word)
    return entry is not None and entry.kind is kind and not entry.suffix


def _append(value: Value, number: int) -> int | str:
    """Add ``number`` (below 100) where ``value`` leaves room for it, as in 20 + 5 or 300 + 12; else put it behind."""
    if value is None:
        return number
    room = _TEN if number < _TEN else _HUNDRED
    if isinstance(value, int) and value % room == 0:
        return value + number
    return f"{value}{number}"


def _scale(value: int | str, factor: int) -> int | None:
    """``value`` times ``factor``; None where a string is no number, or the product not whole.

    Of a whole number only the part below a thousand is scaled: "two thousand three hundred" is 2300.
    """
    if isinstance(value, int):
        remainder = value % _THOUSAND
        return value - remainder + remainder * factor
    try:
        product = Fraction(value) * factor
    except ValueError:
        return None
    return product.numerator if product.denominator == 1 else None


class _Reader:
    """One pass over one run: the number so far, a sign that waits for one, and what is written already."""

    def __init__(self, run: tuple[str, ...]) -> None:
        self._run = run
        self._written: list[str] = []
        self._value: Value = None
        self._sign = ""
        self._position = 0

    def read(self) -> list[str]:
        while self._position < len(self._run):
            word = self._run[self._position]
            entry = LEXICON.get(word)
            if entry is None:
                self._read_figure(word)
            else:
                self._READERS[entry.kind](self, word, entry)
            self._position += 1
        self._finish_number()
        return self._written

    @property
    def _previous(self) -> str:
        return self._run[self._position - 1] if self._position else ""

    @property
    def _next(self) -> str:
        return self._run[self._position + 1] if self._position + 1 < len(self._run) else ""

    def _next_continues(self) -> bool:
        """Whether another number word or a figure without a currency follows."""
        return self._next in LEXICON or _PLAIN_FIGURE.fullmatch(self._next) is not None

    def _write(self, text: str) -> None:
        self._written.append(self._sign + text)
        self._sign = ""
        self._value = None

    def _finish_number(self) -> None:
        if self._value is not None:
            self._write(str(self._value))

    def _write_plainly(self, word: str) -> None:
        self._finish_number()
        self._write(word)

    def _take(self, value: int | str, suffix: str) -> None:
        """Go on with ``value``, or write it at once if its last word has a ``suffix``."""
        if suffix:
            self._write(f"{value}{suffix}")
        else:
            self._value = value

    def _put_behind(self, digits: str) -> None:
        # A zero so far is forgotten: "0 point 5" is ".5".
        self._value = f"{self._value or ''}{digits}"

    def _read_figure(self, word: str) -> None:
        match = FIGURE.fullmatch(word)
        assert match is not None, word  # noqa: S101  # the contract of a run
        if isinstance(self._value, str) and self._value.endswith("."):
            self._value += word
            return
        self._finish_number()
        self._sign = match["mark"] or self._sign
        is_whole = not match["decimals"] or int(match["decimals"]) == 0
        self._value = int(match["figures"].partition(".")[0]) if is_whole else match["figures"]

    def _read_zero(self, _word: str, _entry: NumberWord) -> None:
        self._put_behind("0")

    def _read_small(self, _word: str, entry: NumberWord) -> None:
        if isinstance(self._value, str) and entry.number < _TEN and _is_kind(self._previous, Kind.TENS):
            value: int | str = f"{self._value[:-1]}{entry.number}"  # "nineteen eighty four" is 1984
        elif self._value is not None and _is_kind(self._previous, Kind.SMALL):
            value = f"{self._value}{entry.number}"
        else:
            value = _append(self._value, entry.number)
        self._take(value, entry.suffix)

    def _read_tens(self, _word: str, entry: NumberWord) -> None:
        self._take(_append(self._value, entry.number), entry.suffix)

    def _read_scale(self, _word: str, entry: NumberWord) -> None:
        scaled = entry.number if self._value is None else _scale(self._value, entry.number)
        if scaled is None:
            self._finish_number()
            scaled = entry.number
        self._take(scaled, entry.suffix)

    def _read_sign(self, word: str, entry: NumberWord) -> None:
        self._finish_number()
        if self._next_continues():
            self._sign = entry.mark
        else:
            self._write(word)

    def _read_currency(self, word: str, entry: NumberWord) -> None:
        if self._value is None:
            self._write(word)
        else:
            self._sign = entry.mark  # in place of a minus, too
            self._finish_number()

    def _read_percent(self, word: str, _entry: NumberWord) -> None:
        self._write(word if self._value is None else f"{self._value}%")

    def _read_per(self, word: str, _entry: NumberWord) -> None:
        if self._value is not None and self._next == "cent":
            self._write(f"{self._value}%")
            self._position += 1
        else:
            self._write_plainly(word)

    def _read_and(self, word: str, _entry: NumberWord) -> None:
        if not (self._next_continues() and self._previous in SCALE_WORDS):
            self._write_plainly(word)

    def _read_repeat(self, word: str, entry: NumberWord) -> None:
        if self._next in DIGIT_WORDS:
            self._put_behind(str(LEXICON[self._next].number) * entry.number)
            self._position += 1
        else:
            self._write_plainly(word)

    def _read_point(self, word: str, _entry: NumberWord) -> None:
        if not self._next_continues():
            self._write_plainly(word)
        elif self._next in DECIMAL_WORDS or self._next not in LEXICON:
            self._put_behind(".")
        # Before any other number word, "point" is lost.

    _READERS: ClassVar[Mapping[Kind, Callable[[_Reader, str, NumberWord], None]]] = {
        Kind.ZERO: _read_zero,
        Kind.SMALL: _read_small,
        Kind.TENS: _read_tens,
        Kind.SCALE: _read_scale,
        Kind.SIGN: _read_sign,
        Kind.CURRENCY: _read_currency,
        Kind.PERCENT: _read_percent,
        Kind.PER: _read_per,
        Kind.AND: _read_and,
        Kind.REPEAT: _read_repeat,
        Kind.POINT: _read_point,
    }
