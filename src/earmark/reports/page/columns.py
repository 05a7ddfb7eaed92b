"""The numbers and the categories of each utterance: those of every run, and whatever else the data have by column.

Knows tables of schema.SCORES. Of another column of the data a page holds numbers, or categories where values come
again; of what is the same everywhere the one value; and of all others the name alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.reports.guards import MEANINGS
from earmark.schema import SCORED

Numbers = NDArray[np.float64]

STATUSES = (SCORED, "failed", "skipped")
MAX_CATEGORIES = 1000
"""Of a column. One with more distinct values is no category, and neither is one whose values do not come again."""
MAX_COLUMNS = 40
"""Of the data's own."""
_LONGEST = 200
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_COUNTS = ("substitutions", "deletions", "insertions", "character_errors", "reference_characters")


@dataclass(frozen=True, slots=True)
class Category:
    """A column of names: the distinct ones, and which of them each utterance has; -1 for none."""

    names: tuple[str, ...]
    codes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a run, each of shape ``(num_utterances,)``; nan where a number is unknown.

    ``counts`` are of words but for ``character_errors`` and ``reference_characters``; with ``words``, those of the
    reference. ``flags`` has a bit for each of guards.MEANINGS, in their order. ``constants`` are columns that say the
    same of every utterance, and ``left_out`` the names of those that say something else of nearly every one.
    """

    counts: Mapping[str, NDArray[np.int64]]
    status: NDArray[np.int64]
    flags: NDArray[np.int64]
    duration_s: Numbers
    level_dbfs: Numbers
    speaker: Category | None
    language: Category | None
    numbers: Mapping[str, Numbers]
    categories: Mapping[str, Category]
    constants: Mapping[str, str]
    left_out: tuple[str, ...]

    @property
    def is_scored(self) -> NDArray[np.bool_]:
        """Which utterances are scored."""
        return np.asarray(self.status == 0)


@dataclass
class ColumnsTally:
    """Takes a run a window at a time."""

    _parts: dict[str, list[Any]] = field(default_factory=dict)
    _extras: dict[str, list[Any]] = field(default_factory=dict)
    _num_rows: int = 0

    def add(self, scores: pa.Table, audio_s: Numbers, level_dbfs: Numbers) -> None:
        """Take the next rows of schema.SCORES, with the seconds and the level of what was decoded; nan: unknown."""
        words = [pc.fill_null(scores[name], 0).to_numpy() for name in ("hits", "substitutions", "deletions")]
        stated_s = scores["duration_s"].to_numpy()
        duration_s = np.where(audio_s > 0, audio_s, np.where(stated_s > 0, stated_s, np.nan))
        taken = {name: pc.fill_null(scores[name], 0).to_numpy() for name in _COUNTS}
        taken |= {"words": sum(words), "duration_s": np.round(duration_s, 2), "level_dbfs": np.round(level_dbfs, 1)}
        taken["status"] = pc.index_in(scores["status"], value_set=pa.array(STATUSES)).to_numpy()
        taken["flags"] = _flag_bits(scores["flags"].combine_chunks(), len(scores))
        for name, values in taken.items():
            self._parts.setdefault(name, []).append(values)
        for name in ("speaker", "language"):
            self._parts.setdefault(name, []).extend(scores[name].to_pylist())
        self._add_extras(scores["extra"])

    def found(self) -> Columns:
        """All columns of what was taken."""
        joined = {
            name: np.concatenate([np.zeros(0), *values])
            for name, values in self._parts.items()
            if name not in ("speaker", "language")
        }
        numbers, categories, constants, left_out = _sorted_out(self._extras, self._num_rows)
        return Columns(
            counts={name: joined[name].astype(np.int64) for name in (*_COUNTS, "words")},
            status=joined["status"].astype(np.int64),
            flags=joined["flags"].astype(np.int64),
            duration_s=joined["duration_s"],
            level_dbfs=joined["level_dbfs"],
            speaker=_names(self._parts.get("speaker", ())),
            language=_names(self._parts.get("language", ())),
            numbers=numbers,
            categories=categories,
            constants=constants,
            left_out=left_out,
        )

    def _add_extras(self, texts: pa.ChunkedArray) -> None:
        start, self._num_rows = self._num_rows, self._num_rows + len(texts)
        if texts.null_count == len(texts):
            return
        for row, text in enumerate(texts.to_pylist(), start=start):
            for name, value in (json.loads(text) if text else {}).items():
                if name not in self._extras and len(self._extras) >= MAX_COLUMNS:
                    continue
                column = self._extras.setdefault(name, [])
                column.extend([None] * (row - len(column)))
                column.append(value)


def _flag_bits(flags: pa.ListArray, num_rows: int) -> NDArray[np.int64]:
    bits = np.zeros(num_rows, dtype=np.int64)
    names, rows = flags.flatten(), pc.list_parent_indices(flags)
    for bit, name in enumerate(MEANINGS):
        bits[rows.filter(pc.equal(names, name)).to_numpy()] |= 1 << bit
    return bits


def _sorted_out(
    extras: Mapping[str, Sequence[Any]], num_rows: int
) -> tuple[dict[str, Numbers], dict[str, Category], dict[str, str], tuple[str, ...]]:
    """Which columns are numbers, categories, constants, or nothing that a chart could show."""
    numbers: dict[str, Numbers] = {}
    categories: dict[str, Category] = {}
    constants: dict[str, str] = {}
    left_out = []
    for name, found in extras.items():
        column = [*found, *[None] * (num_rows - len(found))]
        distinct = {str(value) for value in column if value is not None}
        if len(distinct) == 1 and None not in column:
            constants[name] = distinct.pop()[:_LONGEST]
        elif (values := _numbers(column)) is not None:
            numbers[name] = values
        elif (category := _category(column, num_rows)) is not None:
            categories[name] = category
        else:
            left_out.append(name)
    return numbers, categories, constants, tuple(left_out)


def _numbers(column: Sequence[Any]) -> Numbers | None:
    """The column as numbers, also where they are written as texts; None where something else is in it."""
    known = [value for value in column if value is not None and value != ""]
    if not known or any(isinstance(value, bool) for value in known):
        return None
    if not all(isinstance(value, int | float) or _NUMBER.fullmatch(value) for value in known):
        return None
    with np.errstate(over="ignore"):
        values = np.array([np.nan if value is None or value == "" else float(value) for value in column])
    values[~np.isfinite(values)] = np.nan
    return values


def _category(column: Sequence[Any], num_rows: int) -> Category | None:
    """The column as categories; None where nothing is in it, or its values hardly ever come again."""
    found = _names(column)
    num_names = len(found.names) if found else 0
    return found if num_names <= MAX_CATEGORIES and (num_names <= num_rows / 2 or num_names <= 2) else None  # noqa: PLR2004


def _names(column: Sequence[Any]) -> Category | None:
    """The column as categories, however many; None where nothing is in it."""
    codes: dict[str, int] = {}
    found = [-1 if value is None else codes.setdefault(str(value)[:_LONGEST], len(codes)) for value in column]
    return Category(tuple(codes), np.array(found, dtype=np.int64)) if codes else None
