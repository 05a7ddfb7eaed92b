"""Slower truths: what the scorer must equal, written so that one can see that it is right."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import strategies as st

WORDS = st.lists(st.sampled_from("abc"), max_size=9)
"""Few different words, so that ties between alignments are many."""


def canonical(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[int, int, int, int]:
    """Hits, substitutions, deletions and insertions: every cell keeps its best (errors, -hits, S, D, I)."""
    row = [(j, 0, 0, 0, j) for j in range(len(hypothesis) + 1)]
    for i, word in enumerate(reference, 1):
        previous, row = row, [(i, 0, 0, i, 0)]
        for j, other in enumerate(hypothesis, 1):
            e, h, s, d, n = previous[j - 1]
            diagonal = (e, h - 1, s, d, n) if word == other else (e + 1, h, s + 1, d, n)
            e, h, s, d, n = previous[j]
            deletion = (e + 1, h, s, d + 1, n)
            e, h, s, d, n = row[j - 1]
            insertion = (e + 1, h, s, d, n + 1)
            row.append(min(diagonal, deletion, insertion))
    _, negative_hits, *rest = row[-1]
    return (-negative_hits, *rest)


def noisy(words: Sequence[str], vocabulary: Sequence[str], rate: float, seed: int) -> list[str]:
    """Return the words with about ``rate`` errors, of which half are substitutions."""
    chance = random.Random(seed)  # a seeded toy, no secret
    said: list[str] = []
    for word in words:
        fate = chance.random()
        if fate < rate / 2:
            said.append(chance.choice(vocabulary))
        elif fate >= 3 * rate / 4:
            said.append(word)
        if chance.random() < rate / 4:
            said.append(chance.choice(vocabulary))
    return said


def long_pair(num_words: int, rate: float, seed: int, num_types: int = 400) -> tuple[list[str], list[str]]:
    vocabulary = [f"word{k}" for k in range(num_types)]
    reference = random.Random(seed).choices(vocabulary, k=num_words)  # likewise
    return reference, noisy(reference, vocabulary, rate, seed + 1)
