"""Segments of meetings as utterances: what NOTSOFAR-1's own layout and CHiME-8's have in common. It knows no folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.cells import as_seconds, as_text
from earmark.records import AudioRef, ExtraValue, Utterance

_TAG = re.compile(r"<[^>]*>")


def spoken(text: str) -> str:
    """The text without the annotators' tags: ``<ST/> Hi <PName>Bob</PName>`` is "Hi Bob".

    Whisper's normalizer takes out the same, so a text that is all tags becomes empty under either.
    """
    return " ".join(_TAG.sub("", text).split())


def segments_in(path: str, found: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:  # noqa: ANN401  # JSON is anything
    """Each segment of a transcription with its number, from 1. Raises ManifestError for anything but objects."""
    if not isinstance(found, list):
        raise ManifestError(path, "not a JSON list of segments")
    for number, segment in enumerate(found, start=1):
        if not isinstance(segment, dict):
            raise ManifestError(path, f"segment {number} is not a JSON object")
        yield number, segment


def required(segment: Mapping[str, Any], key: str) -> str:
    """Read a text that must be there. Raises ValueError."""
    text = as_text(segment, key)
    if not text:
        raise ValueError(f"it has no {key!r}")
    return text


def interval_s(segment: Mapping[str, Any]) -> tuple[float, float]:
    """Start and end, in seconds, of numbers or of texts. Raises ValueError where either is missing or wrong."""
    start_s, end_s = as_seconds(segment, "start_time"), as_seconds(segment, "end_time")
    if start_s is None or end_s is None:
        raise ValueError("it has no 'start_time', or no 'end_time'")
    if end_s < start_s:
        raise ValueError(f"it ends at {end_s:g} s, and starts at {start_s:g} s")
    return start_s, end_s


def segment_utterance(
    session: str,
    speaker: str,
    times_s: tuple[float, float],
    audio: str,
    text: str | None,
    *,
    channel: int | None,
    language: str,
    extra: Mapping[str, ExtraValue],
) -> Utterance:
    """The utterance of one segment. Its id is ``session-speaker-start-end``, as SegLST's are made elsewhere."""
    start_s, end_s = times_s
    words = None if text is None else spoken(text)
    annotated = {"annotated_text": text} if text is not None and text != words else {}
    return Utterance(
        f"{session}-{speaker}-{start_s:.12g}-{end_s:.12g}",
        AudioRef(audio, start_s, end_s - start_s, channel),
        words,
        language,
        speaker,
        {**extra, **annotated},
    )
