"""What an answer says that it took, as far as that can be believed; and the price that the user names. Sends nothing.

An answer may hold ``usage``: ``{"type": "duration", "seconds": 12}`` or ``{"type": "tokens", "input_tokens": 90,
"output_tokens": 12}`` (OpenAI's API reference, "Create transcription"; vLLM gives the first). Many servers give none. A
number that no call can have used is left out, and never breaks an answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from earmark.errors import UsageError
from earmark.records import Price, Usage

_MOST_SECONDS = 86_400.0  # of one call: a day
_MOST_TOKENS = 100_000_000
_MOST_PRICE = 1e9


def usage_of(answer: object, sent_s: float, *, is_good: bool) -> Usage | None:
    """What one call used, from its answer's JSON; ``sent_s`` is the audio that was sent, in seconds.

    None for an answer that states nothing and is not good (not 200): nobody bills a refusal.
    """
    stated = answer.get("usage") if isinstance(answer, dict) else None
    stated = stated if isinstance(stated, dict) else {}
    seconds = _amount(stated, "seconds", _MOST_SECONDS)
    read, written = (_tokens(stated, name) for name in ("input_tokens", "output_tokens"))
    has_tokens = read is not None or written is not None
    if seconds is None and not has_tokens and not is_good:
        return None
    return Usage(
        num_calls=1,
        num_calls_with_seconds=int(seconds is not None),
        num_calls_with_tokens=int(has_tokens),
        stated_s=seconds or 0.0,
        unstated_s=sent_s if seconds is None else 0.0,
        input_tokens=read or 0,
        output_tokens=written or 0,
    )


def price_of(numbers: Mapping[str, float | None], currency: str | None) -> Price | None:
    """The price of the options ``price_...``; None where none is set.

    Raises UsageError for a number that is no price, and for a currency or a second way of billing that means nothing.
    """
    for option, number in numbers.items():
        if number is not None and not _is_price(number):
            raise UsageError(f"openai option {option} is a number from 0 to {_MOST_PRICE:,.0f}, not {number!r}")
    price = Price(**{option.removeprefix("price_"): number for option, number in numbers.items()}, currency=currency)
    has_tokens = price.per_million_input_tokens is not None or price.per_million_output_tokens is not None
    if price.per_minute is not None and has_tokens:
        raise UsageError(
            "openai has a price by the minute and one by tokens",
            cause="a server bills one or the other, and the sum would be neither",
            hint="--set price_per_minute=... or --set price_per_million_input_tokens=...",
        )
    if price.per_minute is not None or has_tokens:
        return price
    if currency is not None:
        raise UsageError("openai option currency means nothing without a price", hint="--set price_per_minute=0.006")
    return None


def _is_price(value: object) -> bool:
    """Options come from a command line, and may be of any kind."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST_PRICE


def _amount(stated: Mapping[object, object], name: str, most: float) -> float | None:
    value = stated.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= most else None  # NaN is neither


def _tokens(stated: Mapping[object, object], name: str) -> int | None:
    amount = _amount(stated, name, _MOST_TOKENS)
    return int(amount) if amount is not None and amount.is_integer() else None
