"""Which batches of a plan are one driver's, where several share a run and nobody hands work out.

A selector chooses whole planned batches and changes none, so it changes no answer. Batches lie longest first, and every
N-th one is chosen, so each driver has its share of long and of short ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from earmark.errors import UsageError


@dataclass(frozen=True, slots=True)
class Selector:
    """The ``number``-th (from 1) of ``num_drivers`` that share a run."""

    number: int
    num_drivers: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """``3/16`` is the third of sixteen. Raises UsageError."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise UsageError(
                f"--shard {text} is not I/N, with I from 1 to N", hint="--shard 3/16 is the third of sixteen"
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.num_drivers}"

    def has(self, batch: NDArray[np.int64]) -> NDArray[np.bool_]:
        """For each batch number, whether it is this driver's."""
        return np.asarray(batch % self.num_drivers == self.number - 1)

    def rows(self, plan: pa.Table) -> pa.Table:
        """The rows of a plan (schema.PLAN) that are this driver's."""
        return plan.filter(pa.array(self.has(plan["batch"].to_numpy())))

    def whole_utterances(self, plan: pa.Table, num_utterances: int) -> NDArray[np.bool_]:
        """For each utterance by index, whether all of it is this driver's: a long one may be in pieces."""
        is_own = np.ones(num_utterances, dtype=bool)
        is_own[plan["index"].to_numpy()[~self.has(plan["batch"].to_numpy())]] = False
        return is_own
