"""Two or more runs of the same speech beside each other, utterance by utterance.

All are scored anew with one normalizer, from their parts; nothing is written. What stays in memory of an utterance is
its id, its counts, the codes of its alignments and its speaker, and no text of it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from earmark.errors import GateFailedError
from earmark.reports.gate import Gate
from earmark.reports.pairing import Matched
from earmark.reports.settings import assumption
from earmark.reports.slices import SMALL, Grouping, Slice, slices
from earmark.reports.suspects import Suspects
from earmark.reports.verdict import Verdict, sentence, speech_factor, verdict_on
from earmark.scoring.bootstrap import Interval, difference_interval, drawn_units
from earmark.scoring.identity import ScorerIdentity
from earmark.scoring.matched_pairs import MatchedPairs, matched_pairs
from earmark.scoring.significance import holm, mcnemar_p, sign_flip_factor, sign_flip_p
from earmark.text.base import NormalizerIdentity


@dataclass(frozen=True, slots=True)
class Change:
    """An utterance that one of two systems got right and the other did not."""

    id: str
    errors_a: int
    errors_b: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairComparison:
    """Run B beside run A. Rates and differences (B less A) are fractions; ``interval`` is of ``delta_wer``.

    ``p`` is of the paired permutation test. Of each test the ``..._adjusted`` is corrected for the number of pairs
    (Holm): it is what the verdict, the sentence and a gate use. ``speech_factor`` is how many times the speech it takes
    to tell this difference from none; None where no amount would. ``fixed`` are right only in B, ``broken`` only in A,
    each with the worst first. ``is_same_text`` says that in every utterance both heard the same words. ``delta_cer`` is
    None where there is no reference character.
    """

    a: str
    b: str
    wer_a: float
    wer_b: float
    delta_wer: float
    delta_cer: float | None
    interval: Interval | None
    p: float
    p_adjusted: float
    speech_factor: float | None
    mapsswe: MatchedPairs
    mapsswe_p_adjusted: float
    mcnemar_p: float
    mcnemar_p_adjusted: float
    is_same_text: bool
    fixed: tuple[Change, ...]
    broken: tuple[Change, ...]
    slices: tuple[Slice, ...]

    @property
    def verdict(self) -> Verdict:
        """Of B: ``better`` or ``worse`` only where interval and test say so."""
        return verdict_on(self.delta_wer, self.interval, self.p_adjusted)

    @property
    def sentence(self) -> str:
        """What the numbers say."""
        if self.is_same_text:
            return f"{self.a} and {self.b} heard the same words in every utterance: there is nothing to tell apart"
        return sentence(self.a, self.b, self.delta_wer, self.interval, self.p_adjusted, self.speech_factor)

    def values(self) -> dict[str, float]:
        """What a gate may name: rates and differences in per cent; nan where there is none."""
        low, high = (self.interval.low, self.interval.high) if self.interval else (np.nan, np.nan)
        return {
            "delta_wer": _in_per_cent(self.delta_wer),
            "delta_cer": _in_per_cent(self.delta_cer if self.delta_cer is not None else np.nan),
            "wer_a": _in_per_cent(self.wer_a),
            "wer_b": _in_per_cent(self.wer_b),
            "p": self.p_adjusted,
            "mapsswe_p": self.mapsswe_p_adjusted,
            "mcnemar_p": self.mcnemar_p_adjusted,
            "low": _in_per_cent(low),
            "high": _in_per_cent(high),
            "fixed": len(self.fixed),
            "broken": len(self.broken),
        }

    def facts(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        facts = dataclasses.asdict(self)
        for found, one in zip(facts["slices"], self.slices, strict=True):
            found |= {"wer_a": one.wer_a, "wer_b": one.wer_b, "delta_wer": one.delta_wer, "is_small": one.is_small}
        return facts | {"verdict": self.verdict, "sentence": self.sentence}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every run beside the first one, over the utterances that are scored in all of them.

    ``left_out`` says how many others there are and why. ``fail_if`` is the condition that was given, ``damaged_parts``
    what could not be read, ``scored_otherwise`` the runs whose own summaries have another normalizer or scorer, and
    which. ``is_assumed`` says that nobody named the normalizer: the first run was never scored, and does not tell by
    which it is to be. ``suspects`` are the references that all runs contradict; None where all runs are of one
    recognizer.
    """

    runs: tuple[str, ...]
    labels: tuple[str, ...]
    num_utterances: int
    num_reference_words: int
    left_out: dict[str, int]
    damaged_parts: tuple[str, ...]
    scored_otherwise: dict[str, str]
    normalizer: NormalizerIdentity
    scorer: ScorerIdentity
    pairs: tuple[PairComparison, ...]
    suspects: Suspects | None
    fail_if: str | None = None
    is_assumed: bool = False

    @property
    def is_small(self) -> bool:
        """Whether it is of too few utterances to say much, whatever the intervals."""
        return self.num_utterances < SMALL

    @property
    def assumption(self) -> str | None:
        """What to know where nobody named the normalizer."""
        return assumption(self.labels[0], self.normalizer.name) if self.is_assumed else None

    @property
    def failed_pairs(self) -> tuple[PairComparison, ...]:
        """Those for which the condition ``fail_if`` holds."""
        if self.fail_if is None:
            return ()
        gate = Gate.parse(self.fail_if)
        return tuple(pair for pair in self.pairs if gate.holds(pair.values()))

    def check(self) -> None:
        """Raise GateFailedError, with the first such pair, where the condition ``fail_if`` holds for any."""
        for pair in self.failed_pairs:
            gate = Gate.parse(self.fail_if or "")
            values = pair.values()
            raise GateFailedError(
                gate.condition, f"{pair.b} against {pair.a}", {name: values[name] for name in gate.names}
            )

    def to_json(self) -> str:
        """All of it as JSON."""
        facts = {
            "schema_version": 1,
            **{name: getattr(self, name) for name in ("runs", "labels", "num_utterances", "num_reference_words")},
            "left_out": self.left_out,
            "damaged_parts": self.damaged_parts,
            "scored_otherwise": self.scored_otherwise,
            "is_normalizer_assumed": self.is_assumed,
            "normalizer": dataclasses.asdict(self.normalizer),
            "scorer": dataclasses.asdict(self.scorer),
            "pairs": [pair.facts() for pair in self.pairs],
            "suspect_references": dataclasses.asdict(self.suspects) if self.suspects else None,
            "fail_if": self.fail_if,
            "is_gate_failed": bool(self.failed_pairs),
        }
        return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def compare_pairs(
    matched: Matched, labels: Sequence[str], *, num_replicates: int, seed: int
) -> tuple[PairComparison, ...]:
    """Compare each run with the first one. ``labels`` name them, in the order of ``matched.rows``."""
    first, *others = matched.rows
    pairs = [
        _pair(first, other, matched.groupings, (labels[0], label), num_replicates=num_replicates, seed=seed)
        for other, label in zip(others, labels[1:], strict=True)
    ]
    adjusted = zip(
        holm([pair.p for pair in pairs]),
        holm([pair.mapsswe.p for pair in pairs]),
        holm([pair.mcnemar_p for pair in pairs]),
        strict=True,
    )
    return tuple(
        dataclasses.replace(pair, p_adjusted=p, mapsswe_p_adjusted=mapsswe, mcnemar_p_adjusted=mcnemar)
        for pair, (p, mapsswe, mcnemar) in zip(pairs, adjusted, strict=True)
    )


def _pair(
    a: pa.Table,
    b: pa.Table,
    groupings: Sequence[Grouping],
    labels: tuple[str, str],
    *,
    num_replicates: int,
    seed: int,
) -> PairComparison:
    words = _integers(a, "reference_words")
    speakers = a["speaker"].to_pylist()
    num_words, num_characters = int(words.sum()), int(_integers(a, "reference_characters").sum())
    errors_a, errors_b = errors = _integers(a, "errors"), _integers(b, "errors")
    differences = errors_b - errors_a
    units = drawn_units(differences, words, speakers)[0][0]
    p = sign_flip_p(units, seed=seed)
    delta_wer = int(differences.sum()) / num_words
    interval = difference_interval(differences, words, speakers, num_replicates=num_replicates, seed=seed)
    fixed, broken = _changes(a["id"], *errors), _changes(a["id"], *errors, is_fixed=False)
    alignments = zip(a["alignment"].to_pylist(), b["alignment"].to_pylist(), strict=True)
    mapsswe, mcnemar = matched_pairs(alignments), mcnemar_p(len(fixed), len(broken))
    character_errors = [int(_integers(rows, "character_errors").sum()) for rows in (a, b)]
    return PairComparison(
        a=labels[0],
        b=labels[1],
        wer_a=int(errors_a.sum()) / num_words,
        wer_b=int(errors_b.sum()) / num_words,
        delta_wer=delta_wer,
        delta_cer=(character_errors[1] - character_errors[0]) / num_characters if num_characters else None,
        interval=interval,
        p=p,
        p_adjusted=p,
        speech_factor=speech_factor(delta_wer, interval, sign_flip_factor(units)),
        mapsswe=mapsswe,
        mapsswe_p_adjusted=mapsswe.p,
        mcnemar_p=mcnemar,
        mcnemar_p_adjusted=mcnemar,
        is_same_text=a["hypothesis_hash"].equals(b["hypothesis_hash"]),
        fixed=fixed,
        broken=broken,
        slices=tuple(
            one
            for grouping in groupings
            for one in slices(grouping, errors, words, speakers, num_replicates=num_replicates, seed=seed)
        ),
    )


def _changes(
    ids: pa.ChunkedArray, errors_a: NDArray[np.int64], errors_b: NDArray[np.int64], *, is_fixed: bool = True
) -> tuple[Change, ...]:
    """Utterances that B got right and A did not, or the reverse: most errors first, then in the order of the data."""
    wrong, right = (errors_a, errors_b) if is_fixed else (errors_b, errors_a)
    where = np.flatnonzero((wrong > 0) & (right == 0))
    where = where[np.argsort(-wrong[where], kind="stable")]
    names = ids.take(pa.array(where)).to_pylist()
    return tuple(Change(*one) for one in zip(names, errors_a[where].tolist(), errors_b[where].tolist(), strict=True))


def _in_per_cent(rate: float) -> float:
    """Rounded where a float has no more to say, so that 7 errors in 100 words are not more than 7."""
    return round(100 * rate, 9)


def _integers(rows: pa.Table, column: str) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = rows[column].to_numpy().astype(np.int64)
    return numbers
