"""One set of outputs read in many ways: by which normalizer, scorer, rule for empty references and averaging.

A ``Reading`` is all that can make two numbers of the same outputs differ. Texts are normalized once each and pairs
scored once each, however many readings share them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earmark.reports.outputs import Output
from earmark.scoring import DEFAULT_SCORER, load_scorer
from earmark.scoring.scorer import Scorer
from earmark.text import load_normalizer
from earmark.text.base import Normalizer

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


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    errors: NDArray[np.int64]
    words: NDArray[np.int64]


class Reader:
    """Reads outputs, and remembers what it has normalized and scored."""

    def __init__(self) -> None:
        self._normalizers: dict[str, Normalizer] = {}
        self._scorers: dict[str, Scorer] = {}
        self._texts: dict[tuple[str, str], str] = {}
        self._pairs: dict[tuple[str, str, str], tuple[int, int]] = {}

    def rate(self, outputs: Sequence[Output], reading: Reading) -> float | None:
        """The word error rate as a fraction; None where no reference has a word.

        Raises UnknownNameError or MissingExtraError for a normalizer or a scorer.
        """
        counted = [one for one in outputs if one.is_scored or (reading.failed == "deletions" and one.is_failed)]
        counts = self._counts(counted, reading)
        if reading.empty_references == "left out":
            errors = np.where(counts.words > 0, counts.errors, 0)
            counts = _Counts(errors, counts.words)
        if reading.averaging == "sum":
            return _ratio(counts.errors, counts.words)
        return _mean_of_rates(counts, [_group(one, number, reading) for number, one in enumerate(counted)])

    def num_empty(self, outputs: Sequence[Output], reading: Reading) -> int:
        """How many references are empty after the normalizer."""
        counted = [one for one in outputs if one.is_scored]
        return int(np.count_nonzero(self._counts(counted, reading).words == 0))

    def alike(self, outputs: Sequence[Output], normalizers: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Group normalizers by what they do to these texts: the first of each group, and the others of it."""
        texts = [text for one in outputs for text in (one.reference, one.hypothesis) if text]
        groups: dict[bytes, list[str]] = {}
        for name in normalizers:
            normalize, digest = self._normalized(name), hashlib.sha256()
            for text in texts:
                digest.update(" ".join(normalize(text).split()).encode("utf-8", "surrogatepass") + b"\n")
            groups.setdefault(digest.digest(), []).append(name)
        return {first: tuple(others) for first, *others in groups.values()}

    def _counts(self, outputs: Sequence[Output], reading: Reading) -> _Counts:
        """Errors and reference words of each output, int64 of shape ``(num_outputs,)``."""
        normalize = self._normalized(reading.normalizer)
        # A failed utterance has no hypothesis: all its words are deletions.
        keys = [(reading.scorer, normalize(one.reference or ""), normalize(one.hypothesis or "")) for one in outputs]
        self._score(reading.scorer, [key for key in dict.fromkeys(keys) if key not in self._pairs])
        found = np.array([self._pairs[key] for key in keys], np.int64).reshape(-1, 2)
        return _Counts(found[:, 0], found[:, 1])

    def _normalized(self, name: str) -> _Remembered:
        if name not in self._normalizers:
            self._normalizers[name] = load_normalizer(name)
        return _Remembered(name, self._normalizers[name], self._texts)

    def _score(self, name: str, keys: Sequence[tuple[str, str, str]]) -> None:
        if name not in self._scorers:
            self._scorers[name] = load_scorer(name)
        counts = self._scorers[name].counts([key[1] for key in keys], [key[2] for key in keys])
        numbers = zip(counts.errors.tolist(), counts.reference_words.tolist(), strict=True)
        self._pairs.update(zip(keys, numbers, strict=True))


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A normalizer that does each text once."""

    name: str
    normalizer: Normalizer
    texts: dict[tuple[str, str], str]

    def __call__(self, text: str) -> str:
        key = (self.name, text)
        if key not in self.texts:
            self.texts[key] = self.normalizer(text)
        return self.texts[key]


def _group(one: Output, number: int, reading: Reading) -> int | None:
    return {"mean of batches": one.batch, "mean of ranks": one.rank}.get(reading.averaging, number)


def _ratio(errors: NDArray[np.int64], words: NDArray[np.int64]) -> float | None:
    num_words = int(words.sum())
    return int(errors.sum()) / num_words if num_words else None


def _mean_of_rates(counts: _Counts, groups: Sequence[int | None]) -> float | None:
    """The mean over groups of their rates; a group without a reference word has none, and does not count."""
    _, members = np.unique([-1 if group is None else group for group in groups], return_inverse=True)
    errors, words = np.bincount(members, counts.errors), np.bincount(members, counts.words)
    rated = words > 0
    return float((errors[rated] / words[rated]).mean()) if rated.any() else None
