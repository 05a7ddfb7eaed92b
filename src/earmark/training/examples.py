"""The utterances that a training learns from: chosen, and those that nobody can learn from left out by named rules.

Knows sources, texts and lengths; decodes nothing, and knows no torch.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.errors import UsageError
from earmark.planning.index import index_source
from earmark.sources import open_source
from earmark.text import load_normalizer

if TYPE_CHECKING:
    from earmark.records import Utterance
    from earmark.sources.base import Source
    from earmark.training.recipe import DataPart, DataRecipe

NO_TEXT, NO_LENGTH = "no text", "no known length"
TOO_SHORT, TOO_LONG = "shorter than data.min_s", "longer than data.max_s"
OTHER_LETTERS, TOO_MUCH_TEXT = "letters that are no labels", "more text than its audio has room for"


@dataclass(frozen=True, slots=True)
class Piece:
    """Where the audio of an utterance is: see ``AudioRef``; ``path`` is whole."""

    path: str
    start_s: float | None
    duration_s: float | None
    channel: int | None


@dataclass(frozen=True, slots=True)
class Examples:
    """Utterances to learn from, or to try on: all tuples, and ``duration_s`` (num_utterances,), in one order.

    ``labels`` are what a model is to say for each text. ``dropped`` counts those left out, by rule.
    """

    ids: tuple[str, ...]
    pieces: tuple[Piece, ...]
    texts: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    duration_s: NDArray[np.float64]
    dropped: Mapping[str, int]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def sizes(self) -> NDArray[np.float64]:
        """What each costs in a batch: seconds."""
        return self.duration_s


Spelling = Callable[[str, float], tuple[int, ...] | str]
"""From a text of so many seconds to the labels that a model is to say, or to the rule by which it cannot learn it."""


@dataclass(frozen=True, slots=True)
class Letters:
    """The spelling of CTC: ``labels`` maps a letter to its number, and each takes a frame."""

    labels: Mapping[str, int]
    frames_per_s: float

    def __call__(self, text: str, duration_s: float) -> tuple[int, ...] | str:
        """As ``Spelling`` says."""
        if any(one not in self.labels for one in text):
            return OTHER_LETTERS
        if frames_needed(text) > math.floor(duration_s * self.frames_per_s):
            return TOO_MUCH_TEXT
        return tuple(self.labels[one] for one in text)


class Chosen:
    """The utterances of a source for which ``is_wanted``. ``rule`` says which these are, for its identity.

    ``words`` say it for people.
    """

    def __init__(self, source: Source, rule: str, is_wanted: Callable[[Utterance], bool], words: str) -> None:
        self._source, self._rule, self._is_wanted, self._words = source, rule, is_wanted, words

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
        """Hex SHA-256 over the fingerprint of the whole, and the rule."""
        return hashlib.sha256(repr((self._source.fingerprint, self._rule)).encode()).hexdigest()

    def utterances(self) -> Iterator[Utterance]:
        """Those that are wanted, in the order of the whole. Raises UsageError for none."""
        num = 0
        for one in filter(self._is_wanted, self._source.utterances()):
            num += 1
            yield one
        if not num:
            raise UsageError(f"no utterance of {self.name} is chosen", cause=f"none has {self._words}")


def part_of(data: DataRecipe, part: DataPart) -> Source:
    """The source of a part of the data. Raises what ``open_source`` raises."""
    place = part.source or data.source
    assert place is not None, "the recipe was checked"  # noqa: S101  # for the type
    source = open_source(place, audio_root=data.audio_root, text_column=data.text_column)
    where = {name: frozenset(values) for name, values in part.where.items()}
    if not where:
        return source
    rule = repr(sorted((name, sorted(values)) for name, values in where.items()))
    words = " and ".join(f"{name} = {' or '.join(sorted(values))}" for name, values in where.items())
    return Chosen(source, rule, lambda one: all(_column(one, name) in wanted for name, wanted in where.items()), words)


def train_and_valid(data: DataRecipe) -> tuple[Source, Source]:
    """What is learnt from, and what each epoch is tried on: no utterance is in both where one source gives both."""
    train = part_of(data, data.train)
    if data.valid is not None:
        return train, part_of(data, data.valid)
    share = data.valid_share
    return (
        Chosen(train, f"hash from {share}", lambda one: rank_of(one.id) >= share, f"a hash from {share}"),
        Chosen(
            train, f"hash below {share}", lambda one: rank_of(one.id) < share, f"a hash below {share} (valid_share)"
        ),
    )


def _column(utterance: Utterance, name: str) -> str | None:
    found = getattr(utterance, name) if name in ("speaker", "language") else utterance.extra.get(name)
    return None if found is None else str(found)


def rank_of(utterance_id: str) -> float:
    """A number in [0, 1) that the id alone decides."""
    return int.from_bytes(hashlib.blake2b(utterance_id.encode(), digest_size=6).digest()) / 2**48


def examples_of(source: Source, data: DataRecipe, spelling: Spelling | None) -> Examples:
    """Those of ``source`` that can be learnt from; without a ``spelling`` those that can be tried on, with no labels.

    Raises UsageError where none is left, and what ``index_source`` raises.
    """
    table = index_source(source)
    normalizer = load_normalizer(data.normalizer)
    rows, labels = [], []
    dropped: Counter[str] = Counter()
    names = ("id", "audio", "start_s", "stated_duration_s", "channel", "reference", "duration_s")
    for row in zip(*(table[name].to_pylist() for name in names), strict=True):
        text = normalizer(row[5]) if row[5] is not None else ""
        found = _labels_or_rule(text, row[6], data, spelling)
        if isinstance(found, str):
            dropped[found] += 1
        else:
            rows.append((row, text))
            labels.append(found)
    if not rows:
        raise UsageError(
            f"nothing is left of the {table.num_rows:,} utterances of {source.name}",
            cause=", ".join(f"{number:,}: {rule}" for rule, number in sorted(dropped.items())),
            hint="--set data.normalizer=basic has small letters alone" if OTHER_LETTERS in dropped else None,
        )
    return Examples(
        ids=tuple(row[0] for row, _ in rows),
        pieces=tuple(_piece(source.root, row) for row, _ in rows),
        texts=tuple(text for _, text in rows),
        labels=tuple(labels),
        duration_s=np.array([row[6] for row, _ in rows], np.float64),
        dropped=dict(sorted(dropped.items())),
        fingerprint=_fingerprint([(row[0], row[2], row[4], text, row[6]) for row, text in rows]),
    )


def num_learnt(source: Source, learnt: Examples) -> int:
    """How many utterances of ``source`` have the very audio of one that is learnt from. Reads no audio."""
    places = {(os.path.normpath(one.path), one.start_s) for one in learnt.pieces}
    heard = (one.audio for one in source.utterances())
    return sum((os.path.normpath(os.path.join(source.root, one.uri)), one.start_s) in places for one in heard)  # noqa: PTH118  # an absolute uri stays as it is


def _piece(root: str, row: tuple[object, ...]) -> Piece:
    _, uri, start_s, stated_s, channel, *_ = row
    # The length of a whole file is only claimed, and all of it is read.
    return Piece(os.path.join(root, str(uri)), start_s, None if start_s is None else stated_s, channel)  # type: ignore[arg-type]  # noqa: PTH118  # a row has no types


def _labels_or_rule(text: str, duration_s: float, data: DataRecipe, spelling: Spelling | None) -> tuple[int, ...] | str:
    """The labels of an utterance that stays, or the rule by which it is left out."""
    if not duration_s > 0:
        return NO_LENGTH
    if spelling is None:
        return ()
    if not text:
        return NO_TEXT
    if not data.min_s <= duration_s <= data.max_s:
        return TOO_SHORT if duration_s < data.min_s else TOO_LONG
    return spelling(text, duration_s)


def frames_needed(text: str) -> int:
    """What CTC needs at least: one frame a letter, and a blank between two that are alike."""
    return len(text) + sum(one == other for one, other in pairwise(text))


def _fingerprint(rows: list[tuple[object, ...]]) -> str:
    """Hex SHA-256 over ids, pieces, texts and lengths: not over where files lie, nor what is in them."""
    return hashlib.sha256("\n".join(json.dumps(one, ensure_ascii=False) for one in rows).encode()).hexdigest()
