"""How alike two texts are, and where two lists of texts stop being so: evidence for messages and guesses, no score."""

from __future__ import annotations

from collections.abc import Sequence

_ALIKE = 0.75  # as the share of words in common: two texts of one utterance, beyond doubt
_MORE_ALIKE = 0.34
_NUM_LOOKED_AT = 4
_LONGEST_SHOWN = 40


def likeness(one: str | None, other: str | None) -> float:
    """The share of words that two texts have in common, from 0 to 1; 1 where neither has any."""
    words, heard = set((one or "").lower().split()), set((other or "").lower().split())
    return len(words & heard) / len(words | heard) if words or heard else 1.0


def shown(text: str | None) -> str:
    """A text of somebody else's for a sentence: on one line, and short."""
    return repr(text if text is None or len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")


def first_difference(ours: Sequence[str | None], theirs: Sequence[str | None]) -> str | None:
    """Where the texts stop resembling each other row for row, and do so again with a shift; None if nowhere."""
    num_lost = len(ours) - len(theirs)
    for number in range(min(len(ours), len(theirs))):
        if _likeness_at(ours, theirs, number, number) >= _ALIKE:
            continue
        for shift in {num_lost // abs(num_lost), num_lost}:
            straight, shifted = (
                sum(_likeness_at(ours, theirs, one, one - by) for one in range(number, number + _NUM_LOOKED_AT))
                for by in (0, shift)
            )
            if shifted > straight + _MORE_ALIKE:
                text = shown(str(ours[number]))
                return f"first difference near line {number + 1:,} ({text}); from there on they are {abs(shift)} apart"
    last = min(len(ours), len(theirs))
    alike = sum(_likeness_at(ours, theirs, one, one) >= _ALIKE for one in range(last))
    if 2 * alike <= last:
        return None
    return f"first difference on line {last + 1:,} ({shown((ours if num_lost > 0 else theirs)[last])}): one file ends"


def _likeness_at(ours: Sequence[str | None], theirs: Sequence[str | None], one: int, other: int) -> float:
    return likeness(ours[one], theirs[other]) if 0 <= one < len(ours) and 0 <= other < len(theirs) else 0.0
