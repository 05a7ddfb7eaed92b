"""The text of several that is expected to have the fewest errors, where nobody knows the reference.

Minimum Bayes risk (Goel and Byrne 2000, "Minimum Bayes-risk automatic speech recognition") with the texts themselves
as the candidates, edit distance as the risk, and each system as likely to be right as another: the text that is
nearest to all. It knows tokens, and no reference.
"""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein


def least_risk(hypotheses: Sequence[Sequence[str]]) -> int:
    """Choose the hypothesis whose edit distances to all the others add up to the least; of several such the first.

    Of two it is always the first. Raises ValueError where there is none to choose from.
    """
    if not hypotheses:
        raise ValueError("there is no hypothesis to choose from")
    texts = [tuple(one) for one in hypotheses]
    frequency = {text: texts.count(text) for text in dict.fromkeys(texts)}
    risk = {
        text: sum(number * Levenshtein.distance(text, other) for other, number in frequency.items())
        for text in frequency
    }
    return texts.index(min(risk, key=risk.__getitem__))  # of equals the first that was put in
