"""A run's utterances as JSON Lines, with words, confidences and n best: for fusion and calibration.

Each line is an object with the fields of ``ScoredUtterance`` in their order; what there is not is null.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.jsonl import jsonl_rows
from earmark.records import Alternative, ScoredUtterance, Word


def write_scored_jsonl(utterances: Iterable[ScoredUtterance]) -> Iterator[bytes]:
    """Yield a line an utterance, in UTF-8, with its newline."""
    for one in utterances:
        yield f"{json.dumps(dataclasses.asdict(one), ensure_ascii=False, allow_nan=False)}\n".encode()


def read_scored_jsonl(path: str) -> Iterator[ScoredUtterance]:
    """Read what ``write_scored_jsonl`` wrote. Raises ManifestError with the line."""
    for number, row in jsonl_rows(path):
        try:
            yield _utterance(row)
        except (KeyError, TypeError) as error:
            raise ManifestError(path, "not an utterance of an exported run", line=number) from error


def _utterance(row: dict[str, Any]) -> ScoredUtterance:
    words = None if row["words"] is None else tuple(Word(**one) for one in row["words"])
    alternatives = tuple(Alternative(**one) for one in row["alternatives"])
    return ScoredUtterance(**{**row, "words": words, "alternatives": alternatives})
