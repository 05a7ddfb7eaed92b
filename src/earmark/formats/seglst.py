"""SegLST: a JSON list of segments, each with ``session_id``, ``start_time``, ``end_time``, ``speaker`` and ``words``.

Source: the MeetEval toolkit's description, https://github.com/fgnt/meeteval. Times are seconds, as numbers or as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from earmark.errors import ManifestError, UsageError
from earmark.formats.cells import as_seconds, as_text
from earmark.formats.exported_run import ExportedRun
from earmark.formats.jsonl import usable_json
from earmark.formats.lines import excerpt, text_lines
from earmark.formats.transcript import Row, Transcript, Wanted, gather, one_text
from earmark.records import ScoredUtterance

KEYS = ("session_id", "start_time", "end_time", "speaker", "words")
SEGMENT_KEYS = frozenset({"session_id", "words"})
"""An object that has none of them is no segment."""


def read_seglst(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read the segments in order; ids are made of session, speaker, start and end. Raises ManifestError."""
    systems = () if wanted.role == "reference" else (system,)
    return gather(path, _rows(path, wanted), systems, kind="segments")


def _rows(path: str, wanted: Wanted) -> Iterator[Row]:
    for number, segment in enumerate(_segments(path), start=1):
        if not isinstance(segment, dict):
            raise ManifestError(path, f"segment {number} is not a JSON object")
        if not segment.keys() & SEGMENT_KEYS:
            problem = f"object {number} is no segment: it has no session_id and no words"
            raise ManifestError(path, problem, hint="--from jsonl, if these are utterances")
        try:
            yield _row(path, number, segment, wanted)
        except ValueError as error:
            raise ManifestError(path, f"segment {number}: {error}") from error


def _row(path: str, number: int, segment: Mapping[str, Any], wanted: Wanted) -> Row:
    missing = [key for key in KEYS if key not in segment]
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    start_s, end_s = as_seconds(segment, "start_time"), as_seconds(segment, "end_time")
    if start_s is None or end_s is None or end_s < start_s:
        raise ValueError(f"from {segment['start_time']!r} to {segment['end_time']!r} is no piece of time")
    session, speaker = as_text(segment, "session_id") or "", as_text(segment, "speaker") or ""
    reference, hypotheses = one_text(wanted, path, as_text(segment, "words") or "")
    return Row(
        number,
        f"{session}-{speaker}-{start_s:.12g}-{end_s:.12g}",
        reference,
        audio=session,
        start_s=start_s,
        duration_s=end_s - start_s,
        speaker=speaker,
        track=session,
        hypotheses=hypotheses,
    )


def _segments(path: str) -> list[Any]:
    lines = list(text_lines(path))
    try:
        found = usable_json("".join(lines))
    except json.JSONDecodeError as error:
        problem = f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        line = lines[error.lineno - 1] if error.lineno <= len(lines) else ""
        shown = excerpt(line, error.colno)
        raise ManifestError(path, problem, line=error.lineno, column=error.colno, excerpt=shown) from error
    except ValueError as error:
        raise ManifestError(path, str(error)) from error
    if not isinstance(found, list):
        raise ManifestError(path, "not a JSON list of segments")
    return found


def write_seglst(run: ExportedRun) -> Iterator[bytes]:
    """Yield a list of the hypotheses, as they are: of a piece of a file at its place, of a whole one from 0.

    The session is the file, or the id where there is no file. Raises UsageError where nobody knows a duration.
    """
    before = "["
    for one in run.heard():
        yield f"{before}\n  {json.dumps(_segment(one), ensure_ascii=False)}".encode()
        before = ","
    yield b"\n]\n" if before == "," else b"[]\n"


def _segment(one: ScoredUtterance) -> dict[str, Any]:
    if one.duration_s <= 0:
        raise UsageError(
            f"no SegLST without times, and nobody knows how long {one.id!r} is", hint="--to jsonl needs none"
        )
    start_s = one.start_s or 0.0
    return {
        "session_id": one.audio or one.id,
        "start_time": start_s,
        "end_time": start_s + one.duration_s,
        "speaker": one.speaker or "",
        "words": " ".join((one.hypothesis or "").split()),
    }
