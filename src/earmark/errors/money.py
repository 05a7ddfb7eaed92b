"""How a sum of money is written: never as nothing where it is something. Knows no currency."""

from __future__ import annotations

import math
from decimal import Decimal

_DIGITS = 4
"""Behind the point; of a sum below a tenth so many digits count, wherever they begin."""


def money(amount: float) -> str:
    """A sum that was counted, as ``1,234.5000`` or ``0.00001234``."""
    if not math.isfinite(amount) or amount == 0 or abs(amount) >= 10 ** -(_DIGITS - 3):
        return f"{amount:,.{_DIGITS}f}"
    whole, _, rest = f"{amount:.{_DIGITS - 1 - math.floor(math.log10(abs(amount)))}f}".partition(".")
    return f"{whole}.{rest.rstrip('0'):0<{_DIGITS}}"


def sum_as_said(amount: float) -> str:
    """A sum that somebody typed, with the digits that it has: ``5``, ``0.004``, ``1234567.5``."""
    return format(Decimal(repr(amount)), "f").removesuffix(".0") if math.isfinite(amount) else str(amount)
