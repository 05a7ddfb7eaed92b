"""Which word became which: alignments as run-length coded operations, and as a line to read.

The code of an alignment is a row of runs, a number and a letter each: ``=`` hit, ``S`` substitution, ``D`` deletion,
``I`` insertion; ``5=1S3=1I`` is five hits, a substitution, three hits and an insertion. A compound that a scorer
forgave is a run of its own: ``2J`` are two reference words that are joined in the hypothesis, ``2P`` is one reference
word that is parted into two there. A code holds no word, so words may be anything, an asterisk or ``<eps>`` too.

``align`` makes the canonical ones of ``words``; other scorers make theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, islice, zip_longest
from typing import cast

from rapidfuzz.distance import Levenshtein

from earmark.scoring import banded
from earmark.scoring.words import ERROR_COST, edit_cost

HIT, SUBSTITUTION, DELETION, INSERTION = "=", "S", "D", "I"
JOINED, PARTED = "J", "P"

_LETTERS = {"replace": SUBSTITUTION, "delete": DELETION, "insert": INSERTION}
_RUN = re.compile(r"([1-9][0-9]*)([=SDIJP])")
_CODE = re.compile(rf"(?:{_RUN.pattern})*")
_FEW_CELLS = 1000  # measured: with fewer, plain Python is faster than numpy
_MAX_CELLS = 2**22  # of a table that is kept whole: 16 MiB


def align(reference_words: Sequence[str], hypothesis_words: Sequence[str], num_substitutions: int | None = None) -> str:
    """Return the code of a canonical alignment, always the same one; ``""`` for two empty texts.

    ``num_substitutions`` are those of the canonical counts, where they are known already: then it is faster.
    """
    edits = _edits(reference_words, hypothesis_words)
    code, found = _code_of(edits, len(reference_words))
    # A tie can only be two substitutions too many, in the place of a deletion and an insertion around a hit.
    if found > 1 and num_substitutions is None:
        num_substitutions = edit_cost(reference_words, hypothesis_words) % ERROR_COST
    if found > 1 and found != num_substitutions:
        return _run_lengths(_traced(reference_words, hypothesis_words, len(edits)))
    return code


def align_between(reference: str, hypothesis: str, start: int, num_cut: int) -> tuple[int, str]:
    """Return the cost (``words.edit_cost``) and the code (``align``) of two texts with single spaces between words.

    Their first ``start`` characters are whole words that are the same, with the space after them; so are their last
    ``num_cut``, with the space before them.
    """
    end = len(reference) - num_cut
    reference_words, hypothesis_words = (
        reference[start:end].split(),
        hypothesis[start : len(hypothesis) - num_cut].split(),
    )
    edits = _edits(reference_words, hypothesis_words)
    num_before = reference.count(" ", 0, start) + (start > len(reference))
    num_reference = len(reference_words) + reference.count(" ", end)
    code, found = _code_of(edits, num_reference, num_before)
    if found > 1:
        cost = edit_cost(reference_words, hypothesis_words)
        if found != cost % ERROR_COST:
            return cost, _run_lengths(_traced(reference.split(), hypothesis.split(), len(edits)))
    return len(edits) * ERROR_COST + found, code


def operations(code: str) -> Iterator[tuple[str, int]]:
    """Yield the runs of a code, as (letter, length). Raises ValueError where ``code`` is none."""
    if _CODE.fullmatch(code) is None:
        raise ValueError(f"{code!r} is no alignment: it is runs such as 5= 1S 2D 1I, without spaces")
    return ((letter, int(length)) for length, letter in _RUN.findall(code))


def spans(code: str) -> Iterator[tuple[str, int, int]]:
    """Yield the runs of a code, as (letter, number of reference tokens, number of hypothesis tokens).

    All but deletions, insertions and merges have as many of both, aligned one by one. Raises like ``operations``.
    """
    for letter, length in operations(code):
        yield letter, _num_reference(letter, length), _num_hypothesis(letter, length)


def _num_reference(letter: str, length: int) -> int:
    return {INSERTION: 0, PARTED: 1}.get(letter, length)


def _num_hypothesis(letter: str, length: int) -> int:
    return {DELETION: 0, JOINED: 1}.get(letter, length)


def render_diff(reference_words: Sequence[str], hypothesis_words: Sequence[str], code: str) -> str:
    """Write the alignment as one line: ``the [cat->cap] sat [-down-] [+here+]``.

    A hit is the word, a substitution ``[reference->hypothesis]``, a deletion ``[-word-]``, an insertion ``[+word+]``, a
    forgiven merge ``[now_here=nowhere]``. Words are printed as they are and hold no space, so the items between spaces
    are the operations of ``code`` in order: where a word itself has brackets or arrows, the code says what its item is.
    Raises ValueError where the code is not one of these texts.
    """
    return " ".join(_item(*one) for one in aligned(reference_words, hypothesis_words, code))


def aligned(
    reference_words: Sequence[str], hypothesis_words: Sequence[str], code: str
) -> Iterator[tuple[str, str, str]]:
    """Yield the operations of a code one by one, as (letter, what was said, what was heard); nothing is ``""``.

    The words of a forgiven merge stand together, with spaces. Raises ValueError where the code is not one of these
    texts.
    """
    runs = list(spans(code))
    fits = (sum(num_reference for _, num_reference, _ in runs), sum(num_hypothesis for *_, num_hypothesis in runs))
    given = (len(reference_words), len(hypothesis_words))
    if fits != given:
        raise ValueError(f"alignment {code!r} is of {fits[0]} and {fits[1]} words, not {given[0]} and {given[1]}")
    return _aligned(iter(reference_words), iter(hypothesis_words), runs)


def _aligned(
    reference: Iterator[str], hypothesis: Iterator[str], runs: Sequence[tuple[str, int, int]]
) -> Iterator[tuple[str, str, str]]:
    for letter, num_reference, num_hypothesis in runs:
        said, heard = list(islice(reference, num_reference)), list(islice(hypothesis, num_hypothesis))
        if letter in (JOINED, PARTED):
            yield letter, " ".join(said), " ".join(heard)
        else:
            yield from ((letter, *pair) for pair in zip_longest(said, heard, fillvalue=""))


def _item(letter: str, said: str, heard: str) -> str:
    if letter == HIT:
        return said
    if letter in (DELETION, INSERTION):
        return f"[-{said}-]" if letter == DELETION else f"[+{heard}+]"
    return f"[{said}->{heard}]" if letter == SUBSTITUTION else f"[{said}={heard}]".replace(" ", "_")


def _edits(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[str, int, int]]:
    """List the fewest edits: what, and where in both texts."""
    # They are called Editop in its types, and hold this.
    return cast("list[tuple[str, int, int]]", Levenshtein.editops(reference, hypothesis).as_list())


def _code_of(edits: Sequence[tuple[str, int, int]], num_reference: int, num_before: int = 0) -> tuple[str, int]:
    """Write the edits of RapidFuzz (what, and where in both texts) as a code that begins with ``num_before`` hits.

    And count its substitutions.
    """
    code = last = ""
    done, length, num_substitutions = -num_before, 0, 0
    for tag, position, _ in edits:
        num_substitutions += tag == "replace"
        if tag != last or position != done:
            if length:
                code += f"{length}{_LETTERS[last]}"
            if position != done:
                code += f"{position - done}{HIT}"
            last, length = tag, 0
        length += 1
        done = position + (tag != "insert")
    if length:
        code += f"{length}{_LETTERS[last]}"
    return code + (f"{num_reference - done}{HIT}" if num_reference != done else ""), num_substitutions


def _run_lengths(letters: str) -> str:
    return "".join(f"{len(list(run))}{letter}" for letter, run in groupby(letters))


def _traced(reference: Sequence[str], hypothesis: Sequence[str], num_errors: int) -> str:
    """Return the operations of a canonical alignment with ``num_errors`` errors, a letter each.

    A table too large to keep is halved at a cell that such an alignment passes, as often as it takes.
    """
    band = banded.Band(len(reference), len(hypothesis), num_errors)
    if band.num_cells <= _FEW_CELLS:
        return banded.trace_short(reference, hypothesis, band)
    texts = banded.intern(reference, hypothesis)
    if band.num_cells <= _MAX_CELLS:
        return banded.trace(*texts, band)
    i, j = banded.middle(*texts, band)
    halves = (reference[:i], hypothesis[:j]), (reference[i:], hypothesis[j:])
    return "".join(_traced(*half, Levenshtein.distance(*half)) for half in halves)
