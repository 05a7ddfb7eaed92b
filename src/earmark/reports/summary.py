"""The summary of a run: the numbers, and what they were made with. It reads nothing: ``summarize`` makes it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from earmark.records import Usage
from earmark.reports.audit_verdict import AuditVerdict
from earmark.reports.breakdown import SliceErrors
from earmark.reports.capacity import Capacity
from earmark.reports.confusions import Confusions
from earmark.reports.coverage import Coverage
from earmark.reports.guards import Flagged, GuardsIdentity
from earmark.reports.remarks import ForgivenMerge
from earmark.reports.scores import NOT_DONE_RULE
from earmark.reports.slices import SMALL
from earmark.reports.speed import Speed
from earmark.reports.usage import Cost, usage_facts
from earmark.scoring.bootstrap import Interval
from earmark.scoring.counts import CorpusCounts
from earmark.scoring.identity import ScorerIdentity
from earmark.scoring.speechbrain_summary import SpeechBrainSummary
from earmark.text.base import NormalizerIdentity


@dataclass(frozen=True, slots=True)
class RankErrors:
    """What the utterances of one rank come to."""

    rank: int
    errors: SpeechBrainSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a run found. Rates are fractions, None where there is no reference. Counts are of words.

    ``flags`` has every flag of ``reports.guards``, those that nothing has too. ``slices`` are of the columns that were
    asked for, and ``confusions`` is None where none were. ``forgiven`` are the 20 most frequent of the
    ``num_different_forgiven`` compounds that a scorer forgave, ``num_forgiven`` times in all. ``damaged_parts`` are the
    names of the ``num_damaged_parts`` whose utterances count as not transcribed. ``usage`` is what calls to a server
    used, and ``cost`` what that costs where the user stated a price. ``capacity`` is how busy the workers were, and
    what all of it cost. ``ranks`` are those of an engine that has ranks; they are in ranks.json. ``model_place`` and
    ``model_architecture`` say which model it was that the recognizer ``model`` ran, as far as that is known.
    """

    run: str
    model: str
    data: str
    num_utterances: int
    num_scored: int
    num_failed: int
    num_skipped: int
    skipped: dict[str, int]
    num_empty_references: int
    num_split_rows: int
    num_damaged_parts: int
    damaged_parts: tuple[str, ...] = ()
    num_forgiven: int
    num_different_forgiven: int
    forgiven: tuple[ForgivenMerge, ...]
    is_unsegmented: bool
    counts: CorpusCounts
    wer_interval: Interval | None
    wer_failed_as_deletions: float | None
    audio_s: float
    coverage: Coverage
    speed: Speed
    flags: dict[str, Flagged]
    guards: GuardsIdentity
    slices: tuple[SliceErrors, ...]
    confusions: Confusions | None
    normalizer: NormalizerIdentity
    scorer: ScorerIdentity
    scores_hash: str
    spec_fingerprint: str
    model_place: str | None = None
    model_architecture: str | None = None
    audit: AuditVerdict | None = None
    usage: Usage | None = None
    cost: Cost | None = None
    capacity: Capacity | None = None
    ranks: tuple[RankErrors, ...] = ()

    @property
    def wer(self) -> float | None:
        """Word errors for a reference word, over what was scored."""
        return self.counts.wer

    @property
    def is_small(self) -> bool:
        """Whether too few utterances were scored to say much, whatever the interval."""
        return self.num_scored < SMALL

    @property
    def cer(self) -> float | None:
        """Character errors for a reference character, spaces included."""
        return self.counts.cer

    @property
    def ser(self) -> float | None:
        """The share of scored utterances with any word error."""
        return self.counts.ser

    @property
    def num_not_done(self) -> int:
        """How many of the skipped utterances are only not transcribed yet."""
        return self.skipped.get(NOT_DONE_RULE, 0)

    def to_json(self) -> str:
        """The text of summary.json."""
        words = self.counts.words
        interval = dataclasses.asdict(self.wer_interval) if self.wer_interval else None
        facts = {
            "schema_version": 1,
            "run": self.run,
            "model": self.model,
            "model_place": self.model_place,
            "model_architecture": self.model_architecture,
            "data": self.data,
            "num_utterances": self.num_utterances,
            "num_scored": self.num_scored,
            "num_failed": self.num_failed,
            "num_skipped": self.num_skipped,
            "skipped": self.skipped,
            "num_empty_references": self.num_empty_references,
            "num_split_rows": self.num_split_rows,
            "num_damaged_parts": self.num_damaged_parts,
            "damaged_parts": list(self.damaged_parts),
            "num_forgiven": self.num_forgiven,
            "num_different_forgiven": self.num_different_forgiven,
            "forgiven": [dataclasses.asdict(merge) for merge in self.forgiven],
            "is_unsegmented": self.is_unsegmented,
            "num_reference_words": words.reference_length,
            "hits": words.hits,
            "substitutions": words.substitutions,
            "deletions": words.deletions,
            "insertions": words.insertions,
            "wer": self.wer,
            "cer": self.cer,
            "ser": self.ser,
            "wer_interval": interval,
            "wer_failed_as_deletions": self.wer_failed_as_deletions,
            "audio_s": self.audio_s,
            "coverage": self.coverage.facts(),
            "rtfx": {"compute": self.speed.compute, "worker": self.speed.worker, "wall": self.speed.wall},
            "wall_s": self.speed.wall_s,
            "wall_audio_s": self.speed.wall_audio_s,
            "waited_share": self.speed.waited_share,
            "usage": usage_facts(self.usage),
            "cost": dataclasses.asdict(self.cost) if self.cost else None,
            "capacity": self.capacity.facts() if self.capacity else None,
            "flags": {name: found.number for name, found in self.flags.items()},
            "first_flagged": {name: list(found.first_ids) for name, found in self.flags.items() if found.number},
            "guards": dataclasses.asdict(self.guards),
            "slices": [one.facts() for one in self.slices],
            "confusions": self.confusions.facts() if self.confusions else None,
            "normalizer": dataclasses.asdict(self.normalizer),
            "scorer": dataclasses.asdict(self.scorer),
            "scores_hash": self.scores_hash,
            "spec_fingerprint": self.spec_fingerprint,
            "audit": dataclasses.asdict(self.audit) if self.audit else None,
        }
        return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
