"""Which settings give a number that another tool printed for the same outputs.

It tries every normalizer and scorer that is installed, with every rule for empty references, failures and averaging
that makes a difference here, and looks for rates with the same printed digits. Many settings lie close to each other,
so few digits fit many; the result says how many were tried.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Self, get_args

from earmark.errors import MissingExtraError, UsageError
from earmark.reports.explain import Step, steps_between
from earmark.reports.outputs import Output, RunOutputs
from earmark.reports.readings import Averaging, EmptyRule, FailedRule, Reader, Reading, Rows
from earmark.scoring import SCORERS, load_scorer
from earmark.text import NORMALIZERS, load_normalizer

USUAL_CHAINS = ("lower", "lower|strip-punct|squeeze")
"""What scripts do to texts that use no normalizer by name."""

_NUM_NEAREST = 5
_NUMBER = re.compile(r"(\d+)(?:[.,](\d+))?\s*%?")


@dataclass(frozen=True, slots=True)
class PrintedNumber:
    """A rate as a tool printed it, in per cent: its value, and half a unit of its last digit."""

    text: str
    value: float
    tolerance: float

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read ``7.08``, ``7,08`` or ``7.08 %``; below 1 and with more than two places (``0.071``) it is a fraction.

        None where it is no number.
        """
        match = _NUMBER.fullmatch(text.strip())
        if match is None:
            return None
        whole, digits = match[1], match[2] or ""
        is_fraction = whole == "0" and len(digits) > 2 and "%" not in text  # noqa: PLR2004  # 0.07 % is a rate, too
        scale = 100.0 if is_fraction else 1.0
        return cls(text, scale * float(f"{whole}.{digits or 0}"), scale * 0.5 * 10.0 ** -len(digits))

    def distance(self, rate: float) -> float:
        """How far a rate (a fraction) is from it, in per cent points."""
        return abs(100 * rate - self.value)

    def fits(self, rate: float) -> bool:
        """Whether the rate is printed with these digits."""
        return self.distance(rate) <= self.tolerance * (1 + 1e-9)


@dataclass(frozen=True, slots=True)
class Found:
    """Settings, their rate (a fraction), and the steps to them from the run's own.

    ``same_normalizers`` are the others that do to these texts what the normalizer of the settings does.
    """

    reading: Reading
    wer: float
    steps: tuple[Step, ...]
    same_normalizers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was found: settings that fit, the nearest to the run's own first; if none, the nearest numbers instead.

    Settings whose normalizers do the same to these texts are found together. ``num_tried`` settings gave
    ``num_distinct`` different rates. ``not_tried`` are names whose packages are missing.
    """

    run: str
    number: PrintedNumber
    reading: Reading
    wer: float | None
    fitting: tuple[Found, ...]
    nearest: tuple[Found, ...]
    num_tried: int
    num_distinct: int
    not_tried: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What it comes to."""
        tried = f"{self.num_tried:,} settings tried, {self.num_distinct:,} different rates"
        if self.fitting:
            number = len(self.fitting)
            several = "" if number == 1 else "; more digits of the number would tell which"
            give = "one of the settings gives" if number == 1 else f"{number:,} of the settings give"
            return f"{give} {self.number.text} ({tried}{several})."
        return f"nothing that earmark knows gives {self.number.text} for these outputs ({tried})."

    def to_json(self) -> str:
        """All of it as JSON."""
        facts: dict[str, Any] = {"schema_version": 1, **dataclasses.asdict(self), "sentence": self.sentence}
        return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def find_number(run: RunOutputs, number: PrintedNumber) -> Search:
    """Look for settings that give the number. Raises UsageError where the run has no rate at all."""
    reader, rows = Reader(), Rows(run.outputs)
    own = Reading(run.settings.normalizer, run.settings.scorer)
    wer = reader.rate(rows, own)
    if wer is None:
        raise UsageError(f"{run.label} has no word error rate: no reference word is scored")
    normalizers, missing = _installed([own.normalizer, *NORMALIZERS.entries(), *USUAL_CHAINS], load_normalizer)
    scorers, also_missing = _installed([own.scorer, *SCORERS.entries()], load_scorer)
    same = reader.alike(rows, normalizers)
    rates = {}
    for reading in _readings(run.outputs, list(same), scorers):
        rate = reader.rate(rows, reading)
        if rate is not None:
            rates[reading] = rate
    simple = _without_idle_changes(rates, own)
    fitting = [one for one in simple if number.fits(rates[one])]
    nearest = sorted(simple, key=lambda one: number.distance(rates[one]))[:_NUM_NEAREST]

    def found(readings: Sequence[Reading]) -> tuple[Found, ...]:
        return tuple(
            Found(one, rates[one], steps_between(reader, rows, own, one), same[one.normalizer]) for one in readings
        )

    return Search(
        run=run.label,
        number=number,
        reading=own,
        wer=wer,
        fitting=found(fitting),
        nearest=() if fitting else found(nearest),
        num_tried=sum(1 + len(same[one.normalizer]) for one in rates),
        num_distinct=len(set(rates.values())),
        not_tried=(*missing, *also_missing),
    )


def _installed(names: Sequence[str], load: Callable[[str], object]) -> tuple[list[str], list[str]]:
    """Each name once: those that can be loaded, and those whose packages are missing."""
    there, missing = [], []
    for name in dict.fromkeys(names):
        try:
            load(name)
        except MissingExtraError:
            missing.append(name)
        else:
            there.append(name)
    return there, missing


def _readings(outputs: Sequence[Output], normalizers: Sequence[str], scorers: Sequence[str]) -> Iterator[Reading]:
    """All settings that can differ here: a rule about failures needs one, and a mean of batches several."""
    scored = [one for one in outputs if one.is_scored]
    failed = get_args(FailedRule) if any(one.is_failed for one in outputs) else ("left out",)
    averaging = {
        "sum": True,
        "mean of utterances": True,
        "mean of batches": _are_grouped([one.batch for one in scored]),
        "mean of ranks": _are_grouped([one.rank for one in scored]),
    }
    ways = [way for way in get_args(Averaging) if averaging[way]]
    for normalizer, scorer, rule, way, empty in product(normalizers, scorers, failed, ways, get_args(EmptyRule)):
        # An empty reference has no rate of its own, so a mean of utterances always leaves it out.
        if way != "mean of utterances" or empty == "left out":
            yield Reading(normalizer, scorer, empty, rule, way)


def _are_grouped(groups: Sequence[int | None]) -> bool:
    """Whether each has its group, and there are several."""
    return None not in groups and len(set(groups)) > 1


def _without_idle_changes(rates: Mapping[Reading, float], own: Reading) -> list[Reading]:
    """The readings in which each change from the run's own makes a difference, those with the fewest changes first."""
    changes = {reading: _changes(own, reading) for reading in rates}
    kept: dict[float, list[Reading]] = {}
    for reading in sorted(rates, key=lambda one: len(changes[one])):
        others = kept.setdefault(rates[reading], [])
        if not any(changes[other] <= changes[reading] for other in others):
            others.append(reading)
    simple = [reading for readings in kept.values() for reading in readings]
    return sorted(simple, key=lambda one: len(changes[one]))


def _changes(own: Reading, other: Reading) -> set[tuple[str, str]]:
    facts = dataclasses.asdict(other)
    return set(facts.items()) - set(dataclasses.asdict(own).items())
