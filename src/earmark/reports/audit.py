"""What an audit found: whose text changed in which company, the error rates of each, and a verdict.

Knows texts by condition; knows no recognizer, and not how they were made. A verdict, once kept in a run's folder, is
read back from here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from earmark.errors import AuditFailedError
from earmark.reports.audit_verdict import (
    AGAIN,
    ALONE,
    BATCHES,
    PADDED,
    SHUFFLED,
    AuditVerdict,
    Condition,
    VerdictKind,
    verdict_on,
)
from earmark.reports.scores import Outcome
from earmark.reports.settings import read_json
from earmark.scoring.counts import CorpusCounts
from earmark.scoring.identity import ScorerIdentity
from earmark.scoring.levenshtein import LEVENSHTEIN
from earmark.scoring.pairs import PairScores
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.text.base import Normalizer, NormalizerIdentity

Key = tuple[int, int]
"""An utterance's index, and the number of the piece of it where it is long."""

Outcomes = Mapping[str, Mapping[Key, Outcome]]
"""By condition, what became of each of the sample. A condition that was not done is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedSegment:
    """One of the sample. A piece of a long utterance has no reference of its own."""

    key: Key
    id: str
    num_segments: int
    reference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFacts:
    """What was audited: how many segments were drawn of how many, with which seed, from how many batches."""

    model: str
    model_version: str
    data: str
    batching: str
    spec_fingerprint: str
    seed: int
    num_planned: int
    num_batches: int
    largest_batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one segment came to in one condition. ``wer`` is a fraction, None where there is no reference word."""

    text: str | None
    failure: str | None
    wer: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedText:
    """A segment whose text is not the same everywhere.

    ``num_words`` has the conditions in which it changed, and by how many words as they were said.
    """

    index: int
    segment: int
    num_segments: int
    id: str
    reference: str | None
    num_words: dict[str, int]
    answers: dict[str, Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """An audit's whole result; the worst changes come first."""

    facts: AuditFacts
    verdict: AuditVerdict
    conditions: tuple[Condition, ...]
    changed: tuple[ChangedText, ...]
    normalizer: NormalizerIdentity
    scorer: ScorerIdentity

    def to_json(self) -> str:
        """The text of audit.json. Rates are fractions."""
        facts = {"schema_version": 1, **dataclasses.asdict(self.facts)}
        rest = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "facts"}
        text = json.dumps({**facts, **rest}, indent=2, ensure_ascii=False, default=dataclasses.asdict)
        return text.encode("utf-8", "replace").decode() + "\n"

    def check(self) -> None:
        """Raise AuditFailedError unless no text changed."""
        if self.verdict.kind != "invariant":
            raise AuditFailedError(self.verdict.sentence, self.verdict.advice)


def kept_verdict(store: RunStore) -> AuditVerdict | None:
    """The verdict of the audit that the run's folder holds; None where there is none, or none that can be read."""
    return _verdict(read_json(store.folder, layout.AUDIT))


def kept_answer(store: RunStore, spec_fingerprint: str, *, seed: int, sample: int) -> AuditVerdict | None:
    """The same, where it answers for this run, this seed and a sample of so many utterances, or all that there are."""
    facts = read_json(store.folder, layout.AUDIT)
    verdict, num_planned = _verdict(facts), facts.get("num_planned")
    if verdict is None or not isinstance(num_planned, int):
        return None
    is_same = (facts.get("spec_fingerprint"), facts.get("seed")) == (spec_fingerprint, seed)
    is_enough = verdict.num_compared + verdict.num_failed >= min(sample, num_planned)
    return verdict if is_same and is_enough else None


def _verdict(facts: Mapping[str, object]) -> AuditVerdict | None:
    """The verdict in an audit.json, None unless every field is of its type."""
    found = facts.get("verdict")
    try:
        verdict = AuditVerdict(**found) if isinstance(found, dict) else None
    except TypeError:
        return None
    if verdict is None or verdict.kind not in get_args(VerdictKind) or not isinstance(verdict.sentence, str):
        return None
    numbers = (verdict.num_compared, verdict.num_changed, verdict.num_failed)
    kinds: list[tuple[object, Any]] = [(number, int) for number in numbers]
    kinds += [(verdict.advice, str | None), (verdict.affected_at_most, int | float | None)]
    return verdict if all(isinstance(value, kind) for value, kind in kinds) else None


def audit_report(
    facts: AuditFacts,
    segments: Sequence[AuditedSegment],
    outcomes: Outcomes,
    not_done: Mapping[str, str],
    num_split: Mapping[str, int],
    normalizer: Normalizer,
) -> Audit:
    """Compare the texts of all conditions. ``not_done`` says why a condition is not there."""
    scores = {name: _scores(segments, found, normalizer) for name, found in outcomes.items()}
    conditions = [_done(name, segments, outcomes, scores, num_split.get(name, 0)) for name in outcomes]
    conditions += [Condition(name=name, not_done=reason) for name, reason in not_done.items()]
    order = (ALONE, BATCHES, SHUFFLED, PADDED, AGAIN)
    conditions.sort(key=lambda one: order.index(one.name))
    changed = [_changed(one, outcomes, scores) for one in segments]
    num_answered = sum(any(_has_text(found.get(one.key)) for found in outcomes.values()) for one in segments)
    return Audit(
        facts=facts,
        verdict=verdict_on(
            conditions,
            num_answered=num_answered,
            num_failed=len(segments) - num_answered,
            num_changed=sum(bool(one.num_words) for one in changed),
            num_planned=facts.num_planned,
            num_batches=facts.num_batches,
            largest_batch=facts.largest_batch,
        ),
        conditions=tuple(conditions),
        changed=tuple(sorted((one for one in changed if one.num_words), key=_worst_first)),
        normalizer=NormalizerIdentity.of(normalizer),
        scorer=LEVENSHTEIN.identity,
    )


Scores = dict[Key, CorpusCounts]


def _scores(segments: Sequence[AuditedSegment], found: Mapping[Key, Outcome], normalizer: Normalizer) -> Scores:
    """The counts of the segments that have a reference and a text."""
    pairs = [
        (one.key, normalizer(one.reference), normalizer(outcome.hypothesis))
        for one in segments
        if one.reference is not None and (outcome := found.get(one.key)) and outcome.hypothesis is not None
    ]
    table = LEVENSHTEIN.counts([pair[1] for pair in pairs], [pair[2] for pair in pairs])
    columns = [getattr(table, field.name) for field in dataclasses.fields(table)]
    return {key: PairScores(*(column[[row]] for column in columns)).total() for row, (key, _, _) in enumerate(pairs)}


def _done(
    name: str, segments: Sequence[AuditedSegment], outcomes: Outcomes, scores: Mapping[str, Scores], num_split: int
) -> Condition:
    """A condition beside the one that it is compared with (``alone`` beside itself), over what both have."""
    other = _compared_with(name, outcomes)
    here, there = outcomes[name], outcomes[other]
    both = [one.key for one in segments if _has_text(here.get(one.key)) or _has_text(there.get(one.key))]
    both = [key for key in both if key in here and key in there]
    scored = [key for key in both if key in scores[name] and key in scores[other]]
    return Condition(
        name=name,
        compared_with=None if name == ALONE else other,
        num_compared=len(both),
        num_changed=sum(_differs(here[key], there[key]) for key in both),
        num_failed=sum(not _has_text(here[key]) for key in both),
        num_split=num_split,
        num_scored=len(scored),
        wer=sum((scores[name][key] for key in scored), CorpusCounts.zero()).wer,
        wer_of_other=sum((scores[other][key] for key in scored), CorpusCounts.zero()).wer,
    )


def _compared_with(name: str, outcomes: Outcomes) -> str:
    """Another order is compared with the run's own, so that what differs is due to nothing but the order."""
    return BATCHES if name == SHUFFLED and BATCHES in outcomes else ALONE


def _changed(one: AuditedSegment, outcomes: Outcomes, scores: Mapping[str, Scores]) -> ChangedText:
    found = {name: texts[one.key] for name, texts in outcomes.items() if one.key in texts}
    pairs = {name: (outcome, found.get(_compared_with(name, outcomes))) for name, outcome in found.items()}
    return ChangedText(
        index=one.key[0],
        segment=one.key[1],
        num_segments=one.num_segments,
        id=one.id,
        reference=one.reference,
        num_words={
            name: _num_words(here, there)
            for name, (here, there) in pairs.items()
            if there is not None and _differs(here, there)
        },
        answers={
            name: Answer(
                text=outcome.hypothesis,
                failure=outcome.failure,
                wer=scores[name][one.key].wer if one.key in scores[name] else None,
            )
            for name, outcome in found.items()
        },
    )


def _num_words(one: Outcome, other: Outcome) -> int:
    return int(LEVENSHTEIN.counts([other.hypothesis or ""], [one.hypothesis or ""]).errors[0])


def _worst_first(one: ChangedText) -> tuple[Any, ...]:
    """Texts that are lost, then those that change by most words in what a run does, then in double padding."""
    num_lost = sum(answer.text is None for answer in one.answers.values())
    in_a_run = max((number for name, number in one.num_words.items() if name != PADDED), default=-1)
    return -num_lost, -in_a_run, -one.num_words.get(PADDED, -1), one.index, one.segment


def _has_text(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.hypothesis is not None


def _differs(one: Outcome, other: Outcome) -> bool:
    """Whether the texts do, as they are; two failures do not."""
    return one.hypothesis != other.hypothesis
