"""Words from timed tokens, for recognizers whose tokens are pieces of words. It knows no model and no tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from earmark.records import Hypothesis, Word

Decode = Callable[[Sequence[int]], str]
"""The text of some tokens that follow each other."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was said, in seconds from the start, with its posterior probability where it is known."""

    id: int
    start_s: float
    end_s: float
    posterior: float | None = None


def words_from(text: str, tokens: Iterable[Token], decode: Decode) -> tuple[Word, ...] | None:
    """Group tokens into the words of ``text``, which white space divides; None where they say anything else.

    A word reaches from its first token to its last. Its confidence is the mean of their posteriors, None where one is
    not known.
    """
    wanted = text.split()
    words: list[Word] = []
    said: list[Token] = []
    for token in tokens:
        said.append(token)
        spelled = decode([one.id for one in said]).strip()
        if not spelled:  # what divides words belongs to none
            said = []
        elif len(words) < len(wanted) and spelled == wanted[len(words)]:
            words.append(_word(spelled, said))
            said = []
    return tuple(words) if len(words) == len(wanted) and not said else None


def _word(text: str, tokens: Sequence[Token]) -> Word:
    known = [token.posterior for token in tokens if token.posterior is not None]
    confidence = min(1.0, sum(known) / len(known)) if len(known) == len(tokens) else None
    return Word(text, tokens[0].start_s, max(token.end_s for token in tokens), confidence)


def mean_confidence(words: Sequence[Word] | None) -> float | None:
    """The mean over the words; None where there is no word, or one has none."""
    known = [word.confidence for word in words or () if word.confidence is not None]
    return sum(known) / len(known) if words and len(known) == len(words) else None


def within(hypothesis: Hypothesis, duration_s: float) -> Hypothesis:
    """The same with its words inside the waveform: the last frame of a model may reach beyond it."""
    if not hypothesis.words:
        return hypothesis
    cut = (
        replace(word, start_s=min(word.start_s, duration_s), end_s=min(word.end_s, duration_s))
        for word in hypothesis.words
    )
    return replace(hypothesis, words=tuple(cut))
