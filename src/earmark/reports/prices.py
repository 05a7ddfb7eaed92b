"""What an hour of a device costs: a list with dates, and the user's own before it. It asks nobody.

A list is TOML: a ``currency``, and a table ``devices.NAME`` each with ``per_hour`` and ``as_of``, a date.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from earmark.errors import UsageError

OWN_LIST = "EARMARK_PRICES"
"""The variable that says where the user's own list is."""
OUR_LIST = "earmark's list, not checked"
"""What the list that comes with earmark is called where one of its prices is used."""
_EXAMPLE = 'currency = "USD", and below it [devices.L4] with per_hour = 0.50 and as_of = 2025-10-21'


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePrice:
    """What an hour of one ``device`` costs. ``as_of`` is the day of the price, as YYYY-MM-DD; ``source`` its list.

    Of several devices together, such as ``H100:8``, it is the price of all of them.
    """

    device: str
    per_hour: float
    currency: str
    as_of: str
    source: str

    @property
    def sentence(self) -> str:
        """The price with its day and where it is from."""
        return f"{self.per_hour:g} {self.currency} an hour of {self.device}, of {self.as_of} by {self.source}"

    def facts(self) -> dict[str, Any]:
        """Its fields, to be kept with what it was applied to."""
        return dataclasses.asdict(self)


def own_list() -> Path:
    """Where the user's list is, or would be."""
    if named := os.environ.get(OWN_LIST):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config").expanduser() / "earmark" / "prices.toml"


def read_prices() -> dict[str, DevicePrice]:
    """All prices by device; those of the user's own list go before ours.

    Raises UsageError where that list cannot be read or holds what is no price, or where the variable names none.
    """
    prices = _parsed(files("earmark").joinpath("prices.toml").read_text(encoding="utf-8"), OUR_LIST)
    path = own_list()
    try:
        prices |= _parsed(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        if os.environ.get(OWN_LIST):
            raise UsageError(f"there is no {path}", cause=f"{OWN_LIST} names it", hint=f"unset {OWN_LIST}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}", cause=str(error)) from error
    return prices


def price_of(device: str, prices: Mapping[str, DevicePrice]) -> DevicePrice | None:
    """The price whose name's words are all among those of ``device``, and of several the one with the most words.

    So ``NVIDIA A100-SXM4-80GB`` is ``A100``, or ``A100-80GB`` where there is one; ``L40S`` is not ``L4``. ``H100:8`` is
    eight of ``H100``, at eight times its price.
    """
    kind, _, number = device.partition(":")
    words = _words(kind)
    fitting = [name for name in prices if (wanted := _words(name)) and wanted <= words]
    if not fitting:
        return None
    price = prices[max(fitting, key=lambda name: (len(_words(name)), name))]
    if not number.isdecimal():
        return price
    return dataclasses.replace(price, device=f"{price.device}:{number}", per_hour=price.per_hour * int(number))


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", name.lower()))


def _parsed(text: str, source: str) -> dict[str, DevicePrice]:
    import tomllib  # most commands need no price

    try:
        table = tomllib.loads(text)
        currency = str(table["currency"])
        return {name: _price(name, facts, currency, source) for name, facts in table["devices"].items()}
    except KeyError as error:
        raise UsageError(f"{source} is no list of prices", cause=f"it lacks {error}", hint=_EXAMPLE) from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{source} is no list of prices", cause=str(error), hint=_EXAMPLE) from error


def _price(name: str, facts: Mapping[str, Any], currency: str, source: str) -> DevicePrice:
    per_hour, day = facts["per_hour"], facts["as_of"]
    is_number = isinstance(per_hour, int | float) and not isinstance(per_hour, bool)
    if not is_number or not math.isfinite(per_hour) or per_hour < 0:
        raise ValueError(f"devices.{name}: per_hour {per_hour!r} is no price")
    if not isinstance(day, dt.date):
        raise TypeError(f"devices.{name}: as_of {day!r} is no date, such as 2025-10-21 without quotes")
    return DevicePrice(
        device=name, per_hour=float(per_hour), currency=currency, as_of=day.isoformat()[:10], source=source
    )
