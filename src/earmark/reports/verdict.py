"""What a comparison says, in one honest sentence. Differences are fractions here, and per cent where they are printed.

The smaller a difference is beside its interval, the more speech it takes to tell it from none. What an interval reaches
from the difference towards 0 and beyond shrinks with the square root of the speech. So about (reach / difference)**2
times the speech would bring its end to 0, if the difference stayed what was seen. The test has to agree, and where few
utterances differ it asks for more than the interval does: what it takes is the larger of the two.
"""

from __future__ import annotations

from typing import Literal

from earmark.scoring.bootstrap import MIN_UNITS, Interval

Verdict = Literal["better", "worse", "undecided"]

MAX_P = 0.05
_MAX_FACTOR = 100
_WHOLE = 10  # from here a factor is printed without a decimal
_LITTLE = 1.05  # below, it is printed in words


def verdict_on(difference: float, interval: Interval | None, p: float) -> Verdict:
    """Whether B is better or worse than A: only where the interval leaves 0 out and the test agrees."""
    if interval is None or p >= MAX_P or interval.low <= 0 <= interval.high:
        return "undecided"
    return "better" if difference < 0 else "worse"


def speech_factor(difference: float, interval: Interval | None, test_factor: float | None) -> float | None:
    """How many times the speech it takes to tell this difference from none; None where no amount would.

    ``test_factor`` is what the test takes (``significance.sign_flip_factor``). Above 1 where the interval includes 0.
    """
    if interval is None or difference == 0 or test_factor is None:
        return None
    reach = difference - (interval.low if difference > 0 else interval.high)
    return max((reach / difference) ** 2, test_factor)


def sentence(
    label_a: str, label_b: str, difference: float, interval: Interval | None, p: float, factor: float | None
) -> str:
    """Say which is better by how much, or that this cannot be told, and what it would take (``speech_factor``)."""
    if interval is None:
        few = f"fewer than {MIN_UNITS} utterances"
        return f"{few} cannot tell {label_a} and {label_b} apart: {points(difference)} WER"
    numbers = f"{points(difference)} WER [{points(interval.low)}, {points(interval.high)}], {p_text(p)}"
    verdict = verdict_on(difference, interval, p)
    if verdict != "undecided":
        return f"{label_b} is {verdict} than {label_a}: {numbers}"
    includes = interval.low <= 0 <= interval.high
    reason = "the interval includes 0" if includes else f"the test does not agree with the interval (p >= {MAX_P})"
    return f"this test set cannot tell {label_a} and {label_b} apart: {reason} ({_needed(factor)}): {numbers}"


def points(difference: float) -> str:
    """A difference of two rates in percentage points, with its sign."""
    text = f"{100 * difference:+.2f}"
    return text if text.strip("+-0.") else "0.00"


def p_text(p: float) -> str:
    """A p-value as papers print it."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"  # noqa: PLR2004  # the last digit that is printed


def _needed(factor: float | None) -> str:
    if factor is None:
        return "no amount of speech tells a difference of 0"
    if factor > _MAX_FACTOR:
        return f"more than {_MAX_FACTOR}x the speech would be needed"
    if factor < _LITTLE:
        return "a little more speech would be needed"
    return f"about {factor:.{0 if factor >= _WHOLE else 1}f}x the speech would be needed"
