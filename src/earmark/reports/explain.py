"""Why two numbers for the same outputs differ: the difference taken apart, one setting at a time.

It walks from the settings of A to those of B in a fixed order and says the word error rate after each step, so the
steps add up to the difference. The share of a step depends on that order, as it does wherever causes act together; the
sum does not. It reads texts and settings, and writes nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from earmark.errors import UsageError
from earmark.reports.outputs import Output, RunOutputs
from earmark.reports.readings import Reader, Reading


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
        wer_a=reader.rate(a.outputs, reading_a),
        wer_b=reader.rate(b.outputs, reading_b),
        stated_a=a.settings.wer,
        stated_b=b.settings.wer,
        num_common=len(walk.common),
        num_other_hypotheses=walk.num_other("hypothesis"),
        steps=tuple(
            Step(name, change, number, reader.rate(outputs, reading))
            for name, change, number, outputs, reading in walk.steps(reading_a, reading_b)
        ),
    )


def steps_between(
    reader: Reader, outputs: Sequence[Output], reading_a: Reading, reading_b: Reading
) -> tuple[Step, ...]:
    """The settings that differ, in the order in which they act, each with the rate after it."""
    steps = []
    reading = reading_a
    for field in dataclasses.fields(Reading):
        before, after = getattr(reading_a, field.name), getattr(reading_b, field.name)
        reading = dataclasses.replace(reading, **{field.name: after})
        if before != after:
            name = field.name.replace("_", " ")
            steps.append(Step(name, f"{before} -> {after}", None, reader.rate(outputs, reading)))
    return tuple(steps)


class _Walk:
    """The sets of utterances on the way from A to B."""

    def __init__(self, a: RunOutputs, b: RunOutputs, reader: Reader) -> None:
        self._a, self._b, self._reader = a, b, reader
        self._in_a, self._in_b = a.by_id(), b.by_id()
        self.common = [
            one.id for one in a.outputs if one.is_scored and one.id in self._in_b and self._in_b[one.id].is_scored
        ]

    def num_other(self, text: str) -> int:
        """In how many common utterances a text differs."""
        return sum(getattr(self._in_a[name], text) != getattr(self._in_b[name], text) for name in self.common)

    def steps(self, reading_a: Reading, reading_b: Reading) -> Iterator[tuple[str, str, int, list[Output], Reading]]:
        """Name, change, number of utterances, and what is then read how."""
        runs, readings = (self._a, self._b), (reading_a, reading_b)
        num_common = len(self.common)
        shared = [one for one in self._a.outputs if one.is_scored and one.id in self._in_b]
        num_scored = sum(one.is_scored for one in self._a.outputs)
        yield "ids only in A", "A without what B has no id of", num_scored - len(shared), shared, reading_a
        rows = [self._in_a[name] for name in self.common]
        yield "not scored in B", "failed or skipped in B", len(shared) - num_common, rows, reading_a
        rows = [dataclasses.replace(one, reference=self._in_b[one.id].reference) for one in rows]
        yield "references", "those of B", self.num_other("reference"), rows, reading_a
        rows = [self._in_b[name] for name in self.common]
        yield "hypotheses", "those of B", self.num_other("hypothesis"), rows, reading_a
        reading = dataclasses.replace(reading_a, normalizer=reading_b.normalizer)
        change = _change(reading_a.normalizer, reading_b.normalizer)
        yield "normalizer", change, num_common if reading != reading_a else 0, rows, reading
        change = _change(reading_a.scorer, reading_b.scorer)
        yield "scorer", change, num_common if reading != reading_b else 0, rows, reading_b
        shared = [one for one in self._b.outputs if one.is_scored and one.id in self._in_a]
        yield "not scored in A", "failed or skipped in A", len(shared) - num_common, shared, reading_b
        whole = [one for one in self._b.outputs if one.is_scored]
        yield "ids only in B", "B with what A has no id of", len(whole) - len(shared), whole, reading_b
        num_empty = [self._reader.num_empty(run.outputs, reading) for run, reading in zip(runs, readings, strict=True)]
        change = f"counted in both: {num_empty[0]:,} in A, {num_empty[1]:,} in B"
        yield "empty references", change, max(num_empty), whole, reading_b
        yield "averaging", "the sum in both", 0, whole, reading_b


def _change(before: str, after: str) -> str:
    return f"{before} in both" if before == after else f"{before} -> {after}"


def _said(rate: float | None) -> str:
    return "n/a" if rate is None else f"{100 * rate:.2f} %"
