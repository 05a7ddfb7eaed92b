"""Error counts that add up, and the rates made from them.

Both kinds of counts are monoids: adding them in any order, from any number of shards, ranks or resumed runs, gives the
same numbers, because they are integers and the rates are made last. It knows no text: who counts is in ``words`` and
``pairs``.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, fields
from typing import Self


def _plain_int(name: str, value: int) -> int:
    """Return ``value`` as a Python int, which never overflows. Raises TypeError or ValueError."""
    number = operator.index(value)
    if number < 0:
        raise ValueError(f"{name} is {number}: a count cannot be negative")
    return number


def _ratio(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """How often reference tokens were hit, substituted or deleted, and others inserted.

    Any integers are taken, numpy's too, and kept as Python ints. Raises ValueError for a negative count and TypeError
    for anything but an integer.
    """

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    def __post_init__(self) -> None:
        for name in ("hits", "substitutions", "deletions", "insertions"):
            object.__setattr__(self, name, _plain_int(name, getattr(self, name)))

    @classmethod
    def zero(cls) -> Self:
        """Return the counts of nothing: adding them changes nothing."""
        return cls()

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        if not isinstance(other, ErrorCounts):
            return NotImplemented
        return ErrorCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    def __radd__(self, other: int) -> ErrorCounts:
        # ``sum`` starts with the integer 0.
        return self if other == 0 else NotImplemented

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def reference_length(self) -> int:
        """Tokens of the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def hypothesis_length(self) -> int:
        """Tokens of the hypothesis."""
        return self.hits + self.substitutions + self.insertions

    @property
    def rate(self) -> float | None:
        """Errors for each reference token, as a fraction that may be above 1; None without reference tokens."""
        return _ratio(self.errors, self.reference_length)


@dataclass(frozen=True, slots=True)
class CorpusCounts:
    """What a corpus comes to: word errors, character errors, and utterances with at least one word error.

    An utterance with an empty reference counts like any other: its insertions are errors, and it is right where its
    hypothesis is empty too. ``empty_reference_insertions`` are the word insertions of such utterances, so that both
    rates can be told. Raises ValueError for a negative count.
    """

    words: ErrorCounts = field(default_factory=ErrorCounts)
    character_errors: int = 0
    reference_characters: int = 0
    num_utterances: int = 0
    num_wrong_utterances: int = 0
    num_empty_references: int = 0
    empty_reference_insertions: int = 0

    def __post_init__(self) -> None:
        for name in _CORPUS_INTEGERS:
            object.__setattr__(self, name, _plain_int(name, getattr(self, name)))

    @classmethod
    def zero(cls) -> Self:
        """Return the counts of no utterance."""
        return cls()

    def __add__(self, other: CorpusCounts) -> CorpusCounts:
        if not isinstance(other, CorpusCounts):
            return NotImplemented
        integers = {name: getattr(self, name) + getattr(other, name) for name in _CORPUS_INTEGERS}
        return CorpusCounts(words=self.words + other.words, **integers)

    def __radd__(self, other: int) -> CorpusCounts:
        return self if other == 0 else NotImplemented

    @property
    def wer(self) -> float | None:
        """Word error rate: all word errors over all reference words, a fraction; None without reference words."""
        return self.words.rate

    @property
    def cer(self) -> float | None:
        """Character error rate, a fraction; None without reference characters."""
        return _ratio(self.character_errors, self.reference_characters)

    @property
    def ser(self) -> float | None:
        """Share of utterances with at least one word error; None without utterances."""
        return _ratio(self.num_wrong_utterances, self.num_utterances)

    @property
    def wer_without_empty_references(self) -> float | None:
        """Word error rate over the utterances that have reference words; None where none has."""
        return _ratio(self.words.errors - self.empty_reference_insertions, self.words.reference_length)


_CORPUS_INTEGERS = tuple(item.name for item in fields(CorpusCounts) if item.name != "words")
