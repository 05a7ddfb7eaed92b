"""Several hypotheses of one utterance voted into one, word by word: ROVER.

After Fiscus 1997, "A post-processing system to yield reduced word error rates: Recognizer Output Voting Error Reduction
(ROVER)". The first hypothesis is a network of one word a slot; each further one is aligned with the network, and says
one of its words, or nothing, in each slot. Then each slot is voted on. The order of the hypotheses can matter, in ties
above all, so it is the caller's to keep.

An alignment costs 8 for a word that nobody said in its slot, 6 for a word between the slots, and 6 for passing over a
slot; where somebody said nothing in the slot already, 2 and 1; and nothing for a word that somebody said there. The
first three are NIST's 4, 3 and 3. The last two, and the order among equals, were fitted to what NIST's rover (SCTK
2.4.10) does. It knows tokens and confidences, and no reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

SUBSTITUTED, SKIPPED, ADDED = 8, 6, 6
"""What a slot's new word, a slot that is passed over, and a new slot cost."""
SUBSTITUTED_NOTHING, SKIPPED_NOTHING = 2, 1
"""The first two, where somebody said nothing in the slot already."""

_Token = str | None
_STAY, _SKIP, _ADD = range(3)


@dataclass(frozen=True, slots=True)
class Weighing:
    """How votes and confidences are mixed: ``alpha`` of the share of votes, the rest of the highest confidence.

    ``null_confidence`` is that of saying nothing. Fiscus tuned both on other data of the same systems.
    """

    alpha: float
    null_confidence: float


FREQUENCY = Weighing(alpha=1.0, null_confidence=0.0)
"""The votes alone."""


@dataclass(slots=True)
class _Slot:
    """What each hypothesis so far says here, None where it says nothing; and how sure it is."""

    said: list[_Token]
    confidences: list[float]
    words: set[_Token] = field(init=False)

    def __post_init__(self) -> None:
        self.words = set(self.said)

    def add(self, token: _Token, confidence: float) -> None:
        self.said.append(token)
        self.confidences.append(confidence)
        self.words.add(token)


def rover(
    hypotheses: Sequence[Sequence[str]],
    confidences: Sequence[Sequence[float]] | None = None,
    weighing: Weighing = FREQUENCY,
) -> list[str]:
    """Vote the hypotheses into one. ``confidences`` are of each token of each, in [0, 1]; without them all are 0.

    Where several get the same vote, a word wins over nothing, and else the one that the earliest hypothesis says.
    Raises ValueError where there is no hypothesis, and where confidences are not of these tokens.
    """
    weights = confidences if confidences is not None else [[0.0] * len(one) for one in hypotheses]
    voted = (_vote(slot, weighing) for slot in _network(hypotheses, weights))
    return [token for token in voted if token is not None]


def _network(hypotheses: Sequence[Sequence[str]], confidences: Sequence[Sequence[float]]) -> list[_Slot]:
    if not hypotheses:
        raise ValueError("there is no hypothesis to vote")
    if [len(one) for one in hypotheses] != [len(one) for one in confidences]:
        raise ValueError("confidences must be of the tokens of the hypotheses, one of each")
    slots: list[_Slot] = []
    for number, (tokens, sure) in enumerate(zip(hypotheses, confidences, strict=True)):
        slots = _merged(slots, tokens, sure, number)
    return slots


def _merged(slots: Sequence[_Slot], tokens: Sequence[str], sure: Sequence[float], num_before: int) -> list[_Slot]:
    """The network with one more hypothesis; new slots in it are those in which all before said nothing."""
    merged: list[_Slot] = []
    i = j = 0
    for step in _path(slots, tokens):
        if step == _ADD:
            merged.append(_Slot([None] * num_before, [0.0] * num_before))
        else:
            merged.append(slots[i])
            i += 1
        if step == _SKIP:
            merged[-1].add(None, 0.0)
        else:
            merged[-1].add(tokens[j], sure[j])
            j += 1
    return merged


def _path(slots: Sequence[_Slot], tokens: Sequence[str]) -> list[int]:
    """The cheapest steps through slots and tokens. Of equals, read from the end: stay, then add, then skip."""
    skips = [SKIPPED_NOTHING if None in slot.words else SKIPPED for slot in slots]
    costs = _costs(slots, tokens, skips)
    steps: list[int] = []
    i, j = len(slots), len(tokens)
    while i or j:
        if i and j and costs[i][j] == costs[i - 1][j - 1] + _new(slots[i - 1], tokens[j - 1]):
            steps.append(_STAY)
        elif j and costs[i][j] == costs[i][j - 1] + ADDED:
            steps.append(_ADD)
        else:
            steps.append(_SKIP)
        i, j = i - (steps[-1] != _ADD), j - (steps[-1] != _SKIP)
    return steps[::-1]


def _costs(slots: Sequence[_Slot], tokens: Sequence[str], skips: Sequence[int]) -> list[list[int]]:
    """The least cost of the first i slots with the first j tokens, in row i, column j."""
    above = [ADDED * j for j in range(len(tokens) + 1)]
    costs = [above]
    for slot, skip in zip(slots, skips, strict=True):
        row = [above[0] + skip]
        for j, token in enumerate(tokens):
            row.append(min(above[j] + _new(slot, token), above[j + 1] + skip, row[j] + ADDED))
        costs.append(row)
        above = row
    return costs


def _new(slot: _Slot, token: str) -> int:
    if token in slot.words:
        return 0
    return SUBSTITUTED_NOTHING if None in slot.words else SUBSTITUTED


def _vote(slot: _Slot, weighing: Weighing) -> _Token:
    """What the slot comes to; None: nothing."""
    scores: dict[_Token, float] = {}
    for token in slot.said:
        if token in scores:
            continue
        sure = weighing.null_confidence
        if token is not None:
            sure = max(one for said, one in zip(slot.said, slot.confidences, strict=True) if said == token)
        share = slot.said.count(token) / len(slot.said)
        scores[token] = weighing.alpha * share + (1 - weighing.alpha) * sure
    return max(scores, key=lambda token: (scores[token], token is not None))  # of equals the first that was put in
