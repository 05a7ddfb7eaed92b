"""The worst utterances of a run, of all or of those that a search finds, each with its alignment.

Reads the scores a window at a time, so memory grows with the number that is listed and not with the run. It aligns and
counts nothing: the alignments are the scorer's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from earmark.errors import StoreError, UnknownNameError, UsageError
from earmark.reports.guards import MEANINGS
from earmark.reports.slices import UNKNOWN, SliceLabels
from earmark.schema import FAILED, SCORED
from earmark.scoring.alignment import aligned
from earmark.store import layout
from earmark.store.run import RunStore

_COUNTS = ("hits", "substitutions", "deletions", "insertions")
_TEXTS = ("id", "reference", "hypothesis", "reference_normalized", "hypothesis_normalized")
_ALWAYS = ("index", "status", *_COUNTS)
_SLICED = ("duration_s", "speaker", "language", "extra")
_LISTED = ("index", *_TEXTS, *_COUNTS, "alignment", *_SLICED, "flags")
_ORDER = [("errors", "descending"), ("index", "ascending")]
_BACKSLASH = r"a character that means something there stands behind a backslash: --grep '\('"
_HINTS = {
    "invalid perl operator": "RE2 looks neither ahead nor behind: name what must be there, as in --grep 'one|two'"
}
_WINDOW = 8192  # rows whose texts stay in the processor's cache, in two of a file's groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for: all of it must hold.

    ``pattern`` is a regular expression (RE2's) that is in the id or in one of the texts, raw or normalized. ``slices``
    has the value of a column, as tables by slice call it; ``flag`` is one of ``reports.guards.MEANINGS``.
    """

    pattern: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict)
    flag: str | None = None

    def check(self) -> None:
        """Raise UnknownNameError for a flag that is none, and UsageError for what is no regular expression."""
        if self.flag is not None and self.flag not in MEANINGS:
            raise UnknownNameError("flag", self.flag, MEANINGS)
        if self.pattern is None:
            return
        try:
            pc.match_substring_regex(pa.scalar(""), self.pattern)
        except pa.ArrowInvalid as error:
            cause = str(error).removeprefix("Invalid regular expression: ")
            hint = _HINTS.get(cause.partition(":")[0], _BACKSLASH)
            raise UsageError(f"--grep {self.pattern!r} is no regular expression", cause=cause, hint=hint) from error

    def columns(self) -> list[str]:
        """The columns of schema.SCORES that tell what is found and how bad it is; all, where texts are among them."""
        if self.pattern is not None:
            return ["status", *_LISTED]
        needed = ((_SLICED, self.slices or None), (("flags",), self.flag))
        return [*_ALWAYS, *(name for names, given in needed if given is not None for name in names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedUtterance:
    """One scored utterance. ``operations`` are those of the alignment: letter, what was said and what was heard.

    ``wer`` is a fraction, None without a reference word. Counts are of the scorer's tokens.
    """

    index: int
    id: str
    hits: int
    substitutions: int
    deletions: int
    insertions: int
    reference: str
    hypothesis: str
    reference_normalized: str
    hypothesis_normalized: str
    alignment: str
    operations: tuple[tuple[str, str, str], ...]
    duration_s: float
    speaker: str | None
    language: str | None
    extra: Mapping[str, Any]
    flags: tuple[str, ...]

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def reference_length(self) -> int:
        """The tokens of the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def wer(self) -> float | None:
        """Errors for each token of the reference."""
        return self.errors / self.reference_length if self.reference_length else None

    def facts(self) -> dict[str, Any]:
        """All of it as JSON holds it, but for the operations, which ``alignment`` says."""
        names = ("index", "id", "errors", "wer", *_COUNTS, *_TEXTS[1:], "alignment", "duration_s", "speaker",
                 "language")  # fmt: skip
        return {**{name: getattr(self, name) for name in names}, "extra": dict(self.extra), "flags": list(self.flags)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The worst first: ``utterances`` of the ``num_found`` that are to be looked at, of ``num_scored`` in the run.

    ``num_utterances`` is what all of the run has: scored, failed and skipped, those not transcribed yet too.
    """

    run: str
    num_utterances: int
    num_scored: int
    num_failed: int
    num_found: int
    scorer: str
    utterances: tuple[ListedUtterance, ...]

    def to_json(self) -> str:
        """All of it as JSON."""
        names = ("run", "num_utterances", "num_scored", "num_failed", "num_found", "scorer")
        facts = {"schema_version": 1, **{name: getattr(self, name) for name in names}}
        listed = [one.facts() for one in self.utterances]
        return json.dumps({**facts, "utterances": listed}, indent=2, ensure_ascii=False) + "\n"


class _Finder:
    """Finds what is searched for, a window at a time, and keeps the worst."""

    def __init__(self, search: Search, worst: int) -> None:
        self._search = search
        self._worst = worst
        self._labels = SliceLabels(tuple(search.slices))
        self._values: dict[str, set[str]] = {column: set() for column in search.slices}
        self._lists_right = search.pattern is not None or search.flag is not None
        self.num_utterances = self.num_scored = self.num_failed = self.num_found = 0
        self.kept: pa.Table | None = None

    def add(self, window: pa.Table) -> None:
        """Take the next window of schema.SCORES."""
        self.num_utterances += len(window)
        self.num_failed += pc.sum(pc.equal(window["status"], FAILED)).as_py() or 0
        scored = window.filter(pc.equal(window["status"], SCORED))
        self.num_scored += len(scored)
        hits, substitutions, deletions, insertions = (scored[name] for name in _COUNTS)
        wrong = pc.add(substitutions, deletions)
        scored = scored.append_column("errors", pc.add(wrong, insertions))
        is_found = self._found(scored, pc.add(hits, wrong))
        found = scored if is_found is None else scored.filter(is_found)
        self.num_found += len(found)
        together = found if self.kept is None else pa.concat_tables([self.kept, found])
        self.kept = together.take(pc.sort_indices(together, sort_keys=_ORDER)[: self._worst])

    def worst(self) -> list[int]:
        """The indices of what is to be listed, the worst first.

        Raises UnknownNameError for a column that the run has not, and a value that is in none of its rows.
        """
        self._labels.check()
        for column, value in self._search.slices.items():
            if value not in self._values[column]:
                raise UnknownNameError(f"{column} in the run", value, self._values[column])
        worst: list[int] = self.kept["index"].to_pylist() if self.kept is not None else []
        return worst

    def _found(self, scored: pa.Table, reference_words: pa.ChunkedArray) -> pa.ChunkedArray | None:
        """Which rows are searched for; None for all of them."""
        masks = [] if self._lists_right else [pc.greater(scored["errors"], 0)]
        if self._search.flag is not None:
            masks.append(_has_flag(scored["flags"].combine_chunks(), self._search.flag))
        if self._search.pattern is not None:
            matches = [pc.match_substring_regex(scored[name], self._search.pattern) for name in _TEXTS]
            masks.append(_all([pc.fill_null(one, False) for one in matches], pc.or_))
        masks += self._in_slices(scored, reference_words)
        return _all(masks, pc.and_) if masks else None

    def _in_slices(self, scored: pa.Table, reference_words: pa.ChunkedArray) -> list[Any]:
        if not self._search.slices:
            return []
        masks = []
        for column, labels in self._labels.add(scored, reference_words.to_numpy()).items():
            names = pc.fill_null(labels.cast(pa.string()), UNKNOWN)
            self._values[column] |= set(names.unique().to_pylist())
            masks.append(pc.equal(names, self._search.slices[column]))
        return masks


def list_worst(store: RunStore, search: Search, worst: int, scorer: str, tokens: Callable[[str], list[str]]) -> Listing:
    """The ``worst`` utterances of those that ``search`` finds: most errors first, then in the order of the data.

    What has no error is listed only where a pattern or a flag is searched for. ``tokens`` are those of the ``scorer``
    that made the alignments. Raises what ``Search.check`` raises, UnknownNameError for a column or a value of it that
    the run has not, and StoreError where the scores cannot be read or are not of these tokens.
    """
    search.check()
    finder = _Finder(search, worst)
    for window in store.batches(layout.SCORES, _WINDOW, search.columns()):
        finder.add(window)
    wanted = finder.worst()
    found = finder.kept if search.pattern is not None else None
    if found is None:
        found = store.rows(layout.SCORES, sorted(wanted), list(_LISTED))
    rows = {row["index"]: row for row in found.to_pylist()}
    return Listing(
        run=store.url,
        num_utterances=finder.num_utterances,
        num_scored=finder.num_scored,
        num_failed=finder.num_failed,
        num_found=finder.num_found,
        scorer=scorer,
        utterances=tuple(_listed(store, rows[index], tokens) for index in wanted),
    )


def _listed(store: RunStore, row: dict[str, Any], tokens: Callable[[str], list[str]]) -> ListedUtterance:
    texts = (tokens(row["reference_normalized"]), tokens(row["hypothesis_normalized"]))
    try:
        operations = tuple(aligned(*texts, row["alignment"]))
    except ValueError as error:
        hint = f"earmark score {store.url} scores them again"
        raise StoreError(f"the scores of {store.url} are not of its scorer", cause=str(error), hint=hint) from error
    names = ("index", *_TEXTS, *_COUNTS, "alignment", "duration_s", "speaker", "language")
    return ListedUtterance(
        **{name: row[name] for name in names},
        operations=operations,
        extra=json.loads(row["extra"]) if row["extra"] else {},
        flags=tuple(row["flags"]),
    )


def _has_flag(flags: pa.ListArray, name: str) -> pa.Array:
    rows = pc.list_parent_indices(flags).filter(pc.equal(flags.flatten(), name))
    return pc.is_in(pa.array(range(len(flags)), pa.int64()), value_set=rows)


def _all(masks: Sequence[Any], join: Callable[[Any, Any], Any]) -> Any:  # noqa: ANN401  # Arrow ships no types
    joined = masks[0]
    for mask in masks[1:]:
        joined = join(joined, mask)
    return joined
