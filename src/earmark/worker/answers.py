"""What a worker makes of one segment, step by step: decoded audio, an answer, a row.

Values only, and what is asked of them; the order of the work is in ``worker``. Times are in seconds of wall clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from earmark.records import Alternative, Hypothesis, Segment, Usage, Waveform, Word
from earmark.store.parts import PartRow, encodable
from earmark.worker.contract import broken_hypothesis

_Said = TypeVar("_Said", Word, Alternative)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no text: a kind to group by, and a sentence; and what it took to learn so."""

    kind: str
    reason: str
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a recognizer hears of a segment, or why it hears nothing.

    ``seconds`` is what decoding took, ``audio_s`` the length of the recording (0 where there is none), whatever the
    speed at which it is heard. The level is in dB to full scale.
    """

    segment: Segment
    outcome: Waveform | Failure
    level_dbfs: float | None
    seconds: float
    audio_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a row needs. It holds no samples, so a shard's audio is freed batch by batch."""

    segment: Segment
    audio_s: float
    decode_s: float
    outcome: Hypothesis | Failure
    compute_s: float
    is_split: bool
    level_dbfs: float | None = None


def row_of(answer: Answer, batch: int, rank: int, device: str) -> PartRow:
    """The row of one answer in a part; ``rank`` and ``device`` are those that worked on ``batch``."""
    segment, outcome = answer.segment, answer.outcome
    failure = outcome if isinstance(outcome, Failure) else None
    heard = outcome if isinstance(outcome, Hypothesis) else Hypothesis("")
    return PartRow(
        index=segment.index,
        segment=segment.segment,
        num_segments=segment.num_segments,
        id=segment.id,
        hypothesis=None if failure else encodable(heard.text),
        error_kind=failure.kind if failure else None,
        error=encodable(failure.reason) if failure else None,
        audio_s=answer.audio_s,
        decode_s=answer.decode_s,
        compute_s=answer.compute_s,
        batch=batch,
        is_split=answer.is_split,
        rank=rank,
        device=device,
        level_dbfs=None if failure else answer.level_dbfs,
        words=None if heard.words is None else tuple(map(_encodable, heard.words)),
        confidence=heard.confidence,
        alternatives=tuple(map(_encodable, heard.alternatives)),
        usage=outcome.usage,
        is_unfinished=heard.is_unfinished,
    )


def _encodable(one: _Said) -> _Said:
    return replace(one, text=encodable(one.text))


def broken_contract(outcome: Sequence[object], num_waveforms: int) -> str | None:
    """What is wrong with an answer, if anything: somebody else's recognizer may give whatever it likes."""
    if len(outcome) != num_waveforms:
        return f"it gave {len(outcome)} texts for {num_waveforms} waveforms"
    for one in outcome:
        if not isinstance(one, Hypothesis):
            return f"it gave {type(one).__name__} where a Hypothesis belongs"
        if problem := broken_hypothesis(one):
            return f"it gave a Hypothesis {problem}"
    return None


def answer_of(decoded: Decoded, outcome: Hypothesis | Failure, compute_s: float, *, is_split: bool) -> Answer:
    """What the recognizer said of ``decoded``, or why it said nothing; ``compute_s`` is its share of the call."""
    return Answer(
        decoded.segment,
        decoded.audio_s,
        decoded.seconds,
        outcome,
        compute_s,
        is_split,
        level_dbfs=decoded.level_dbfs,
    )
