"""The summary that SpeechBrain's ErrorRateStats prints, to the key: written, read in either spelling, and added up.

Rates are per cent, made in SpeechBrain's order of operations (``100.0 * errors / tokens``), so that the last digit is
the same. Where it says 0.0 for a rate without a token or a sentence, this says None: there is no such rate. Summaries
of ranks are added as integers; the mean of their rates would be another number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from earmark.scoring.counts import CorpusCounts

ERRANT_KEYS = ("num_erraneous_sents", "num_erroneous_sents")
"""How its versions spell sentences with an error: the misspelt one is the older, and what is written here."""


@dataclass(frozen=True, slots=True)
class SpeechBrainSummary:
    """The integers of such a summary. Absent sentences have a reference and no hypothesis."""

    num_scored_tokens: int = 0
    num_erraneous_sents: int = 0
    num_scored_sents: int = 0
    num_absent_sents: int = 0
    num_ref_sents: int = 0
    insertions: int = 0
    deletions: int = 0
    substitutions: int = 0

    @classmethod
    def of(cls, counts: CorpusCounts, num_absent: int = 0) -> Self:
        """Take the counts of a corpus; ``num_absent`` utterances beside it were not scored."""
        words = counts.words
        return cls(
            num_scored_tokens=words.reference_length,
            num_erraneous_sents=counts.num_wrong_utterances,
            num_scored_sents=counts.num_utterances,
            num_absent_sents=num_absent,
            num_ref_sents=counts.num_utterances + num_absent,
            insertions=words.insertions,
            deletions=words.deletions,
            substitutions=words.substitutions,
        )

    @classmethod
    def read(cls, facts: Mapping[str, object]) -> Self:
        """Take a summary in either spelling. Raises ValueError where a count is missing, no count, or contradicted."""
        found: dict[str, int] = {}
        for name in _NAMES:
            value = facts.get(name)
            if name in ERRANT_KEYS and value is None:
                value = next((facts[key] for key in ERRANT_KEYS if key in facts), None)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{name} is {value!r}, not a number from 0")
            found[name] = value
        summary = cls(**found)
        if facts.get("num_edits", summary.num_edits) != summary.num_edits:
            raise ValueError(f"num_edits is {facts['num_edits']!r}, but the errors add up to {summary.num_edits}")
        return summary

    def __add__(self, other: SpeechBrainSummary) -> SpeechBrainSummary:
        if not isinstance(other, SpeechBrainSummary):
            return NotImplemented
        return SpeechBrainSummary(*(getattr(self, name) + getattr(other, name) for name in _NAMES))

    def __radd__(self, other: int) -> SpeechBrainSummary:
        # ``sum`` starts with the integer 0.
        return self if other == 0 else NotImplemented

    @property
    def num_edits(self) -> int:
        """Insertions, deletions and substitutions together."""
        return self.insertions + self.deletions + self.substitutions

    @property
    def wer(self) -> float | None:
        """Edits for each scored token, per cent."""
        return 100.0 * self.num_edits / self.num_scored_tokens if self.num_scored_tokens else None

    @property
    def ser(self) -> float | None:
        """The share of scored sentences with an error, per cent."""
        return 100.0 * self.num_erraneous_sents / self.num_scored_sents if self.num_scored_sents else None

    def facts(self) -> dict[str, float | int | None]:
        """The summary with SpeechBrain's keys in its order."""
        return {
            "WER": self.wer,
            "SER": self.ser,
            "num_edits": self.num_edits,
            "num_scored_tokens": self.num_scored_tokens,
            "num_erraneous_sents": self.num_erraneous_sents,
            "num_scored_sents": self.num_scored_sents,
            "num_absent_sents": self.num_absent_sents,
            "num_ref_sents": self.num_ref_sents,
            "insertions": self.insertions,
            "deletions": self.deletions,
            "substitutions": self.substitutions,
            "error_rate": self.wer,
        }


_NAMES = tuple(field.name for field in fields(SpeechBrainSummary))
