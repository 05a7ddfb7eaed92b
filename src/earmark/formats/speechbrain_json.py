"""The summary that SpeechBrain's recipes print, as a JSON object: WER, SER and counts under SpeechBrain's names.

``SpeechBrainSummary.read`` of ``scoring`` reads it, and makes it: here is the file alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from earmark.errors import ManifestError
from earmark.formats.exported_run import ExportedRun
from earmark.formats.jsonl import jsonl_rows


def write_speechbrain(run: ExportedRun) -> Iterator[bytes]:
    """Yield the object on one line. Rates are per cent, null where there is nothing to divide by."""
    yield f"{json.dumps(dict(run.speechbrain()))}\n".encode()


def read_speechbrain(path: str) -> dict[str, object]:
    """Read the object. Raises ManifestError where there is none, or several."""
    rows = [row for _, row in jsonl_rows(path)]
    if len(rows) != 1:
        raise ManifestError(path, f"holds {len(rows)} objects, and one summary is expected")
    return rows[0]
