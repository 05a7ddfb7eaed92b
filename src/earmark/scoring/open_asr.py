"""The scorer of the Open ASR leaderboard: kaldialign with compounds merged, and every merge listed.

Words that are one word on the other side when written together count as right: ``white paper`` and ``whitepaper``, but
``now here`` and ``nowhere`` too. So what was forgiven is part of the result. The aligning is kaldialign's, called as
the leaderboard calls it (``batch_error_rate(..., merge_compounds=True)``, its commit d1e99b2), so the totals are its.

Not part of it is what the leaderboard does to the texts of its multilingual tables before, where it joins words of
stretches that have the same letters on both sides, which also changes the number of reference words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import groupby

import kaldialign
import numpy as np

from earmark.scoring.alignment import DELETION, HIT, INSERTION, JOINED, PARTED, SUBSTITUTION, spans
from earmark.scoring.identity import CHARACTER_RULES, WORD_RULES, ScorerIdentity, identify
from earmark.scoring.pairs import PairScores, character_columns
from earmark.scoring.scorer import Merge, ScoredPairs

RULES = f"""\
{WORD_RULES}\
words: fewest errors (substitutions, deletions, insertions cost 1 each), where adjacent words of one text that make a
word of the other when joined cost nothing; kaldialign {version("kaldialign")}, merge_compounds; a merge is as many hits
as it has reference words
{CHARACTER_RULES}"""

_NO_WORD = " "  # no word holds a space, and a merged group holds more than one

Pair = tuple[str, str]


class OpenAsr:
    """Words, with compounds that are written apart on one side forgiven."""

    @property
    def identity(self) -> ScorerIdentity:
        return identify("open-asr", f"1+kaldialign-{version('kaldialign')}", RULES)

    def tokens(self, text: str) -> list[str]:
        return text.split()

    def counts(self, references: Sequence[str], hypotheses: Sequence[str]) -> PairScores:
        return self.score(references, hypotheses).counts

    def score(self, references: Sequence[str], hypotheses: Sequence[str]) -> ScoredPairs:
        characters = character_columns(references, hypotheses)
        codes, merges = [], []
        counts = np.zeros((4, len(references)), np.int32)
        for k, (reference, hypothesis) in enumerate(zip(references, hypotheses, strict=True)):
            aligned = _aligned(reference.split(), hypothesis.split())
            codes.append(code := _code(aligned))
            merges.append(tuple(Merge(*pair) for pair in aligned if _letter(pair) in (JOINED, PARTED)))
            counts[:, k] = _counted(code)
        return ScoredPairs(PairScores(*counts, *characters), codes, merges)


def _aligned(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    if reference == hypothesis:
        return list(zip(reference, hypothesis, strict=True))
    pairs: list[Pair] = kaldialign.align(reference, hypothesis, _NO_WORD, merge_compounds=True)
    return pairs


def _letter(pair: Pair) -> str:
    reference, hypothesis = pair
    if reference == hypothesis:
        return HIT
    if reference == _NO_WORD:
        return INSERTION
    if hypothesis == _NO_WORD:
        return DELETION
    if " " in reference:
        return JOINED
    return PARTED if " " in hypothesis else SUBSTITUTION


def _code(aligned: Iterable[Pair]) -> str:
    return "".join(f"{length}{letter}" for letter, length in _runs(aligned))


def _runs(aligned: Iterable[Pair]) -> Iterator[tuple[str, int]]:
    """The runs of the code; a merge is a run of its own, as long as the words that it brings together."""
    for letter, group in groupby(aligned, _letter):
        if letter in (JOINED, PARTED):
            for pair in group:
                yield letter, 1 + sum(side.count(" ") for side in pair)
        else:
            yield letter, sum(1 for _ in group)


def _counted(code: str) -> tuple[int, int, int, int]:
    """Hits, substitutions, deletions and insertions."""
    lengths = dict.fromkeys((HIT, SUBSTITUTION, DELETION, INSERTION), 0)
    for letter, num_reference, num_hypothesis in spans(code):
        lengths[letter if letter in lengths else HIT] += num_reference or num_hypothesis
    return lengths[HIT], lengths[SUBSTITUTION], lengths[DELETION], lengths[INSERTION]
