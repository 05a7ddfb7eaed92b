"""What an audit's counts say, in one honest sentence. Knows numbers by condition, and no text.

The conditions are compared so that each tells one thing: the same call again, whether the recognizer is deterministic;
the run's batches in another order, whether it keeps something from one utterance to the next; the run's batches with
each utterance alone, whether neighbours and padding matter; padded to double, whether more padding would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from earmark.scoring.lines import per_cent

ALONE, BATCHES, SHUFFLED, PADDED, AGAIN = "alone", "batches", "shuffled", "padded", "again"

VerdictKind = Literal["invariant", "changed", "unstable", "unknown"]

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One way of transcribing the sample, beside another (``compared_with``), over the segments that both have.

    ``num_failed`` of them have no text here. ``num_split`` rows come from batches that had to be split. The rates are
    fractions over the ``num_scored`` that have a reference and both texts, None without reference words. ``not_done``
    says why there is nothing of all that.
    """

    name: str
    compared_with: str | None = None
    num_compared: int = 0
    num_changed: int = 0
    num_failed: int = 0
    num_split: int = 0
    num_scored: int = 0
    wer: float | None = None
    wer_of_other: float | None = None
    not_done: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVerdict:
    """What the audit comes to.

    ``invariant``: no text changed. ``changed``: some did, and the recognizer is deterministic. ``unstable``: the same
    call has several answers, so the rest says nothing. ``unknown``: there was no text to compare. ``affected_at_most``
    is the share of segments that may be affected although none of the sample was (at 95 % confidence); None where some
    were. ``num_failed`` of the sample had no text anywhere, and count in nothing else.
    """

    kind: VerdictKind
    sentence: str
    advice: str | None
    num_compared: int
    num_changed: int
    num_failed: int
    affected_at_most: float | None


def most_affected(num_compared: int, num_planned: int) -> float:
    """The largest share of affected segments with which none in a sample is no surprise; 0 for all of them.

    The exact one-sided bound of Clopper and Pearson (1934) for no event in n draws at 95 % confidence,
    ``1 - 0.05 ** (1 / n)``, whose rule of thumb is 3 / n. It takes the draws as independent.
    """
    return 0.0 if num_compared >= num_planned else 1.0 - (1.0 - CONFIDENCE) ** (1.0 / num_compared)


def verdict_on(
    conditions: Sequence[Condition],
    *,
    num_answered: int,
    num_failed: int,
    num_changed: int,
    num_planned: int,
    num_batches: int,
    largest_batch: int,
) -> AuditVerdict:
    """Judge the counts of an audit of ``num_answered`` segments with a text (and ``num_failed`` without any)."""
    by_name = {one.name: one for one in conditions}
    bound = None
    if num_answered == 0:
        kind, sentence, advice = _unknown(num_failed)
    elif by_name[AGAIN].num_changed:
        kind, sentence, advice = _unstable(by_name)
    elif num_changed:
        kind, sentence, advice = _changed(by_name, largest_batch)
    else:
        bound = most_affected(num_answered, num_planned)
        kind, sentence, advice = "invariant", _invariant(num_answered, num_batches, largest_batch, bound), None
    return AuditVerdict(
        kind=kind,
        sentence=sentence,
        advice=advice,
        num_compared=num_answered,
        num_changed=num_changed,
        num_failed=num_failed,
        affected_at_most=bound,
    )


_Judged = tuple[VerdictKind, str, str | None]


def _unknown(num_failed: int) -> _Judged:
    sentence = f"cannot tell: all {num_failed:,} utterances of the sample failed"
    return "unknown", sentence, "earmark eval lists each one and its reason in errors.jsonl"


def _unstable(by_name: dict[str, Condition]) -> _Judged:
    batches = by_name[BATCHES]
    also = "" if batches.not_done else f"; in batches {batches.num_changed:,} differ"
    sentence = f"cannot tell: the recognizer gives different texts for the same call ({_share(by_name[AGAIN])}{also})"
    return "unstable", sentence, "make its decoding repeatable (seed, temperature), and audit it again"


def _changed(by_name: dict[str, Condition], largest_batch: int) -> _Judged:
    order, batches, padded = by_name[SHUFFLED], by_name[BATCHES], by_name[PADDED]
    where = f"in batches of up to {largest_batch:,}"
    clauses = []
    if order.num_changed:
        place = ", or heeds places in the batch" if largest_batch > 1 else ""
        clauses.append(
            f"the order of work changes the text of {_share(order)}: the recognizer keeps something of what it heard "
            f"before{place}"
        )
        # So the order has a part in every other difference too, and none of them has a cause to name.
        clauses += [f"{_share(batches)} differ in batches{_rates(batches, where)}"] if batches.num_changed else []
        return "changed", "; ".join(clauses), "it must be reset before each utterance; as it is, resuming changes texts"
    if batches.num_changed:
        clauses.append(f"batching changes the text of {_share(batches)}{_rates(batches, where)}")
    elif padded.num_changed:
        clauses.append("the run's own batches change no text")
    if padded.num_changed:
        clauses.append(f"padding to double changes the text of {_share(padded)}{_rates(padded, 'padded')}")
    return (
        "changed",
        "; ".join(clauses),
        "--batch-size 1 transcribes one at a time; a run with other batches wants another --out",
    )


def _invariant(num_compared: int, num_batches: int, largest_batch: int, bound: float) -> str:
    if bound == 0.0:
        return f"no text changed in any of the {num_compared:,} utterances"
    how = _batches(num_batches) if largest_batch > 1 else "one at a time"
    return (
        f"no text changed in {num_compared:,} utterances ({how}): with 95 % confidence fewer than {100 * bound:.1f} % "
        "of utterances are affected"
    )


def _batches(number: int) -> str:
    return f"{number:,} batch{'' if number == 1 else 'es'}"


def _share(one: Condition) -> str:
    failed = f" ({one.num_failed:,} fail)" if one.num_failed else ""
    return f"{one.num_changed:,} of {one.num_compared:,} utterances{failed}"


def _rates(one: Condition, where: str) -> str:
    if one.wer is None:
        return ""
    return f": WER {per_cent(one.wer_of_other)} one at a time, {per_cent(one.wer)} {where}"
