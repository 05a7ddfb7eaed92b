"""The counts of many pairs of texts at once: the fast path from normalised texts to numbers.

The rules are those of ``words``; here is only what makes them fast. Texts are made canonical (words joined by single
spaces) a block at a time, with nothing done where they are so already; and the words that both texts begin and end with
are cut off before the rest is split, because splitting and hashing words costs more than aligning them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein, Postfix, Prefix

from earmark.scoring.alignment import align_between
from earmark.scoring.counts import CorpusCounts, ErrorCounts
from earmark.scoring.words import ERROR_COST, edit_cost

Counts = NDArray[np.int32]

_BLOCK = 512  # pairs: few enough for the processor's cache, enough to spread numpy's overhead
_SPACE = 0x20
_OTHER_WHITESPACE = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_OTHER_ASCII_WHITESPACE = "".join(space for space in _OTHER_WHITESPACE if space.isascii())


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

    def with_characters(self, columns: NDArray[np.int32]) -> PairScores:
        """Take the character columns from ``character_columns`` instead."""
        errors, references, hypotheses = columns
        return replace(self, character_errors=errors, reference_characters=references, hypothesis_characters=hypotheses)

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
    num_pairs = _num_pairs(references, hypotheses)
    table = np.zeros((7, num_pairs), np.int32)
    for start in range(0, num_pairs, _BLOCK):
        block = slice(start, start + _BLOCK)
        table[:, block] = _score_block(references[block], hypotheses[block])
    return PairScores(*table)


def character_columns(references: Sequence[str], hypotheses: Sequence[str]) -> NDArray[np.int32]:
    """Return character errors, reference and hypothesis characters of each pair, shape ``(3, num_pairs)``.

    They are those of ``score_pairs``, which raises alike.
    """
    table = np.zeros((3, _num_pairs(references, hypotheses)), np.int32)
    for start in range(0, table.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        texts, reference_characters, _ = _canonical(references[block])
        others, hypothesis_characters, _ = _canonical(hypotheses[block])
        errors = process.cpdist(texts, others, scorer=Levenshtein.distance, dtype=np.int64)
        table[:, block] = errors, reference_characters, hypothesis_characters
    return table


def _num_pairs(references: Sequence[str], hypotheses: Sequence[str]) -> int:
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references but {len(hypotheses)} hypotheses: they must come in pairs")
    return len(references)


def align_pairs(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[PairScores, list[str]]:
    """Return what ``score_pairs`` does, and the code of each pair's alignment (``alignment.align``).

    Cheaper than the two one after the other: a text is split once, and what the ends share is never aligned. Raises
    like ``score_pairs``.
    """
    num_pairs = _num_pairs(references, hypotheses)
    table = np.zeros((7, num_pairs), np.int32)
    codes: list[str] = []
    for start in range(0, num_pairs, _BLOCK):
        block = slice(start, start + _BLOCK)
        table[:, block] = _score_block(references[block], hypotheses[block], codes)
    return PairScores(*table), codes


def _score_block(
    references: Sequence[str], hypotheses: Sequence[str], codes: list[str] | None = None
) -> NDArray[np.int64]:
    """Return the columns of ``PairScores`` as rows, for at least one pair, and add the alignments to ``codes``."""
    references, reference_characters, reference_words = _canonical(references)
    hypotheses, hypothesis_characters, hypothesis_words = _canonical(hypotheses)
    prefixes = process.cpdist(references, hypotheses, scorer=Prefix.similarity, dtype=np.int32).tolist()
    suffixes = process.cpdist(references, hypotheses, scorer=Postfix.similarity, dtype=np.int32).tolist()
    pairs = (references, hypotheses, prefixes, suffixes)
    if codes is None:
        costs = np.fromiter(map(_text_cost, *pairs), np.int64, len(references))
    else:
        aligned = list(map(_text_alignment, *pairs))
        codes += [code for _, code in aligned]
        costs = np.fromiter((cost for cost, _ in aligned), np.int64, len(references))
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
    texts = list(map(str.strip, texts))
    blob = f" {' '.join(texts)} "
    if blob.isascii():
        is_space = np.frombuffer(blob.encode("ascii"), np.uint8) == _SPACE
        others = _OTHER_ASCII_WHITESPACE
    else:
        # Lone surrogates can come out of damaged files; they are code points like others.
        is_space = np.frombuffer(blob.encode("utf-32-le", "surrogatepass"), "<u4") == _SPACE
        others = _OTHER_WHITESPACE
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    is_empty = lengths == 0
    # Every text has a space before and after it, so two in a row mean an empty text, or a space too many in some text.
    num_doubled = np.count_nonzero(is_space[1:] & is_space[:-1])
    if num_doubled != np.count_nonzero(is_empty) or any(space in blob for space in others):
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
    start, num_cut = _equal_ends(reference, hypothesis, prefix, suffix)
    reference_words = reference[start : len(reference) - num_cut].split()
    hypothesis_words = hypothesis[start : len(hypothesis) - num_cut].split()
    return edit_cost(reference_words, hypothesis_words)


def _text_alignment(reference: str, hypothesis: str, prefix: int, suffix: int) -> tuple[int, str]:
    """``edit_cost``, and the code of the alignment: that of what lies between the equal ends, and their hits."""
    if reference == hypothesis:
        return 0, f"{reference.count(' ') + 1}=" if reference else ""
    return align_between(reference, hypothesis, *_equal_ends(reference, hypothesis, prefix, suffix))


def _equal_ends(reference: str, hypothesis: str, prefix: int, suffix: int) -> tuple[int, int]:
    """Find where the words end that both texts begin with, with the space after them, and how long their ends are.

    As an aligner does it that cuts words: as many as there are from the beginning, then as many as are left at the end.
    """
    start = reference.rfind(" ", 0, prefix) + 1
    # A word that one text ends with may be whole in the other.
    if (prefix == len(reference) and hypothesis[prefix] == " ") or (
        prefix == len(hypothesis) and reference[prefix] == " "
    ):
        return prefix + 1, 0
    # The ends may share the one space between them, but no character more, in either text.
    available = min(len(reference), len(hypothesis)) - max(start - 1, 0)
    end = reference.find(" ", len(reference) - min(suffix, available))
    return start, 0 if end < 0 else len(reference) - end


def _sum(column: Counts) -> int:
    return int(column.sum(dtype=np.int64))
