"""Prices have dates and a place where they are from; a list that holds none is refused with what is wrong in it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from earmark.errors import UsageError
from earmark.reports.prices import own_list, price_of, read_prices

OWN = """
currency = "EUR"
[devices.L4]
per_hour = 0.4
as_of = 2026-01-31
[devices.A100-80GB]
per_hour = 3
as_of = 2026-01-31
[devices.cpu]
per_hour = 0.05
as_of = 2026-01-31
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """The user's own list, empty until a test writes it."""
    monkeypatch.delenv("EARMARK_PRICES", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "earmark" / "prices.toml"
    path.parent.mkdir()
    return path


def test_ours_have_a_day_each(own):
    """The day of every price is one that has been."""
    prices = read_prices()
    assert {"L4", "L40S", "A100", "H100"} <= prices.keys()
    assert all(dt.date.fromisoformat(one.as_of) <= dt.datetime.now(dt.UTC).date() for one in prices.values())
    assert prices["L40S"].per_hour == 1.20
    assert prices["L40S"].currency == "USD"


def test_the_users_list_goes_before_ours(own, monkeypatch, tmp_path):
    """Device by device, at its usual place or where the variable says."""
    own.write_text(OWN)
    prices = read_prices()
    assert (prices["L4"].per_hour, prices["L4"].currency, prices["L4"].source) == (0.4, "EUR", str(own))
    assert prices["H100"].currency == "USD"
    other = tmp_path / "other.toml"
    other.write_text(OWN.replace("0.4", "0.3"))
    monkeypatch.setenv("EARMARK_PRICES", str(other))
    assert own_list() == other
    assert read_prices()["L4"].per_hour == 0.3


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("NVIDIA L4", "L4"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA A100-SXM4-40GB", "A100"),
        ("NVIDIA A100-SXM4-80GB", "A100-80GB"),
        ("A100-80GB", "A100-80GB"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("h100", "H100"),
        ("cpu", "cpu"),
        ("NVIDIA GeForce RTX 4090", None),
        ("L400", None),
        ("", None),
    ],
)
def test_a_device_is_found_by_the_words_of_its_name(own, device, name):
    """Whole words: an L40S is no L4. Of several that fit, the one that says most."""
    own.write_text(OWN)
    found = price_of(device, read_prices())
    assert (found.device if found else None) == name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("currency =", "Invalid value"),
        ("", "currency"),
        ('currency = "USD"', "devices"),
        ('currency = "USD"\ndevices = 3', "items"),
        ('currency = "USD"\n[devices.x]\nper_hour = "1"\nas_of = 2026-01-01', "devices.x: per_hour '1' is no price"),
        ('currency = "USD"\n[devices.x]\nper_hour = nan\nas_of = 2026-01-01', "devices.x: per_hour nan is no price"),
        ('currency = "USD"\n[devices.x]\nper_hour = -1\nas_of = 2026-01-01', "devices.x: per_hour -1 is no price"),
        ('currency = "USD"\n[devices.x]\nper_hour = 1\nas_of = "today"', "devices.x: as_of 'today' is no date"),
        ('currency = "USD"\n[devices.x]\nper_hour = 1', "as_of"),
    ],
)
def test_a_list_that_holds_no_prices_is_refused(own, text, says):
    """With what is wrong in it, and what a list looks like."""
    own.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_prices()
    assert str(own) in refused.value.what
    assert says in refused.value.cause


def test_a_variable_that_names_no_file_is_refused(own, monkeypatch):
    """A list that is not there would change a price in silence."""
    monkeypatch.setenv("EARMARK_PRICES", "/nowhere/prices.toml")
    with pytest.raises(UsageError, match="there is no /nowhere"):
        read_prices()


def test_several_devices_cost_as_much_as_all_of_them(own):
    """Modal's way to ask for eight GPUs in one container."""
    own.write_text(OWN)
    eight = price_of("A100-80GB:8", read_prices())
    assert (eight.device, eight.per_hour) == ("A100-80GB:8", 24.0)
    assert price_of("B200:2", read_prices()) is None


def test_our_prices_say_that_nobody_checked_them(own):
    """Wherever one is used, with its day."""
    assert read_prices()["L4"].sentence == "0.5 USD an hour of L4, of 2025-10-21 by earmark's list, not checked"
