"""The numbers of a speech sweep, as values and as JSON: what needs no references, and apart from it the oracle.

It reads nothing and computes nothing. Rates and differences are fractions, of words.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal

from earmark.scoring.bootstrap import Interval
from earmark.scoring.identity import ScorerIdentity
from earmark.text.base import NormalizerIdentity

SCHEMA_VERSION = 1
CHOSEN_ON_SAME = (
    "the best single cell is chosen on the same utterances, which flatters it: a cell that is chosen on other data "
    "would on average do worse here"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The word error rate of one system over the common utterances, and its interval."""

    name: str
    errors: int
    wer: float
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """A system beside a baseline, as ``compare`` says it. ``p`` is corrected for the number of systems (Holm)."""

    name: str
    baseline: str
    delta_wer: float
    interval: Interval | None
    p: float
    verdict: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """Each utterance from the cell with the fewest errors in it: a bound on choosing, and no system's result.

    ``expected_wer_of[k - 1]`` is what the oracle over k of the cells comes to, in the mean over all choices of k.
    """

    rate: Rate
    against_best: Gain
    expected_wer_of: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """All cells over the utterances that are scored in all of them; ``left_out`` counts the others by reason.

    ``first`` is the first cell that was asked for, ``best`` the one with the fewest errors here.
    """

    num_utterances: int
    num_reference_words: int
    left_out: dict[str, int]
    cells: tuple[Rate, ...]
    first: str
    best: str
    combinations: tuple[Rate, ...]
    against_first: tuple[Gain, ...]
    against_best: tuple[Gain, ...]
    oracle: Oracle


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """A cell: done, with the numbers of its run over all that is scored in it; or failed, and why.

    ``run`` is the folder of its run.
    """

    name: str
    checkpoint: str
    variant: str
    run: str
    status: Literal["done", "failed"]
    error: str | None = None
    wer: float | None = None
    wer_interval: Interval | None = None
    num_utterances: int | None = None
    num_scored: int | None = None
    num_failed: int | None = None
    rtfx: float | None = None
    scores_hash: str | None = None
    spec_fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSweep:
    """A sweep that is over. ``together`` is None where fewer than two cells are done."""

    out: str
    data: str
    checkpoints: tuple[str, ...]
    variants: tuple[str, ...]
    cells: tuple[CellResult, ...]
    normalizer: NormalizerIdentity
    scorer: ScorerIdentity
    together: Together | None

    @property
    def num_failed_cells(self) -> int:
        """How many cells have no result."""
        return sum(cell.status == "failed" for cell in self.cells)

    def to_json(self) -> str:
        """The text of honest.json: what can be had without references. It says that nothing in it is an oracle."""
        together = None if self.together is None else dataclasses.asdict(self.together)
        if together is not None:
            del together["oracle"]
        facts = self._facts(oracle=False) | {
            "num_cells": len(self.cells),
            "num_failed_cells": self.num_failed_cells,
            "cells": [dataclasses.asdict(cell) for cell in self.cells],
            "together": together,
            "note": CHOSEN_ON_SAME,
        }
        return _text(facts)

    def oracle_json(self) -> str:
        """The text of oracle.json, which says that it is one."""
        one = self.together
        found: dict[str, Any] = {field.name: None for field in dataclasses.fields(Oracle)}
        if one is not None:
            found = dataclasses.asdict(one.oracle)
            found |= {name: getattr(one, name) for name in ("num_utterances", "num_reference_words", "left_out")}
        return _text(self._facts(oracle=True) | found)

    def _facts(self, *, oracle: bool) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "task": "asr",
            "oracle": oracle,
            "out": self.out,
            "data": self.data,
            "checkpoints": list(self.checkpoints),
            "variants": list(self.variants),
            "normalizer": dataclasses.asdict(self.normalizer),
            "scorer": dataclasses.asdict(self.scorer),
        }


def _text(facts: dict[str, Any]) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
