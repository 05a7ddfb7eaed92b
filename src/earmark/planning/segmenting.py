"""Which utterances are too long for the recognizer, and into which pieces they are cut, before anything is planned.

Knows the segmenters by name and the table of the pieces. Who cuts, in how many threads, is the verb's to say.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, get_args

import pyarrow as pa
import pyarrow.compute as pc

from earmark import schema
from earmark.audio.segment import Cutting, cut_points
from earmark.audio.speech import OPTIONS, VERSION, cut_at_silence
from earmark.audio.vad import SpeechDetector
from earmark.errors import AudioError, UnknownNameError
from earmark.spec import RecognizerSpec, RunSpec, SegmentationSpec, SegmenterName

_ROUNDED_S = 1.0
"""A stated length may be rounded: what is said to fit by less than this is looked at as well."""


def segmentation_of(name: SegmenterName, recognizer: RecognizerSpec) -> SegmentationSpec:
    """What cuts long audio, as it stands in the identity of a run.

    Raises UnknownNameError, MissingExtraError where its package is missing, UsageError where it is too old.
    """
    if name not in get_args(SegmenterName):
        raise UnknownNameError("segmenter", name, get_args(SegmenterName))
    if name != "vad" or recognizer.max_audio_s is None:
        return SegmentationSpec(name=name)
    return SegmentationSpec(name=name, version=VERSION, content_hash=SpeechDetector().content_hash, options=OPTIONS)


def long_utterances(utterances: pa.Table, spec: RunSpec) -> pa.Table:
    """The utterances that the recognizer may not take in one piece: those of unknown length too.

    Empty where it takes any length, or where nothing is to be cut.
    """
    longest_s = spec.max_piece_s
    if longest_s is None or spec.segmentation.name == "none":
        return utterances.slice(0, 0)
    duration_s = utterances["duration_s"]
    may_be_rounded = pc.is_valid(utterances["stated_duration_s"])
    near = pc.and_(may_be_rounded, pc.greater(duration_s, longest_s - _ROUNDED_S))
    is_long = pc.or_(pc.greater(duration_s, longest_s), pc.equal(duration_s, 0.0))
    return utterances.filter(pc.or_(is_long, near))


class Segmenter:
    """Cuts the audio under ``root`` as the spec says; several threads may use one. Raises MissingExtraError."""

    def __init__(self, spec: RunSpec, root: str) -> None:
        if spec.max_piece_s is None:
            raise ValueError("a recognizer that takes any length needs nothing cut")
        self._root = root
        self._max_piece_s, self._max_decoded_s = spec.max_piece_s, spec.audio.max_decoded_s
        is_by_speech = spec.segmentation.name == "vad"
        self._cut = partial(cut_at_silence, detector=SpeechDetector()) if is_by_speech else cut_points

    def cut(self, row: Mapping[str, Any]) -> Cutting | None:
        """Decode a row of schema.UTTERANCES once, block by block. None where it stays whole.

        So stays what fits, and what cannot be decoded: its worker will say why.
        """
        try:
            found = self._cut(
                os.path.join(self._root, row["audio"]),  # noqa: PTH118  # an absolute uri stays as it is
                start_s=row["start_s"] or 0.0,
                duration_s=row["duration_s"] if row["start_s"] is not None else None,
                channel=row["channel"],
                max_piece_s=self._max_piece_s,
                max_decoded_s=self._max_decoded_s,
            )
        except AudioError:
            return None
        is_whole = len(found.pieces) == 1 and found.pieces[0][1] == found.length_s
        return None if is_whole else found


def segments_table(cuttings: Iterable[tuple[int, Cutting | None]]) -> pa.Table:
    """The pieces (schema.SEGMENTS) of utterances by their index, in the order of the data."""
    pieces: dict[str, list[Any]] = {name: [] for name in schema.SEGMENTS.names}
    for index, cutting in cuttings:
        if cutting is None:
            continue
        for number, (start_s, duration_s) in enumerate(cutting.pieces):
            row = (index, number, len(cutting.pieces), start_s, duration_s, cutting.length_s)
            for name, value in zip(pieces, row, strict=True):
                pieces[name].append(value)
    return pa.table(pieces, schema=schema.SEGMENTS)
