"""What an audit transcribes: some of a run's own batches, and their utterances again in other company.

Knows the plan and the audio; knows no recognizer, and does not judge.
"""

from __future__ import annotations

import random
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.audio.decode import decode
from earmark.errors import AudioError, UsageError
from earmark.planning.plan import shards
from earmark.records import SAMPLE_RATE_HZ, AudioRef, Segment
from earmark.spec import RunSpec

COMPANION = -1
"""The index of what is no utterance of the data."""

_LEAST_BATCHES = 5  # a few, since padding and neighbours differ from batch to batch
_FULL_SCALE = 32_767

Company = tuple[Segment, ...]
"""The segments of one call, in their order."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """The batches that were drawn, as the run has them and in another order, and the segments that are compared.

    ``sample`` is in the order of the run, longest first, and holds segments of ``batches`` only.
    """

    sample: Company
    batches: tuple[Company, ...]
    shuffled: tuple[Company, ...]
    num_drawable: int

    @property
    def alone(self) -> tuple[Company, ...]:
        """Each of the sample by itself."""
        return tuple((segment,) for segment in self.sample)

    @property
    def largest_batch(self) -> int:
        """Segments in the largest of the batches."""
        return max(len(batch) for batch in self.batches)


def plan_audit(utterances: pa.Table, plan: pa.Table, root: str, *, sample: int, seed: int) -> AuditPlan:
    """Draw whole batches of ``plan`` (schema.PLAN), every one as likely, until they hold ``sample`` segments.

    At least five are drawn, where there are five and the sample is not smaller. Of more segments than ``sample`` that
    many are chosen. The same seed draws the same. Utterances with a ``skip_reason`` keep company, but are in no sample.

    Raises UsageError where all have one.
    """
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    can_be_drawn = pc.is_null(utterances["skip_reason"]).to_numpy()
    drawable = can_be_drawn[plan["index"].to_numpy()]
    if not drawable.any():
        rules = ", ".join(utterances["skip_reason"].unique().to_pylist())
        raise UsageError("there is nothing to audit: every utterance is left out", cause=rules)
    done = ~_drawn(np.bincount(plan["batch"].to_numpy(), drawable).astype(np.int64), sample, chance)
    found = [batch for shard in shards(utterances, plan, root, done, num_workers=1) for batch in shard.batches]
    batches = tuple(batch.segments for batch in sorted(found, key=lambda batch: batch.id))
    segments = [segment for batch in batches for segment in batch if can_be_drawn[segment.index]]
    chosen = sorted(chance.sample(range(len(segments)), min(sample, len(segments))))
    shuffled = _another_order([tuple(_another_order(batch, chance)) for batch in batches], chance)
    return AuditPlan(tuple(segments[position] for position in chosen), batches, tuple(shuffled), int(drawable.sum()))


def padded_to_double(batches: Sequence[Company], spec: RunSpec, folder: Path) -> tuple[Company, ...]:
    """The batches with a companion each that is twice as long as their longest, to be padded to.

    A companion's index is COMPANION, and its audio, the longest one's again and again, a file in ``folder``. It is no
    longer than the recognizer takes. Batches are halved first, so that padding to double costs little more memory than
    the batch itself. Left out are those of one segment, which the run does not pad, and what cannot be padded further.
    """
    halves = [half for batch in batches if len(batch) > 1 for half in _halves(batch)]
    longest_s = min(spec.max_piece_s or spec.audio.max_decoded_s, spec.audio.max_decoded_s)
    padded = []
    for number, half in enumerate(halves):
        path = folder / f"companion-{number}.wav"
        if _write_companion(path, half, round(longest_s * SAMPLE_RATE_HZ), spec.audio.max_decoded_s):
            padded.append((Segment(COMPANION, 0, 1, "companion", AudioRef(str(path))), *half))
    return tuple(padded)


def _drawn(sizes: NDArray[np.int64], sample: int, chance: random.Random) -> NDArray[np.bool_]:
    """For each batch number, whether it is drawn; ``sizes`` say how many of it can be in the sample."""
    order = np.array(chance.sample(range(len(sizes)), len(sizes)))
    order = order[sizes[order] > 0]
    num_needed = int(np.searchsorted(np.cumsum(sizes[order]), sample)) + 1
    drawn = np.zeros(len(sizes), dtype=bool)
    drawn[order[: max(num_needed, min(_LEAST_BATCHES, sample))]] = True
    return drawn


def _another_order(items: Sequence[_T], chance: random.Random) -> list[_T]:
    """Shuffled, and never as it was where there is another order."""
    shuffled = chance.sample(items, len(items))
    return list(items[::-1]) if shuffled == list(items) else shuffled


def _halves(batch: Company) -> tuple[Company, ...]:
    middle = (len(batch) + 1) // 2
    return batch[:middle], batch[middle:]


def _write_companion(path: Path, batch: Company, most: int, max_decoded_s: float) -> bool:
    """Write 16-bit audio of twice the longest's samples, at most ``most``; False where that is not longer."""
    longest = max((_samples(segment, max_decoded_s) for segment in batch), key=len)
    num_samples = min(2 * len(longest), most)
    if num_samples <= len(longest):
        return False
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(np.rint(np.resize(longest, num_samples) * _FULL_SCALE).astype("<i2").tobytes())
    return True


def _samples(segment: Segment, max_decoded_s: float) -> NDArray[np.float32]:
    """What decodes of a segment; nothing where it does not, which its own row will say."""
    audio = segment.audio
    try:
        return decode(
            audio.uri,
            start_s=audio.start_s or 0.0,
            duration_s=audio.duration_s if audio.start_s is not None else None,
            channel=audio.channel,
            max_decoded_s=max_decoded_s,
        )
    except AudioError:
        return np.empty(0, np.float32)
