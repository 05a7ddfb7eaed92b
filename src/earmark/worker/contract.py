"""What a hypothesis must be, whoever made it: numbers that are numbers, in their ranges, and words in order.

Looks at one value, and at nothing that was heard.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from numbers import Real
from typing import TypeGuard

from earmark.records import Alternative, Hypothesis, Usage, Word

_MOST_USED = 2**53  # whole numbers up to here are the same in every program that reads a part


def broken_hypothesis(hypothesis: Hypothesis) -> str | None:
    """What is wrong with it, as the end of a sentence; None where nothing is.

    Its fields may hold anything: the program that filled them may be anybody's.
    """
    if not isinstance(hypothesis.text, str):
        return f"of {type(hypothesis.text).__name__}, not of text"
    return (
        _broken_confidence("", hypothesis.confidence)
        or _broken_words(hypothesis.words)
        or _broken_alternatives(hypothesis.alternatives, hypothesis.text)
        or broken_usage(hypothesis.usage)
        or _broken_end(hypothesis.is_unfinished)
    )


def _broken_confidence(owner: str, value: object) -> str | None:
    if value is None or (_is_finite(value) and 0 <= value <= 1):
        return None
    return f"with {owner}a confidence of {value!r}, which is not in [0, 1]"


def _broken_end(value: object) -> str | None:
    return (
        None if value is None or type(value) is bool else f"with an is_unfinished of {value!r}, neither true nor false"
    )


def _broken_words(words: object) -> str | None:
    if words is None:
        return None
    if not isinstance(words, tuple):
        return f"with {type(words).__name__} where a tuple of words belongs"
    before_s = 0.0
    for word in words:
        if problem := _broken_word(word, before_s):
            return problem
        before_s = word.start_s
    return None


def _broken_word(word: object, before_s: float) -> str | None:
    """What is wrong with a word; ``before_s`` is where the one before it starts."""
    if not isinstance(word, Word):
        return f"with {type(word).__name__} where a Word belongs"
    text: object = word.text
    if not isinstance(text, str) or text.split() != [text]:
        return f"with {text!r} where one word belongs"
    start_s, end_s = word.start_s, word.end_s
    if not (_is_finite(start_s) and _is_finite(end_s)) or start_s < 0:
        return f"with the word {text!r} at {start_s!r} to {end_s!r}, which are no seconds"
    if end_s < start_s:
        return f"with the word {text!r} that ends ({end_s:g} s) before it starts ({start_s:g} s)"
    if start_s < before_s:
        return f"with the word {text!r} at {start_s:g} s after one at {before_s:g} s"
    return _broken_confidence(f"the word {text!r} at ", word.confidence)


def _broken_alternatives(alternatives: object, text: str) -> str | None:
    if not isinstance(alternatives, tuple):
        return f"with {type(alternatives).__name__} where a tuple of alternatives belongs"
    for one in alternatives:
        if not isinstance(one, Alternative):
            return f"with {type(one).__name__} where an Alternative belongs"
        said: object = one.text
        if not isinstance(said, str) or not _is_finite(one.score):
            return f"with the alternative {said!r} of score {one.score!r}, which is no text with a number"
    if alternatives and alternatives[0].text != text:
        return f"whose first alternative, {alternatives[0].text!r}, is not its text"
    return None


def broken_usage(usage: object) -> str | None:
    """What is wrong with a usage, as the end of a sentence; None where nothing is, and where there is none."""
    if usage is None:
        return None
    if not isinstance(usage, Usage):
        return f"with {type(usage).__name__} where a Usage belongs"
    for name, value in asdict(usage).items():
        # Python's own numbers, since the receipt is JSON.
        kind = int | float if name.endswith("_s") else int
        if not (isinstance(value, kind) and _is_finite(value) and 0 <= value <= _MOST_USED):
            return f"with a usage whose {name} is {value!r}"
    return None


def _is_finite(value: object) -> TypeGuard[float]:
    return type(value) is not bool and isinstance(value, Real) and math.isfinite(value)
