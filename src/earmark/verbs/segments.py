"""Cutting the long audio of a run before it is planned: in several threads, told, and stopped when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from earmark.audio.segment import Cutting
from earmark.errors import InterruptedRunError, UsageError
from earmark.planning.segmenting import Segmenter, long_utterances, segments_table
from earmark.recognizers.base import LENGTH_TOLERANCE_S
from earmark.records import StopCheck
from earmark.schema import SEGMENTS
from earmark.spec import RecognizerSpec, RunSpec, SegmentationSpec
from earmark.verbs.events import Observer, SegmentingProgressed
from earmark.verbs.in_order import in_order, num_threads

_COLUMNS = ["index", "audio", "start_s", "duration_s", "channel"]
_ROWS_AT_ONCE = 4_096


def check_fits(utterances: pa.Table, recognizer: RecognizerSpec, segmentation: SegmentationSpec) -> None:
    """Raise UsageError where nothing is to be cut and every utterance is too long: a model would load for nothing."""
    longest_s = recognizer.max_audio_s
    if longest_s is None or segmentation.name != "none":
        return
    wanted = utterances.filter(pc.is_null(utterances["skip_reason"]))
    shortest_s = float(pc.min(wanted["duration_s"]).as_py() or 0.0)  # 0: there is none, or its length is not known
    if shortest_s > longest_s + LENGTH_TOLERANCE_S:
        raise UsageError(
            f"every utterance is longer than {recognizer.place or recognizer.name} takes, and none is to be cut",
            cause=f"it takes {longest_s:g} s in one piece, and the shortest has {shortest_s:.1f} s",
            hint="--segmenter energy",
        )


def cut_long(utterances: pa.Table, root: str, spec: RunSpec, observer: Observer, stop: StopCheck) -> pa.Table:
    """The pieces (schema.SEGMENTS) of what the recognizer does not take whole; the same for any number of threads.

    Raises MissingExtraError, and InterruptedRunError where ``stop`` says so: nothing is kept then.
    """
    long = long_utterances(utterances, spec).select(_COLUMNS)
    if not len(long):
        return SEGMENTS.empty_table()
    return segments_table(_told(long, Segmenter(spec, root), observer, stop, len(utterances)))


def _told(
    long: pa.Table, segmenter: Segmenter, observer: Observer, stop: StopCheck, num_utterances: int
) -> Iterator[tuple[int, Cutting | None]]:
    cuttings = in_order(segmenter.cut, _rows(long), min(num_threads(), len(long)))
    for number, (index, cutting) in enumerate(zip(long["index"].to_pylist(), cuttings, strict=True), 1):
        if stop():
            hint = "long audio was being cut, and nothing is kept of that: the same command begins with it again"
            raise InterruptedRunError(0, num_utterances, hint)
        observer(SegmentingProgressed(num_utterances=len(long), num_done=number))
        yield index, cutting


def _rows(long: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in long.to_batches(_ROWS_AT_ONCE):
        yield from batch.to_pylist()
