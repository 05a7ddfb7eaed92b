"""The forms of a result on stdout, alike in every verb: a table, JSON, a JSON object a line, CSV, Markdown.

A record is a row of a verb's main table with the numbers themselves: rates are fractions, sizes bytes.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

from earmark.cli.screen import json_for_screen, visible

Form = Literal["table", "json", "jsonl", "csv", "md"]
Record = Mapping[str, Any]


def write_for_programs(form: str, whole: str | Mapping[str, Any], records: Sequence[Record]) -> bool:
    """Write the result where ``form`` is one that programs read, and return whether it is.

    ``whole`` is all of it, as JSON or as what becomes JSON; ``records`` are the lines of ``jsonl`` and ``csv``.
    """
    if form == "json":
        text = whole if isinstance(whole, str) else json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
        sys.stdout.write(json_for_screen(text))
    elif form == "jsonl":
        sys.stdout.writelines(json_for_screen(json.dumps(one, ensure_ascii=False)) + "\n" for one in records)
    elif form == "csv":
        _write_csv(records)
    else:
        return False
    sys.stdout.flush()
    return True


def _write_csv(records: Sequence[Record]) -> None:
    """A header and a row a record; nothing of no records.

    Of a record in a record each value has a column, named by both; lists are JSON.
    """
    from earmark.formats.scored_csv import safe_cell

    if not records:
        return
    flat = [dict(_flat(record)) for record in records]
    names = list(dict.fromkeys(name for one in flat for name in one))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    is_seen = sys.stdout.isatty()  # what would move a terminal's cursor may go into a file
    rows: Iterable[Iterable[Any]] = chain([names], (map(one.get, names) for one in flat))
    for row in rows:
        cells = (safe_cell(cell) if isinstance(cell, str) else cell for cell in row)
        writer.writerow(visible(str(cell)) if is_seen and cell is not None else cell for cell in cells)


def _flat(record: Record) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            found += [(f"{name}_{inner}", one) for inner, one in _flat(value)]
        else:
            found.append((name, json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple) else value))
    return found
