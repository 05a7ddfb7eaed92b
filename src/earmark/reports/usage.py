"""What a run's calls to a server used, and what they cost at the price that the user states.

Adds up receipts, so the work of every part counts, failed and repeated ones too. Knows no price list, and rounds
nothing: how a host rounds is not known.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from earmark.records import Price, Receipt, Usage
from earmark.reports.speed import Attempt

_MILLION = 1_000_000
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """``amount`` in ``currency``, as the user calls it; ``basis`` says what was counted."""

    amount: float
    currency: str | None
    basis: str


def used(receipts: Sequence[Receipt]) -> Usage | None:
    """What all parts used together; None where no server was asked."""
    found = [receipt.usage for receipt in receipts if receipt.usage is not None]
    return sum(found, Usage()) if found else None


def latest_price(kept: Sequence[Attempt]) -> Price | None:
    """The price that the latest attempt which knows one was told. ``kept`` are a run's, the earliest first."""
    return next((Price(**attempt.price) for attempt in reversed(kept) if attempt.price), None)


def cost_of(usage: Usage | None, price: Price | None) -> Cost | None:
    """What ``usage`` costs at ``price``; None where either is not known."""
    if usage is None or price is None:
        return None
    if price.per_minute is not None:
        amount = (usage.stated_s + usage.unstated_s) / _MINUTE_S * price.per_minute
        return Cost(amount=amount, currency=price.currency, basis=_basis_of_minutes(usage))
    read = usage.input_tokens * (price.per_million_input_tokens or 0.0)
    written = usage.output_tokens * (price.per_million_output_tokens or 0.0)
    return Cost(amount=(read + written) / _MILLION, currency=price.currency, basis=_basis_of_tokens(usage, price))


def usage_facts(usage: Usage | None) -> dict[str, Any] | None:
    """What stands in summary.json."""
    if usage is None:
        return None
    return {**dataclasses.asdict(usage), "billed_s": usage.stated_s + usage.unstated_s}


def _basis_of_minutes(usage: Usage) -> str:
    if usage.num_calls_with_seconds == usage.num_calls:
        return "audio minutes stated by the server"
    if not usage.num_calls_with_seconds:
        return "audio minutes sent, the server states none"
    silent = usage.num_calls - usage.num_calls_with_seconds
    return f"audio minutes stated by the server; of {silent} of {usage.num_calls} calls those sent, it states none"


def _basis_of_tokens(usage: Usage, price: Price) -> str:
    kinds = {"input": price.per_million_input_tokens, "output": price.per_million_output_tokens}
    priced = " and ".join(kind for kind, number in kinds.items() if number is not None)
    silent = usage.num_calls - usage.num_calls_with_tokens
    missing = f"; {silent} of {usage.num_calls} calls state none, and are not in it" if silent else ""
    return f"{priced} tokens stated by the server{missing}"
