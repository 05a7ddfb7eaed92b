"""What PocketSphinx's search kept, as words with times and as the n best. It knows no audio and loads no model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from earmark.records import Alternative, Word

_FRAMES_PER_S = 100
_PRONUNCIATION = re.compile(r"\(\d+\)$")  # "the(2)" is the second way to say "the"
_PATHS_PER_TEXT = 20  # paths differ by silences and pronunciations too: with a grammar, most say the same


class Piece(Protocol):
    """A stretch of the best path: a word, a silence or a noise, with its first and its last frame."""

    word: str
    start_frame: int
    end_frame: int
    prob: float


class Path(Protocol):
    """A path through the lattice, and how likely the search thinks it."""

    hypstr: str
    score: float


def words_of(text: str, pieces: Iterable[Piece], duration_s: float, *, is_sure: bool) -> tuple[Word, ...] | None:
    """The pieces that the text is made of, in seconds; None where they do not say it.

    ``is_sure`` says whether the pieces' probabilities are posteriors of a lattice; otherwise they are no confidences.
    """
    wanted = text.split()
    words: list[Word] = []
    for piece in pieces:
        spelled = _PRONUNCIATION.sub("", piece.word)
        if len(words) < len(wanted) and spelled == wanted[len(words)]:
            start_s = min(max(0, piece.start_frame) / _FRAMES_PER_S, duration_s)
            end_s = min((piece.end_frame + 1) / _FRAMES_PER_S, duration_s)
            words.append(Word(spelled, start_s, max(start_s, end_s), min(1.0, piece.prob) if is_sure else None))
    return tuple(words) if len(words) == len(wanted) else None


def n_best(text: str, paths: Iterable[Path | None], number: int) -> tuple[Alternative, ...]:
    """The ``number`` likeliest texts, each once, ``text`` first; nothing where the search did not keep it.

    The search for the text and the one for the paths weigh the language differently, so another one may be likelier.
    """
    scores: dict[str, float] = {}
    for path in islice(paths, number * _PATHS_PER_TEXT):
        if path is None or (len(scores) >= number and text in scores):
            break
        scores[path.hypstr] = max(path.score, scores.get(path.hypstr, path.score))
    if text not in scores:
        return ()
    others = sorted((one for one in scores if one != text), key=lambda one: -scores[one])
    return tuple(Alternative(one, scores[one]) for one in (text, *others[: number - 1]))
