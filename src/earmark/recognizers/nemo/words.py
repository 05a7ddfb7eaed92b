"""NeMo's times and confidences of tokens as words of ours. Knows the form of its answers, and no model.

NeMo joins tokens to words, too; but a lone word boundary in a text makes two words of one there, or, where confidences
are asked for, an error that takes the whole call with it. So the words are those of the text, and each takes its tokens
in order. A word is as sure as its least sure token, which is also NeMo's rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from earmark.records import Word


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start_s: float
    end_s: float
    confidence: float | None


def words_of(found: Any, *, text: str, shift_s: float, duration_s: float) -> tuple[Word, ...] | None:  # noqa: ANN401
    """The words of ``text`` with the times of NeMo's hypothesis ``found``; None where its tokens are not those of it.

    ``shift_s`` is the silence that was put before a waveform of ``duration_s``: no word is outside of it.
    """
    tokens = iter(_tokens(found, shift_s, duration_s))
    words: list[Word] = []
    for word in text.split():
        own = _own(word, tokens)
        if not own:
            return None
        sure = [one.confidence for one in own if one.confidence is not None]
        least = min(sure) if len(sure) == len(own) else None
        words.append(Word(word, own[0].start_s, max(one.end_s for one in own), least))
    return None if next(tokens, None) is not None else tuple(words)


def _own(word: str, tokens: Iterator[_Token]) -> list[_Token]:
    """The next tokens, as many as say ``word``; none where they say something else."""
    own: list[_Token] = []
    said = ""
    while said != word:
        token = next(tokens, None)
        if token is None or not word.startswith(said + token.text):
            return []
        own.append(token)
        said += token.text
    return own


def _tokens(found: Any, shift_s: float, duration_s: float) -> list[_Token]:  # noqa: ANN401  # NeMo's
    """All that say something, with times in the waveform; NeMo's come as texts or as lists of one text."""
    timed = found.timestamp.get("char", ())
    sure = list(found.token_confidence or ())
    if len(sure) != len(timed):
        sure = [None] * len(timed)

    def inside(time_s: float) -> float:
        return min(max(float(time_s) - shift_s, 0.0), duration_s)

    return [
        _Token(said, inside(one["start"]), inside(one["end"]), _share(value))
        for one, value in zip(timed, sure, strict=True)
        if (said := "".join(one["char"]).strip())
    ]


def _share(value: Any) -> float | None:  # noqa: ANN401  # a number of torch's, or nothing
    """A confidence, which rounding may carry out of [0, 1]; None where it is no number."""
    if value is None or not math.isfinite(float(value)):
        return None
    return min(max(float(value), 0.0), 1.0)
