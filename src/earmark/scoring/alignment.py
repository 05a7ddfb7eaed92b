"""Which word became which: alignments as run-length coded operations, and as a line to read.

The code of an alignment is a row of runs, a number and a letter each: ``=`` hit, ``S`` substitution, ``D`` deletion,
``I`` insertion; ``5=1S3=1I`` is five hits, a substitution, three hits and an insertion. Its counts are the canonical
ones of ``words``. It holds no word, so words may be anything, an asterisk or ``<eps>`` too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from rapidfuzz.distance import Levenshtein

from earmark.scoring import banded
from earmark.scoring.words import ERROR_COST, edit_cost

HIT, SUBSTITUTION, DELETION, INSERTION = "=", "S", "D", "I"

_LETTERS = {"replace": SUBSTITUTION, "delete": DELETION, "insert": INSERTION}
_RUN = re.compile(r"([1-9][0-9]*)([=SDI])")
_CODE = re.compile(rf"(?:{_RUN.pattern})*")
_MAX_CELLS = 2**22  # of a table that is kept whole: 16 MiB


def align(reference_words: Sequence[str], hypothesis_words: Sequence[str]) -> str:
    """Return the code of a canonical alignment, always the same one; ``""`` for two empty texts."""
    letters = _operations(reference_words, hypothesis_words)
    return "".join(f"{len(list(run))}{letter}" for letter, run in groupby(letters))


def operations(code: str) -> Iterator[tuple[str, int]]:
    """Yield the runs of a code, as (letter, length). Raises ValueError where ``code`` is none."""
    if _CODE.fullmatch(code) is None:
        raise ValueError(f"{code!r} is no alignment: it is runs such as 5= 1S 2D 1I, without spaces")
    return ((letter, int(length)) for length, letter in _RUN.findall(code))


def render_diff(reference_words: Sequence[str], hypothesis_words: Sequence[str], code: str) -> str:
    """Write the alignment as one line: ``the [cat->cap] sat [-down-] [+here+]``.

    A hit is the word, a substitution ``[reference->hypothesis]``, a deletion ``[-word-]``, an insertion ``[+word+]``.
    Words are printed as they are and hold no space, so the items between spaces are the operations of ``code`` in
    order: where a word itself has brackets or arrows, the code says what its item is. Raises ValueError where the code
    is not one of these texts.
    """
    runs = list(operations(code))
    lengths = Counter[str]()
    for letter, length in runs:
        lengths[letter] += length
    num_common = lengths[HIT] + lengths[SUBSTITUTION]
    fits = (num_common + lengths[DELETION], num_common + lengths[INSERTION])
    given = (len(reference_words), len(hypothesis_words))
    if fits != given:
        raise ValueError(f"alignment {code!r} is of {fits[0]} and {fits[1]} words, not {given[0]} and {given[1]}")
    return " ".join(_items(iter(reference_words), iter(hypothesis_words), runs))


def _items(reference: Iterator[str], hypothesis: Iterator[str], runs: Sequence[tuple[str, int]]) -> Iterator[str]:
    for letter, length in runs:
        for _ in range(length):
            if letter == INSERTION:
                yield f"[+{next(hypothesis)}+]"
            elif letter == DELETION:
                yield f"[-{next(reference)}-]"
            elif letter == SUBSTITUTION:
                yield f"[{next(reference)}->{next(hypothesis)}]"
            else:
                next(hypothesis)
                yield next(reference)


def _operations(reference: Sequence[str], hypothesis: Sequence[str]) -> str:
    """Return the operations of a canonical alignment, a letter each."""
    letters = _bit_parallel(reference, hypothesis)
    num_substitutions = letters.count(SUBSTITUTION)
    # A tie can only be a substitution too many, in the place of a deletion and an insertion around a hit.
    if num_substitutions == 0:
        return letters
    num_errors, fewest = divmod(edit_cost(reference, hypothesis), ERROR_COST)
    return letters if num_substitutions == fewest else _traced(reference, hypothesis, num_errors)


def _bit_parallel(reference: Sequence[str], hypothesis: Sequence[str]) -> str:
    """Return the operations of some alignment with the fewest errors, a letter each."""
    pieces = []
    done = 0
    for edit in Levenshtein.editops(reference, hypothesis):
        pieces.append(HIT * (edit.src_pos - done) + _LETTERS[edit.tag])
        done = edit.src_pos + (edit.tag != "insert")
    pieces.append(HIT * (len(reference) - done))
    return "".join(pieces)


def _traced(reference: Sequence[str], hypothesis: Sequence[str], num_errors: int) -> str:
    """Return the operations of a canonical alignment with ``num_errors`` errors.

    A table too large to keep is halved at a cell that such an alignment passes, as often as it takes.
    """
    band = banded.Band(len(reference), len(hypothesis), num_errors)
    texts = banded.intern(reference, hypothesis)
    if band.num_cells <= _MAX_CELLS:
        return banded.trace(*texts, band)
    i, j = banded.middle(*texts, band)
    return _operations(reference[:i], hypothesis[:j]) + _operations(reference[i:], hypothesis[j:])
