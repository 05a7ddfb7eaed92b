"""Puzzles in files, as the field lays them out: which layout it is, and both ways. It knows no solver.

::

    FOLDER/{train,test}/all__*.npy, dataset.json     built, what the published loaders read
    FOLDER/{train,test}.csv                          the published table
    FILE.csv                                         such a table alone

https://huggingface.co/datasets/sapientinc/sudoku-extreme has the tables, https://github.com/sapientinc/HRM builds
the folder of them. What comes from a file is checked row by row before anybody sees it.
"""

from __future__ import annotations

import os
from pathlib import Path

from earmark.errors import FolderError, ManifestError
from earmark.puzzles.built_folder import INPUTS, read_split, write_identifiers, write_split
from earmark.puzzles.generate import Split
from earmark.puzzles.grids import PuzzleSet
from earmark.puzzles.table import read_table, write_table

__all__ = ["read_puzzles", "write", "write_table"]

_PLACES = "--data takes a folder of sudoku-extreme, as published or as built, or a table FILE.csv"


def read_puzzles(path: str | os.PathLike[str], split: Split = "test") -> PuzzleSet:
    """The puzzles of a folder's ``split``, or all of a table that is named itself, under the name ``path``.

    Without labels ``solutions`` is None. Raises FolderError where nothing of the kind is at ``path``, and ManifestError
    with the file, the first bad row and what mends it.
    """
    name = str(path)
    try:
        return _read(Path(path), name, split)
    except OSError as error:
        raise FolderError(name, error.strerror or str(error), hint=_PLACES) from error


def _read(place: Path, name: str, split: Split) -> PuzzleSet:
    if place.is_file() and place.suffix in (".jsonl", ".json"):
        raise ManifestError(name, "it is no table of puzzles", hint=f"{_PLACES}; --task asr takes speech")
    if place.is_file():
        return read_table(place, name)
    table, built = place / f"{split}.csv", place / split
    if built.is_dir() and table.exists():
        raise ManifestError(name, f"it holds both {split}/ and {split}.csv", hint=f"name {table} or move one of them")
    if built.is_dir():
        return read_split(built, name)
    if table.is_file():
        return read_table(table, name)
    raise _nothing_there(place, name, split)


def write(folder: Path, *, train: PuzzleSet, test: PuzzleSet) -> None:
    """Write the built layout into ``folder``, which is made if need be. Each file is there whole or not at all.

    ``dataset.json`` comes last in each split, so a split that has it is complete. Raises FolderError.
    """
    try:
        for split, puzzles in (("train", train), ("test", test)):
            write_split(folder / split, puzzles)
        write_identifiers(folder)
    except OSError as error:
        problem = error.strerror or str(error)
        raise FolderError(str(folder), problem, hint="name a folder that can be written") from error


def _nothing_there(place: Path, name: str, split: Split) -> FolderError:
    if not place.exists():
        return FolderError(name, "there is no such file or folder", hint=_PLACES)
    if (place / INPUTS).exists():
        return FolderError(name, "it is one split of built puzzles", hint=f"name the folder above it: {place.parent}")
    return FolderError(name, f"it has neither {split}/{INPUTS} nor {split}.csv", hint=_PLACES)
