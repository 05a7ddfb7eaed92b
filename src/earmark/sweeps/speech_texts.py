"""The texts of several runs of the same speech, combined utterance by utterance without looking at a reference.

Knows what runs heard, as ``reports.heard`` reads it; counts no error. Only one utterance of each run is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from earmark.records import ScoredUtterance
from earmark.schema import SCORED
from earmark.scoring.minimum_risk import least_risk
from earmark.scoring.rover import Weighing, rover
from earmark.text.base import Normalizer

ROVER, ROVER_CONFIDENCE, MINIMUM_RISK = "rover", "rover-confidence", "mbr"
COMBINERS = (ROVER, ROVER_CONFIDENCE, MINIMUM_RISK)

MIXED = Weighing(alpha=0.5, null_confidence=0.5)
"""Of ``rover-confidence``. Nobody tuned it: that would take other data of the same models."""

Tokens = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Combined:
    """What the runs come to together in one utterance that is scored in all; of each combiner its normalized text.

    ``rover_confidence`` is None where some run is sure of nothing that it heard.
    """

    id: str
    reference: str
    rover: str
    rover_confidence: str | None
    mbr: str

    def text(self, combiner: str) -> str | None:
        """The text of one of ``COMBINERS``."""
        return {ROVER: self.rover, ROVER_CONFIDENCE: self.rover_confidence, MINIMUM_RISK: self.mbr}[combiner]


def combined(runs: Sequence[Iterable[ScoredUtterance]], normalizer: Normalizer, tokens: Tokens) -> Iterator[Combined]:
    """Combine the utterances that are scored in all ``runs``, which are of the same data, in their order.

    The order of the runs is that of ``rover``. ``tokens`` says what is voted on: the scorer's. Raises ValueError where
    runs are not of the same utterances.
    """
    sure = _Confidences(normalizer, tokens)
    for several in zip(*runs, strict=True):
        if len({one.id for one in several}) != 1:
            raise ValueError(f"runs of different utterances: {', '.join(one.id for one in several)}")
        if all(one.status == SCORED for one in several):
            yield _combined(several, tokens, sure)


def _combined(several: Sequence[ScoredUtterance], tokens: Tokens, sure: _Confidences) -> Combined:
    heard = [tokens(one.hypothesis_normalized or "") for one in several]
    weights = [sure(one, words) for one, words in zip(several, heard, strict=True)]
    known = [one for one in weights if one is not None]
    return Combined(
        id=several[0].id,
        reference=several[0].reference_normalized or "",
        rover=" ".join(rover(heard)),
        rover_confidence=" ".join(rover(heard, known, MIXED)) if len(known) == len(heard) else None,
        mbr=" ".join(heard[least_risk(heard)]),
    )


class _Confidences:
    """How sure a run is of each token that it heard."""

    def __init__(self, normalizer: Normalizer, tokens: Tokens) -> None:
        self._normalizer = normalizer
        self._tokens = tokens
        self._tokens_of: dict[str, Sequence[str]] = {}

    def __call__(self, one: ScoredUtterance, heard: Sequence[str]) -> list[float] | None:
        """Of the words, where they make up the text when they are normalized one by one; else that of the text.

        None where the run says neither; nothing that was heard needs no confidence.
        """
        words = [(token, word.confidence) for word in one.words or () for token in self._normalized(word.text)]
        known = [sure for _, sure in words if sure is not None]
        if [token for token, _ in words] == list(heard) and len(known) == len(heard):
            return known
        return None if one.confidence is None else [one.confidence] * len(heard)

    def _normalized(self, word: str) -> Sequence[str]:
        if word not in self._tokens_of:
            self._tokens_of[word] = self._tokens(self._normalizer(word))
        return self._tokens_of[word]
