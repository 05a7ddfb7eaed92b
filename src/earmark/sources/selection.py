"""A part of a source: the first utterances, or a random sample, by number or by share."""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import UsageError
from earmark.sources.base import ChoosableSource, DerivedSource, LinedSource, RestoringSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.records import Utterance
    from earmark.sources.base import Source


class Limited:
    """At most ``limit`` utterances of ``source``, in its order. ``limit`` is a number ("100") or a share ("5%").

    Without a ``seed`` they are the first ones. With one, those whose hash of seed and id is least: a sample that does
    not depend on the order of the data, and of which a smaller sample with the same seed is a part. A share is rounded
    up. Raises UsageError for a limit that is neither.
    """

    def __init__(self, source: Source, limit: str, seed: int | None = None) -> None:
        self._source = source
        self._limit = limit.strip()
        self._seed = seed
        self._count, self._share = _parse(self._limit)

    @property
    def name(self) -> str:
        """The name of the whole."""
        return self._source.name

    @property
    def root(self) -> str:
        """The root of the whole."""
        return self._source.root

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the fingerprint of the whole, the limit and the seed."""
        return hashlib.sha256(repr((self._source.fingerprint, self._limit, self._seed)).encode()).hexdigest()

    def utterances(self) -> Iterator[Utterance]:
        """Yield the chosen utterances. A share or a seed reads the whole once before.

        Of a source that offers it, only the ids are read of the others, and their audio is not brought.
        """
        if isinstance(self._source, ChoosableSource):
            yield from self._source.chosen(self._is_chosen(self._source.ids()))
            return
        if self._seed is not None:
            ids = (utterance.id for utterance in self._source.utterances())
            yield from itertools.compress(self._source.utterances(), self._is_chosen(ids).tolist())
            return
        count = self._count
        if self._share is not None:
            count = self._number(sum(1 for _ in self._source.utterances()))
        yield from itertools.islice(self._source.utterances(), count)

    def restore(self) -> None:
        """Have the audio of the chosen utterances here, where the whole is one that brings it."""
        if isinstance(self._source, RestoringSource):
            deque(self.utterances(), maxlen=0)

    def lines_with(self, utterance_id: str) -> list[int]:
        """What the whole says; none where it is no file of rows."""
        return self._source.lines_with(utterance_id) if isinstance(self._source, LinedSource) else []

    @property
    def loss(self) -> str | None:
        """What the whole says of itself."""
        return self._source.loss if isinstance(self._source, DerivedSource) else None

    def why_missing(self, uri: str) -> tuple[str, str] | None:
        """What the whole says."""
        return self._source.why_missing(uri) if isinstance(self._source, DerivedSource) else None

    def _number(self, num_utterances: int) -> int:
        return self._count if self._share is None else -int(-self._share * num_utterances // 1)

    def _is_chosen(self, ids: Iterator[str]) -> NDArray[np.bool_]:
        """Say of each utterance whether it is chosen. 8 bytes for each are kept while they are ranked."""
        seed = self._seed
        ranks = np.fromiter((0 if seed is None else _hash(seed, one) for one in ids), np.uint64)
        is_chosen = np.zeros(len(ranks), np.bool_)
        is_chosen[np.argsort(ranks, kind="stable")[: self._number(len(ranks))]] = True
        return is_chosen


def _hash(seed: int, utterance_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}:{utterance_id}".encode(), digest_size=8).digest())


def _parse(limit: str) -> tuple[int, Fraction | None]:
    """Read the limit: a number, or a share between 0 and 1."""
    digits = limit.removesuffix("%")
    try:
        number = Fraction(digits)
    except (ValueError, ZeroDivisionError):
        number = Fraction(0)
    if limit.endswith("%") and 0 < number <= 100:  # noqa: PLR2004
        return 0, number / 100
    if digits == limit and number > 0 and number.denominator == 1 and "/" not in digits:
        return int(number), None
    raise UsageError(f"--limit {limit!r} is no limit", hint="--limit 100 (utterances) or --limit 5%")
