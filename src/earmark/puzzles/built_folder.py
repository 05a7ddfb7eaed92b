"""One split of built puzzles: arrays, and what is said of them. It knows this layout's files, and no other layout.

::

    all__inputs.npy, all__labels.npy       uint8 (num, size * size), tokens; the labels may be absent
    all__puzzle_identifiers.npy            int32 (num,), all 0: Sudoku is one kind of puzzle
    all__puzzle_indices.npy                int32 (num + 1,), where each puzzle's rows begin
    all__group_indices.npy                 int32 (num + 1,), where each group of augmented puzzles begins
    dataset.json                           sizes and special tokens
    ../identifiers.json                    what the kinds of puzzle are called

Of these are read the inputs, the labels and ``dataset.json``: each row is a puzzle of its own. The layout is that of
https://github.com/sapientinc/HRM.
"""

from __future__ import annotations

import functools
import json
import math
import tokenize
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import ManifestError, first_line
from earmark.puzzles.grids import PAD, SIZES, PuzzleSet, Tokens, vocab_size_of
from earmark.puzzles.soundness import first_flaw
from earmark.puzzles.whole_files import check_no_pointer, write_whole

INPUTS = "all__inputs.npy"
LABELS = "all__labels.npy"
FACTS = "dataset.json"
_SET = "all"
_MOST_FACTS_BYTES = 1 << 20
_BUILD_AGAIN = "build the data again"
_DAMAGE = (OSError, ValueError, TypeError, EOFError, OverflowError, SyntaxError, tokenize.TokenError, RecursionError)
"""What NumPy raises where the head of an array is damaged: it is Python's source of a dict."""


def read_split(folder: Path, name: str) -> PuzzleSet:
    """The puzzles of ``folder``, mapped and not copied. Raises ManifestError."""
    size = _size(folder / FACTS)
    clues = _array(folder / INPUTS, size)
    solutions = _array(folder / LABELS, size) if (folder / LABELS).exists() else None
    if not len(clues):
        raise ManifestError(str(folder / INPUTS), "it holds no puzzle", hint=_BUILD_AGAIN)
    if solutions is not None and len(solutions) != len(clues):
        raise ManifestError(
            str(folder / LABELS),
            f"it has {len(solutions):,} rows, and {INPUTS} has {len(clues):,}",
            hint=f"{_BUILD_AGAIN}: the two belong together row by row",
        )
    flaw = first_flaw(clues, solutions, size)
    if flaw is not None:
        path = folder / (LABELS if flaw.is_in_solutions else INPUTS)
        raise ManifestError(str(path), f"row {flaw.row} (the first is 0): {flaw.problem}", hint=flaw.hint)
    return PuzzleSet(size, clues, solutions, name)


def write_split(folder: Path, puzzles: PuzzleSet) -> None:
    """Write one split, a group and an identifier 0 for each puzzle. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FACTS).unlink(missing_ok=True)  # it says that the rest is there
    places = np.arange(puzzles.num_puzzles + 1, dtype=np.int32)
    arrays: dict[str, NDArray[Any]] = {
        INPUTS: puzzles.clues,
        "all__puzzle_identifiers.npy": np.zeros(puzzles.num_puzzles, dtype=np.int32),
        "all__puzzle_indices.npy": places,
        "all__group_indices.npy": places,
    }
    if puzzles.solutions is not None:
        arrays[LABELS] = puzzles.solutions
    else:
        (folder / LABELS).unlink(missing_ok=True)
    for file_name, array in arrays.items():
        whole = np.ascontiguousarray(array)
        write_whole(folder / file_name, functools.partial(np.save, arr=whole, allow_pickle=False))
    _write_json(folder / FACTS, _facts(puzzles))


def write_identifiers(folder: Path) -> None:
    """Write what stands above the splits: the name of the one kind of puzzle. Raises OSError."""
    _write_json(folder / "identifiers.json", ["<blank>"])


def _facts(puzzles: PuzzleSet) -> dict[str, Any]:
    return {
        "seq_len": puzzles.num_cells,
        "vocab_size": puzzles.vocab_size,
        "pad_id": PAD,
        "ignore_label_id": PAD,
        "blank_identifier_id": 0,
        "num_puzzle_identifiers": 1,
        "total_groups": puzzles.num_puzzles,
        "mean_puzzle_examples": 1,
        "sets": [_SET],
    }


def _write_json(path: Path, value: object) -> None:
    data = json.dumps(value).encode()
    write_whole(path, lambda file: file.write(data))


def _size(path: Path) -> int:
    """The size that ``dataset.json`` says. Raises ManifestError for what is no Sudoku of ours."""
    facts = _read_facts(path)
    known = {size * size: size for size in SIZES}
    size = known.get(_whole_number(path, facts, "seq_len"))
    if size is None:
        problem = f"'seq_len' is {facts['seq_len']}, where {' or '.join(map(str, known))} is expected"
        raise ManifestError(str(path), problem, hint="only Sudoku of 4x4 and 9x9 is read")
    for fact, expected in (("vocab_size", vocab_size_of(size)), ("pad_id", PAD), ("sets", [_SET])):
        if facts.get(fact) != expected:
            problem = f"{fact!r} is {facts.get(fact)!r}, where {expected!r} is expected with 'seq_len' {size * size}"
            raise ManifestError(str(path), problem, hint=_BUILD_AGAIN)
    return size


def _read_facts(path: Path) -> dict[str, Any]:
    hint = f"it comes with the arrays, and last; {_BUILD_AGAIN}"
    try:
        check_no_pointer(path)
        with path.open("rb") as file:
            facts = json.loads(file.read(_MOST_FACTS_BYTES))
    except FileNotFoundError as error:
        raise ManifestError(str(path), "it is missing", hint=hint) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ManifestError(str(path), f"it cannot be read as JSON: {first_line(error)}", hint=hint) from error
    if not isinstance(facts, dict):
        raise ManifestError(str(path), "it is no JSON object", hint=hint)
    return facts


def _whole_number(path: Path, facts: dict[str, Any], fact: str) -> int:
    value = facts.get(fact)
    if isinstance(value, int):
        return value
    raise ManifestError(str(path), f"{fact!r} is {value!r}, where a number is expected", hint=_BUILD_AGAIN)


def _array(path: Path, size: int) -> Tokens:
    """The grids of a file, mapped. What is done to the array does not reach the file. Raises ManifestError."""
    try:
        check_no_pointer(path)
        array: NDArray[Any] = np.asarray(np.lib.format.open_memmap(path, mode="c"))
    except FileNotFoundError as error:
        raise ManifestError(str(path), "it is missing", hint=_BUILD_AGAIN) from error
    except _DAMAGE as error:
        problem = f"it is no whole array of NumPy: {first_line(error)}"
        raise ManifestError(str(path), problem, hint="copy or build the file again; it may be cut short") from error
    expected = (len(array) if array.ndim else 0, size * size)
    if array.dtype != np.uint8 or array.shape != expected:
        problem = f"it is {array.dtype} of shape {array.shape}, where uint8 of (num, {size * size}) is expected"
        raise ManifestError(str(path), problem, hint=f"{FACTS} beside it says 'seq_len' {math.prod(expected[1:])}")
    return array
