"""An evaluation that is ready to begin: who transcribes what in which batches, and what counts the errors.

What ``arguments`` make of those of ``evaluate``. Knows no folder: the same evaluation is done whole, or a share of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from earmark.recognizers import Recognizer
from earmark.scoring.scorer import Scorer
from earmark.sources.base import Source
from earmark.spec import Asked, AudioSpec, BatchingSpec, SegmentationSpec
from earmark.text.base import Normalizer
from earmark.verbs.events import Observer
from earmark.verbs.interrupt import StopRequest
from earmark.verbs.metering import Meter
from earmark.verbs.workforce import Workforce


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """``batching`` is the declared rule, or the one that was asked for where ``is_batching_said``.

    ``cache`` is the folder in which is kept what this machine knows of speeds. ``began`` is what the attempt's wall
    time counts from.
    """

    recognizer: Recognizer
    source: Source
    utterances: pa.Table
    batching: BatchingSpec
    is_batching_said: bool
    segmentation: SegmentationSpec
    audio: AudioSpec
    asked: Asked
    normalizer: Normalizer
    scorer: Scorer
    workforce: Workforce
    meter: Meter
    cache: Path
    retry_failed: bool
    began: float
    stop: StopRequest
    observer: Observer
