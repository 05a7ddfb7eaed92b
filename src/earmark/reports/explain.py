"""Why two numbers for the same outputs differ: the difference taken apart, one setting at a time.

It walks from the settings of A to those of B in a fixed order and says the word error rate after each step, so the
steps add up to the difference. The share of a step depends on that order, as it does wherever causes act together; the
sum does not. It reads texts and settings, and writes nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from earmark.errors import UsageError
from earmark.reports.outputs import RunOutputs
from earmark.reports.readings import Reader, Reading, Rows


@dataclass(frozen=True, slots=True)
class Step:
    """One cause: what is changed, how, how many utterances it is about (None: all), and the rate after it.

    The change calls the runs A and B.
    """

    name: str
    change: str
    num_utterances: int | None
    wer: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The way from the number of A to that of B. Rates are fractions, None where there is no reference word.

    ``stated_a`` and ``stated_b`` are what the summaries say, None where they say nothing: where one is not the rate
    found here, the texts or the rules have changed since it was written. ``num_other_hypotheses`` of the
    ``num_common`` utterances that both have scored have different hypotheses.
    """

    a: str
    b: str
    reading_a: Reading
    reading_b: Reading
    wer_a: float | None
    wer_b: float | None
    stated_a: float | None
    stated_b: float | None
    num_common: int
    num_other_hypotheses: int
    steps: tuple[Step, ...]

    @property
    def sentence(self) -> str:
        """What it comes to."""
        causes = [step.name for step, before in zip(self.steps, self._before(), strict=True) if step.wer != before]
        if not causes:
            return f"A and B have the same number, {_said(self.wer_a)}, at every step."
        return f"{_said(self.wer_a)} becomes {_said(self.wer_b)} by: {', '.join(causes)}."

    def to_json(self) -> str:
        """All of it as JSON."""
        changes = [
            None if step.wer is None or before is None else step.wer - before
            for step, before in zip(self.steps, self._before(), strict=True)
        ]
        facts: dict[str, Any] = {"schema_version": 1, **dataclasses.asdict(self)}
        for step, change in zip(facts["steps"], changes, strict=True):
            step["delta_wer"] = change
        return json.dumps(facts | {"sentence": self.sentence}, indent=2, ensure_ascii=False) + "\n"

    def _before(self) -> list[float | None]:
        return [self.wer_a, *(step.wer for step in self.steps[:-1])]


def explain_runs(a: RunOutputs, b: RunOutputs) -> Explanation:
    """Take the difference apart. Raises UsageError where no utterance is scored in both."""
    reading_a, reading_b = (Reading(run.settings.normalizer, run.settings.scorer) for run in (a, b))
    reader = Reader()
    walk = _Walk(a, b, reader)
    if not walk.common:
        raise UsageError(
            f"{a.label} and {b.label} have no utterance that is scored in both, so nothing can be explained",
            hint="utterances are matched by id",
        )
    return Explanation(
        a=a.label,
        b=b.label,
        reading_a=reading_a,
        reading_b=reading_b,
        wer_a=reader.rate(walk.rows_a, reading_a),
        wer_b=reader.rate(walk.rows_b, reading_b),
        stated_a=a.settings.wer,
        stated_b=b.settings.wer,
        num_common=len(walk.common),
        num_other_hypotheses=walk.num_other("hypothesis"),
        steps=tuple(
            Step(name, change, number, reader.rate(rows, reading, within))
            for name, change, number, rows, within, reading in walk.steps(reading_a, reading_b)
        ),
    )


def steps_between(reader: Reader, rows: Rows, reading_a: Reading, reading_b: Reading) -> tuple[Step, ...]:
    """The settings that differ, in the order in which they act, each with the rate after it."""
    steps = []
    reading = reading_a
    for field in dataclasses.fields(Reading):
        before, after = getattr(reading_a, field.name), getattr(reading_b, field.name)
        reading = dataclasses.replace(reading, **{field.name: after})
        if before != after:
            name = field.name.replace("_", " ")
            steps.append(Step(name, f"{before} -> {after}", None, reader.rate(rows, reading)))
    return tuple(steps)


class _Walk:
    """The sets of utterances on the way from A to B."""

    def __init__(self, a: RunOutputs, b: RunOutputs, reader: Reader) -> None:
        self._reader = reader
        self._in_a, self._in_b = a.by_id(), b.by_id()
        self.rows_a, self.rows_b = Rows(a.outputs), Rows(b.outputs)
        scored_a, scored_b = ({one.id for one in run.outputs if one.is_scored} for run in (a, b))
        self._only_a, self._only_b = scored_a - self._in_b.keys(), scored_b - self._in_a.keys()
        self._shared_a, self._shared_b = scored_a - self._only_a, scored_b - self._only_b
        self.common = scored_a & scored_b

    def num_other(self, text: str) -> int:
        """In how many common utterances a text differs."""
        return sum(getattr(self._in_a[name], text) != getattr(self._in_b[name], text) for name in self.common)

    def steps(
        self, reading_a: Reading, reading_b: Reading
    ) -> Iterator[tuple[str, str, int, Rows, Container[str] | None, Reading]]:
        """Name, change, number of utterances, and which ids of which rows are then read how."""
        num, common = len(self.common), self.common
        num_gone = len(self._shared_a) - num
        yield (
            "ids only in A",
            "A without what B has no id of",
            len(self._only_a),
            self.rows_a,
            self._shared_a,
            reading_a,
        )
        yield "not scored in B", "failed or skipped in B", num_gone, self.rows_a, common, reading_a
        num_other = self.num_other("reference")
        rows, within = (self._mixed(), None) if num_other else (self.rows_a, common)
        yield "references", "those of B", num_other, rows, within, reading_a
        yield "hypotheses", "those of B", self.num_other("hypothesis"), self.rows_b, common, reading_a
        reading = dataclasses.replace(reading_a, normalizer=reading_b.normalizer)
        change = _change(reading_a.normalizer, reading_b.normalizer)
        yield "normalizer", change, num if reading != reading_a else 0, self.rows_b, common, reading
        change = _change(reading_a.scorer, reading_b.scorer)
        yield "scorer", change, num if reading != reading_b else 0, self.rows_b, common, reading_b
        num_come = len(self._shared_b) - num
        yield "not scored in A", "failed or skipped in A", num_come, self.rows_b, self._shared_b, reading_b
        yield "ids only in B", "B with what A has no id of", len(self._only_b), self.rows_b, None, reading_b
        empty_a = self._reader.num_empty(self.rows_a, reading_a)
        empty_b = self._reader.num_empty(self.rows_b, reading_b)
        change = f"counted in both: {empty_a:,} in A, {empty_b:,} in B"
        yield "empty references", change, max(empty_a, empty_b), self.rows_b, None, reading_b
        yield "averaging", "the sum in both", 0, self.rows_b, None, reading_b

    def _mixed(self) -> Rows:
        """The common utterances, with the hypotheses of A and the references of B."""
        pairs = ((self._in_a[name], self._in_b[name]) for name in self._in_a if name in self.common)
        return Rows([dataclasses.replace(one, reference=other.reference) for one, other in pairs])


def _change(before: str, after: str) -> str:
    return f"{before} in both" if before == after else f"{before} -> {after}"


def _said(rate: float | None) -> str:
    return "n/a" if rate is None else f"{100 * rate:.2f} %"
