"""Rows of a manifest of which some are broken: those are handed over, and the others are read all the same.

An evaluation must not do so, since a set without its broken rows is another set. Whoever mends data wants all of them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

from earmark.errors import ManifestError
from earmark.formats.delimited import table_header
from earmark.formats.json_arrays import array_rows, is_array
from earmark.formats.jsonl import jsonl_row
from earmark.formats.lines import text_line
from earmark.formats.parquet import parquet_rows
from earmark.formats.row_chunks import NumberedRow

BadRow = Callable[[ManifestError], None]
"""Is told of each broken row, in their order."""


def surviving_rows(kind: str, path: str, bad: BadRow) -> Iterator[NumberedRow]:
    """Each usable row of a manifest of ``kind`` (jsonl, csv, tsv, parquet), with its line.

    What is wrong with the whole (it cannot be opened, its header is no header, it is not Parquet) is raised as
    ManifestError, as the reader of its format would.
    """
    if kind == "parquet":
        return parquet_rows(path)
    return _objects(path, bad) if kind == "jsonl" else _cells(path, bad, has_tabs=kind == "tsv")


def _objects(path: str, bad: BadRow) -> Iterator[NumberedRow]:
    if is_array(path):
        try:
            yield from array_rows(path, bad)
        except ManifestError as error:  # what stands behind that place cannot be told apart
            bad(error)
        return
    for number, line in _lines(path, bad):
        try:
            yield from jsonl_row(path, number, line)
        except ManifestError as error:
            bad(error)


def _lines(path: str, bad: BadRow) -> Iterator[tuple[int, str]]:
    try:
        with Path(path).open("rb") as file:
            for number, raw in enumerate(file, start=1):
                try:
                    yield number, text_line(path, number, raw)
                except ManifestError as error:
                    bad(error)
    except OSError as error:
        raise ManifestError(path, f"cannot be read: {error.strerror}") from error


def _cells(path: str, bad: BadRow, *, has_tabs: bool) -> Iterator[NumberedRow]:
    header: list[str] = []

    def tell(error: ManifestError) -> None:
        if not header:  # without it no row says anything
            raise error
        bad(error)

    lines = _Numbered(_lines(path, tell))
    for cells in _records(path, lines, tell, has_tabs=has_tabs):
        if not header:
            header.extend(table_header(path, cells))
        elif len(cells) != len(header):
            problem = f"{len(cells)} cells, where the header has {len(header)}"
            bad(ManifestError(path, problem, line=lines.number))
        else:
            yield lines.number, {name: cell or None for name, cell in zip(header, cells, strict=True)}


def _records(path: str, lines: _Numbered, bad: BadRow, *, has_tabs: bool) -> Iterator[list[str]]:
    """The cells of each line that is not blank, the header's first."""
    if has_tabs:
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, skipinitialspace=True, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            bad(ManifestError(path, f"not a table: {error}", line=lines.number))
            continue
        if cells:
            yield cells


class _Numbered:
    """Lines for a csv reader, which counts those that it is given: not the ones that were left out."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        return line
