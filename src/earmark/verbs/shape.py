"""The batches of a plan in numbers: how many, how full, and the largest. Knows no run and no speed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The batches of a plan in numbers; ``largest_batch`` is of the one with the most padded audio."""

    num_batches: int
    audio_s: float
    padded_s: float
    largest_batch: int
    largest_batch_s: float

    @classmethod
    def of(cls, plan: pa.Table) -> Shape:
        """Of a table as schema.PLAN says, or of what is left of one."""
        if not len(plan):
            return cls(num_batches=0, audio_s=0.0, padded_s=0.0, largest_batch=0, largest_batch_s=0.0)
        batch, duration_s = plan["batch"].to_numpy(), plan["duration_s"].to_numpy()
        starts = np.concatenate([[0], np.flatnonzero(np.diff(batch)) + 1])
        sizes = np.diff(np.append(starts, len(batch)))
        padded_s = sizes * duration_s[starts]  # the first of a batch is its longest
        largest = int(np.argmax(padded_s))
        return cls(
            num_batches=len(starts),
            audio_s=float(duration_s.sum()),
            padded_s=float(padded_s.sum()),
            largest_batch=int(sizes[largest]),
            largest_batch_s=float(padded_s[largest]),
        )
