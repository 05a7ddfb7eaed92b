"""The counts of many pairs of texts at once: the fast path from normalised texts to numbers.

The rules are those of ``words``; here is only what makes them fast. Texts are made canonical (words joined by single
spaces) a block at a time, with nothing done where they are so already; and the words that both texts begin and end with
are cut off before the rest is split, because splitting and hashing words costs more than aligning them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein, Postfix, Prefix

from earmark.scoring.counts import CorpusCounts, ErrorCounts
from earmark.scoring.words import ERROR_COST, edit_cost

Counts = NDArray[np.int32]

_BLOCK = 512  # pairs: few enough for the processor's cache, enough to spread numpy's overhead
_SPACE = 0x20
_OTHER_WHITESPACE = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


@dataclass(frozen=True, slots=True, eq=False)
class PairScores:
    """The counts of many pairs, a column each: int32 arrays of shape ``(num_pairs,)`` in the order of the pairs."""

    hits: Counts
    substitutions: Counts
    deletions: Counts
    insertions: Counts
    character_errors: Counts
    reference_characters: Counts
    hypothesis_characters: Counts

    def __len__(self) -> int:
        return len(self.hits)

    @property
    def errors(self) -> Counts:
        """Word errors of each pair."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def reference_words(self) -> Counts:
        """Reference words of each pair."""
        return self.hits + self.substitutions + self.deletions

    def total(self) -> CorpusCounts:
        """Sum all pairs, as Python ints."""
        is_empty = self.reference_words == 0
        columns = (self.hits, self.substitutions, self.deletions, self.insertions)
        return CorpusCounts(
            words=ErrorCounts(*(_sum(column) for column in columns)),
            character_errors=_sum(self.character_errors),
            reference_characters=_sum(self.reference_characters),
            num_utterances=len(self),
            num_wrong_utterances=int(np.count_nonzero(self.errors)),
            num_empty_references=int(np.count_nonzero(is_empty)),
            empty_reference_insertions=_sum(self.insertions[is_empty]),
        )


def score_pairs(references: Sequence[str], hypotheses: Sequence[str]) -> PairScores:
    """Return the canonical counts of each pair (``words`` states the rules).

    Lengths in characters are of the words joined by single spaces. Beyond the answer, memory does not grow with the
    number of pairs. Raises ValueError for unequal lengths and TypeError for anything but text.
    """
    num_pairs = len(references)
    if num_pairs != len(hypotheses):
        raise ValueError(f"{num_pairs} references but {len(hypotheses)} hypotheses: they must come in pairs")
    table = np.zeros((7, num_pairs), np.int32)
    for start in range(0, num_pairs, _BLOCK):
        block = slice(start, start + _BLOCK)
        table[:, block] = _score_block(references[block], hypotheses[block])
    return PairScores(*table)


def _score_block(references: Sequence[str], hypotheses: Sequence[str]) -> NDArray[np.int64]:
    """Return the columns of ``PairScores`` as rows, for at least one pair."""
    references, reference_characters, reference_words = _canonical(references)
    hypotheses, hypothesis_characters, hypothesis_words = _canonical(hypotheses)
    prefixes = process.cpdist(references, hypotheses, scorer=Prefix.similarity, dtype=np.int32).tolist()
    suffixes = process.cpdist(references, hypotheses, scorer=Postfix.similarity, dtype=np.int32).tolist()
    costs = np.fromiter(map(_text_cost, references, hypotheses, prefixes, suffixes), np.int64, len(references))
    errors, substitutions = np.divmod(costs, ERROR_COST)
    deletions = (errors - substitutions + reference_words - hypothesis_words) // 2
    return np.stack(
        [
            reference_words - substitutions - deletions,
            substitutions,
            deletions,
            errors - substitutions - deletions,
            process.cpdist(references, hypotheses, scorer=Levenshtein.distance, dtype=np.int64),
            reference_characters,
            hypothesis_characters,
        ]
    )


def _canonical(texts: Sequence[str]) -> tuple[Sequence[str], NDArray[np.int64], NDArray[np.int64]]:
    """Join the words of each text by single spaces, and say how many characters and words each has."""
    blob = f" {' '.join(texts)} "
    # Lone surrogates can come out of damaged files; they are code points like others.
    is_space = np.frombuffer(blob.encode("utf-32-le", "surrogatepass"), "<u4") == _SPACE
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    is_empty = lengths == 0
    # Every text has a space before and after it, so two in a row mean an empty text, or a space too many in some text.
    num_doubled = np.count_nonzero(is_space[1:] & is_space[:-1])
    if num_doubled != np.count_nonzero(is_empty) or any(space in blob for space in _OTHER_WHITESPACE):
        return _canonical([" ".join(text.split()) for text in texts])
    starts = np.cumsum(lengths + 1) - lengths
    num_words = np.add.reduceat(is_space, starts, dtype=np.int64) - is_empty
    return texts, lengths, num_words


def _text_cost(reference: str, hypothesis: str, prefix: int, suffix: int) -> int:
    """``edit_cost`` of two canonical texts that begin with ``prefix`` and end with ``suffix`` equal characters.

    Equal words at the ends are hits in some canonical alignment, so what lies between them costs the same as the whole.
    """
    if reference == hypothesis:
        return 0
    start = reference.rfind(" ", 0, prefix) + 1
    # The ends may share the one space between them, but no character more, in either text.
    available = min(len(reference), len(hypothesis)) - max(start - 1, 0)
    end = reference.find(" ", len(reference) - min(suffix, available))
    num_cut = 0 if end < 0 else len(reference) - end
    reference_words = reference[start : len(reference) - num_cut].split()
    hypothesis_words = hypothesis[start : len(hypothesis) - num_cut].split()
    return edit_cost(reference_words, hypothesis_words)


def _sum(column: Counts) -> int:
    return int(column.sum(dtype=np.int64))
