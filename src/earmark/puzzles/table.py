"""The table of puzzles, ``source,question,answer,rating``: read as columns, and written. It knows no other layout.

A question or an answer is a grid in one text, row by row, a digit a cell, with ``.`` (or 0) for a blank.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from earmark.errors import ManifestError, first_line
from earmark.puzzles.grids import BLANK, FIRST_DIGIT, SIZES, PuzzleSet, Tokens
from earmark.puzzles.soundness import first_flaw, first_row
from earmark.puzzles.whole_files import check_no_pointer, write_whole

_QUESTION = "question"
_ANSWER = "answer"
_NO_TOKEN = 255
_LAYOUT = "the table has the columns source,question,answer,rating"


def read_table(path: Path, name: str) -> PuzzleSet:
    """The puzzles of a table; other columns are not looked at. Raises ManifestError."""
    table = _columns(path, name)
    if table.column_names.count(_QUESTION) != 1 or table.column_names.count(_ANSWER) > 1:
        problem = f"its columns are {', '.join(map(repr, table.column_names))}"
        raise ManifestError(name, problem, hint=f"{_LAYOUT}, each of them once; without labels there is no answer")
    if not table.num_rows:
        raise ManifestError(name, "it holds no puzzle", hint="name a table with rows under its header")
    size = _size(table[_QUESTION], name)
    clues = _tokens(table[_QUESTION], size, name, _QUESTION)
    solutions = _tokens(table[_ANSWER], size, name, _ANSWER) if _ANSWER in table.column_names else None
    flaw = first_flaw(clues, solutions, size)
    if flaw is not None:
        column = _ANSWER if flaw.is_in_solutions else _QUESTION
        raise ManifestError(name, f"row {flaw.row + 1} after the header, {column!r}: {flaw.problem}", hint=flaw.hint)
    return PuzzleSet(size, clues, solutions, name)


def write_table(path: Path, puzzles: PuzzleSet, *, source: str = "earmark") -> None:
    """Write the table of puzzles with solutions, with the rating 0: nobody rated them. Raises OSError."""
    if puzzles.solutions is None:
        raise ValueError("a table has answers")
    letters = np.array([ord(letter) for letter in "..123456789"], dtype=np.uint8)
    questions, answers = (letters[grids] for grids in (puzzles.clues, puzzles.solutions))
    rows = (
        b"%s,%s,%s,0\n" % (source.encode(), question.tobytes(), answer.tobytes())
        for question, answer in zip(questions, answers, strict=True)
    )
    write_whole(path, lambda file: file.writelines([b"source,question,answer,rating\n", *rows]))


def _columns(path: Path, name: str) -> pa.Table:
    try:
        check_no_pointer(path)
        with path.open("rb") as file:
            return pa.csv.read_csv(
                file,
                read_options=pa.csv.ReadOptions(use_threads=False),
                convert_options=pa.csv.ConvertOptions(
                    column_types={_QUESTION: pa.binary(), _ANSWER: pa.binary()},
                ),
            )
    except (OSError, pa.ArrowInvalid) as error:
        raise ManifestError(name, "it cannot be read as a table", excerpt=first_line(error), hint=_LAYOUT) from error


def _size(column: pa.ChunkedArray, name: str) -> int:
    """The size that the first row has. Raises ManifestError where there is no such size."""
    length = len(column[0].as_py())
    known = {size * size: size for size in SIZES}
    if length not in known:
        problem = f"row 1 after the header, {_QUESTION!r}: it has {length} cells"
        raise ManifestError(name, problem, hint=f"a grid has {' or '.join(map(str, known))}")
    return known[length]


def _tokens(column: pa.ChunkedArray, size: int, name: str, role: str) -> Tokens:
    """The grids of a column. Raises ManifestError for the first row that is none."""
    num_cells = size * size
    lengths = pc.binary_length(column).to_numpy()
    row = first_row(lengths != num_cells)
    if row is not None:
        problem = f"row {row + 1} after the header, {role!r}: it has {lengths[row]} cells"
        raise ManifestError(name, problem, hint=f"each grid of this table has {num_cells}, as its first one")
    letters = np.frombuffer(b"".join(column.to_pylist()), dtype=np.uint8).reshape(-1, num_cells)
    tokens = _token_of_letter(size)[letters]
    row = first_row((tokens == _NO_TOKEN).any(axis=1))
    if row is not None:
        letter = chr(letters[row, (tokens[row] == _NO_TOKEN).argmax()])
        problem = f"row {row + 1} after the header, {role!r}: {letter!r} is no cell"
        raise ManifestError(name, problem, hint=f"a cell is a digit from 1 to {size}, or . for a blank")
    return tokens


def _token_of_letter(size: int) -> Tokens:
    tokens = np.full(256, _NO_TOKEN, dtype=np.uint8)
    tokens[[ord("."), ord("0")]] = BLANK
    tokens[ord("1") : ord("1") + size] = np.arange(FIRST_DIGIT, FIRST_DIGIT + size)
    return tokens
