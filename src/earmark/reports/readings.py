"""One set of outputs read in many ways: by which normalizer, scorer, rule for empty references and averaging.

A ``Reading`` is all that can make two numbers of the same outputs differ. Texts are normalized once by a normalizer and
pairs scored once by a scorer, however many readings share them; what is left of a reading acts on columns of numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from earmark.reports.outputs import Output
from earmark.scoring import DEFAULT_SCORER, load_scorer
from earmark.text import load_normalizer
from earmark.text.base import normalized_all

EmptyRule = Literal["counted", "left out"]
FailedRule = Literal["left out", "deletions"]
Averaging = Literal["sum", "mean of utterances", "mean of batches", "mean of ranks"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How outputs become one number. The defaults are what a summary's ``wer`` is made with.

    ``empty_references``: whether what is heard where nothing should be counts as insertions. ``failed``: whether an
    utterance without a hypothesis is left out or all its words are deletions. ``averaging``: errors over words of all
    utterances, or a mean of rates.
    """

    normalizer: str
    scorer: str = DEFAULT_SCORER
    empty_references: EmptyRule = "counted"
    failed: FailedRule = "left out"
    averaging: Averaging = "sum"


class Rows:
    """The outputs that can count, as columns: their texts, which are scored, and where they were transcribed."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = [one for one in outputs if one.is_scored or one.is_failed]
        self.is_scored = np.array([one.is_scored for one in self._outputs], bool)
        self.references = [one.reference or "" for one in self._outputs]
        # A failed utterance has no hypothesis: all its words are deletions.
        self.hypotheses = [one.hypothesis or "" if one.is_scored else "" for one in self._outputs]

    def __len__(self) -> int:
        return len(self._outputs)

    def counted(self, rule: FailedRule, within: Container[str] | None = None) -> NDArray[np.bool_]:
        """Which count by the rule, and have an id ``within``: bool of shape ``(num_rows,)``."""
        counted = self.is_scored if rule == "left out" else np.ones(len(self), bool)
        return counted if within is None else counted & np.array([one.id in within for one in self._outputs], bool)

    def groups(self, averaging: Averaging) -> NDArray[np.int64]:
        """The group of each, whose rates are averaged: int64 of shape ``(num_rows,)``, -1 where nobody knows."""
        if averaging not in ("mean of batches", "mean of ranks"):
            return np.arange(len(self))
        name = "batch" if averaging == "mean of batches" else "rank"
        found = [getattr(one, name) for one in self._outputs]
        return np.array([-1 if group is None else group for group in found], np.int64)


class _Texts(NamedTuple):
    """Normalized, in the order of the rows."""

    references: list[str]
    hypotheses: list[str]

    def digest(self) -> bytes:
        """SHA-256 over their words: equal where every scorer finds the same."""
        digest = hashlib.sha256()
        for text in (*self.references, *self.hypotheses):
            digest.update(" ".join(text.split()).encode("utf-8", "surrogatepass") + b"\n")
        return digest.digest()


class _Counts(NamedTuple):
    """Word errors and reference words of each row, int64 of shape ``(num_rows,)``."""

    errors: NDArray[np.int64]
    words: NDArray[np.int64]


class Reader:
    """Reads outputs, and remembers what it has normalized and scored: its memory grows with both."""

    def __init__(self) -> None:
        self._texts: dict[tuple[Rows, str], _Texts] = {}
        self._counts: dict[tuple[Rows, str, str], _Counts] = {}

    def rate(self, rows: Rows, reading: Reading, within: Container[str] | None = None) -> float | None:
        """The word error rate as a fraction, of the ids ``within``; None where no reference has a word.

        Raises UnknownNameError or MissingExtraError for a normalizer or a scorer.
        """
        counted = rows.counted(reading.failed, within)
        errors, words = (column[counted] for column in self._count(rows, reading))
        if reading.empty_references == "left out":
            errors = np.where(words > 0, errors, 0)
        if reading.averaging == "sum":
            num_words = int(words.sum())
            return int(errors.sum()) / num_words if num_words else None
        return _mean_of_rates(errors, words, rows.groups(reading.averaging)[counted])

    def num_empty(self, rows: Rows, reading: Reading) -> int:
        """How many scored references are empty after the normalizer."""
        return int(np.count_nonzero(self._count(rows, reading).words[rows.is_scored] == 0))

    def alike(self, rows: Rows, normalizers: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Group normalizers by what they do to these texts: the first of each group, and the others of it."""
        groups: dict[bytes, list[str]] = {}
        for name in normalizers:
            group = groups.setdefault(self._normalized(rows, name).digest(), [])
            if group:
                del self._texts[rows, name]  # those of the first will do
            group.append(name)
        return {first: tuple(others) for first, *others in groups.values()}

    def _count(self, rows: Rows, reading: Reading) -> _Counts:
        key = (rows, reading.normalizer, reading.scorer)
        if key not in self._counts:
            references, hypotheses = self._normalized(rows, reading.normalizer)
            # Commands and digits are said again and again.
            place = {
                pair: number for number, pair in enumerate(dict.fromkeys(zip(references, hypotheses, strict=True)))
            }
            found = load_scorer(reading.scorer).counts([pair[0] for pair in place], [pair[1] for pair in place])
            places = np.array([place[pair] for pair in zip(references, hypotheses, strict=True)], np.int64)
            self._counts[key] = _Counts(
                found.errors.astype(np.int64)[places], found.reference_words.astype(np.int64)[places]
            )
        return self._counts[key]

    def _normalized(self, rows: Rows, name: str) -> _Texts:
        if (rows, name) not in self._texts:
            distinct = list(dict.fromkeys([*rows.references, *rows.hypotheses]))
            texts = dict(zip(distinct, normalized_all(load_normalizer(name), distinct), strict=True))
            self._texts[rows, name] = _Texts(
                [texts[text] or "" for text in rows.references], [texts[text] or "" for text in rows.hypotheses]
            )
        return self._texts[rows, name]


def _mean_of_rates(errors: NDArray[np.int64], words: NDArray[np.int64], groups: NDArray[np.int64]) -> float | None:
    """The mean over groups of their rates; a group without a reference word has none, and does not count."""
    _, members = np.unique(groups, return_inverse=True)
    group_errors, group_words = np.bincount(members, errors), np.bincount(members, words)
    rated = group_words > 0
    return float((group_errors[rated] / group_words[rated]).mean()) if rated.any() else None
