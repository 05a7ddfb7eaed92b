"""What usage and a price come to, and the basis that is said with it."""

from __future__ import annotations

import pytest

from earmark.records import Price, Usage
from earmark.reports.speed import Attempt
from earmark.reports.usage import cost_of, latest_price, usage_facts

STATED = Usage(num_calls=1, num_calls_with_seconds=1, stated_s=30.0)
SENT = Usage(num_calls=1, unstated_s=90.0)
TOKENS = Usage(num_calls=1, num_calls_with_tokens=1, unstated_s=1.0, input_tokens=2_000_000, output_tokens=500_000)


def attempt(started: str, price: dict[str, object] | None) -> Attempt:
    return Attempt(
        attempt="a",
        started=started,
        wall_s=1.0,
        audio_s=1.0,
        num_rows=1,
        engine="inline",
        num_workers=1,
        outcome="finished",
        price=price,
    )


@pytest.mark.parametrize(
    ("usage", "price", "amount", "basis"),
    [
        (STATED, Price(per_minute=2.0), 1.0, "audio minutes stated by the server"),
        (SENT, Price(per_minute=2.0), 3.0, "audio minutes sent, the server states none"),
        (
            STATED + SENT,
            Price(per_minute=2.0),
            4.0,
            "audio minutes stated by the server; of 1 of 2 calls those sent, it states none",
        ),
        (TOKENS, Price(per_million_input_tokens=3.0), 6.0, "input tokens stated by the server"),
        (
            TOKENS + SENT,
            Price(per_million_input_tokens=3.0, per_million_output_tokens=4.0),
            8.0,
            "input and output tokens stated by the server; 1 of 2 calls state none, and are not in it",
        ),
        (STATED, Price(per_minute=0.0), 0.0, "audio minutes stated by the server"),
    ],
)
def test_a_cost_is_said_with_its_basis(usage, price, amount, basis):
    """Nothing is rounded, and what is not known is said."""
    cost = cost_of(usage, price)
    assert cost is not None
    assert (cost.amount, cost.basis) == (amount, basis)


def test_there_is_no_cost_without_a_usage_or_a_price():
    """A local model has neither."""
    assert cost_of(None, Price(per_minute=1.0)) is None
    assert cost_of(SENT, None) is None
    assert usage_facts(None) is None


def test_the_latest_price_that_was_stated_counts():
    """An attempt that states none leaves the one before; attempts of earlier versions know none."""
    priced = [attempt("1", {"per_minute": 1.0}), attempt("2", {"per_minute": 2.0}), attempt("3", None)]
    assert latest_price(priced) == Price(per_minute=2.0)
    assert latest_price([attempt("1", None)]) is None
