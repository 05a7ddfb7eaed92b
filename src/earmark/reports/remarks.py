"""What must be said beside a score: compounds that were forgiven, and words that are no words. It knows scored rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from earmark.scoring.mixed import count_script_words
from earmark.scoring.scorer import Merge, Scorer

_NUM_MERGES = 20
_LONGEST_WORD = 5  # characters, on the average: words of these scripts have two to four


@dataclass(frozen=True, slots=True)
class ForgivenMerge:
    """Words that counted as right although they are written apart on one side, and how often."""

    reference: str
    hypothesis: str
    count: int


@dataclass(slots=True)
class ScriptCounts:
    """Tokens that hold a character of Han, Kana or Thai, and these characters."""

    num_words: int = 0
    num_characters: int = 0

    def add(self, texts: Sequence[str], scorer: Scorer) -> None:
        """Count those of some texts."""
        num_words, num_characters = count_script_words(texts, scorer.tokens)
        self.num_words += num_words
        self.num_characters += num_characters


@dataclass(slots=True)
class Remarks:
    """Adds up scored rows (schema.SCORES, of the status ``scored``), in any order."""

    merges: Counter[Merge] = field(default_factory=Counter)
    raw: ScriptCounts = field(default_factory=ScriptCounts)
    counted: ScriptCounts = field(default_factory=ScriptCounts)

    def add(self, scores: pa.Table, scorer: Scorer) -> None:
        """Look at scored rows."""
        lists = scores["forgiven"]
        if lists.null_count < len(lists):
            flat = pc.list_flatten(lists).to_pylist()
            self.merges.update(Merge(one["reference"], one["hypothesis"]) for one in flat)
        self.raw.add(scores["reference"].to_pylist(), scorer)
        self.counted.add(scores["reference_normalized"].to_pylist(), scorer)

    @property
    def num_forgiven(self) -> int:
        """How many merges there were."""
        return self.merges.total()

    @property
    def forgiven(self) -> tuple[ForgivenMerge, ...]:
        """The most frequent merges, at most 20; equally frequent ones in the order of their texts."""
        ordered = sorted(self.merges.items(), key=lambda item: (-item[1], item[0]))
        return tuple(ForgivenMerge(merge.reference, merge.hypothesis, count) for merge, count in ordered[:_NUM_MERGES])

    @property
    def num_different_forgiven(self) -> int:
        """How many different merges there were."""
        return len(self.merges)

    @property
    def is_unsegmented(self) -> bool:
        """Whether words of Han, Kana or Thai have no spaces between them, so that their error rate says little.

        The texts as they came say it: a normalizer may cut them where no word ends, such as at each mark of Thai. Only
        one that makes every character a token leaves units that are good to count.
        """
        is_long = self.raw.num_characters > _LONGEST_WORD * self.raw.num_words
        return is_long and self.counted.num_characters > self.counted.num_words
