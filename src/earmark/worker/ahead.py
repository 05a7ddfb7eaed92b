"""What is done ahead of the recognizer, in threads of its own: audio is decoded, and a model's inputs are made of it.

Nothing goes wrong here: what cannot be decoded is a failure beside the others, and a batch whose inputs could not be
made comes without, so that asking for it as it is says what is wrong.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from earmark.audio.level import rms_dbfs
from earmark.errors import AudioError, sentence_of
from earmark.recognizers.base import InSteps, Recognizer, is_in_steps
from earmark.records import Batch, Segment, Waveform
from earmark.spec import RunSpec
from earmark.worker.answers import Decoded, Failure
from earmark.worker.hearing import heard_as, waveform_of

BATCHES_AHEAD = 2
MOST_BATCHES_DECODED = BATCHES_AHEAD + 2
"""With the one that a recognizer is busy with, and the one before it, whose texts may still be being made."""
_DECODING_THREADS = 2


@dataclass(slots=True)
class Ready:
    """A batch that is decoded, and the inputs that the recognizer made of its waveforms; None where it made nothing."""

    decoded: list[Decoded]
    inputs: object = None

    @property
    def good(self) -> list[Decoded]:
        """What of it decoded."""
        return [one for one in self.decoded if isinstance(one.outcome, Waveform)]

    def taken(self) -> object:
        """The inputs, which are then held by nobody but the caller."""
        inputs, self.inputs = self.inputs, None
        return inputs


class Ahead:
    """Makes batches ready while the recognizer is busy with one before them, a few of a shard at a time.

    One thread makes inputs, and while it does so nobody else may, since what makes them is seldom made for two: whoever
    asks the recognizer to ``transcribe`` does so ``alone``.
    """

    def __init__(self, recognizer: Recognizer, spec: RunSpec) -> None:
        self._inputs = cast(InSteps, recognizer).inputs if is_in_steps(recognizer) else None
        self._spec = spec
        self._decoders = ThreadPoolExecutor(_DECODING_THREADS, thread_name_prefix="decode")
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="inputs")
        self._made: list[Ready] = []
        self.alone = threading.Lock()

    def let_go(self) -> None:
        """Forget the inputs that nobody has taken: their batches are asked as they are. To be called ``alone``."""
        for ready in self._made:
            ready.inputs = None

    def close(self) -> None:
        """Leave what is not begun. What waits for a decoding that was left ends with it."""
        self._decoders.shutdown(cancel_futures=True)
        self._maker.shutdown(cancel_futures=True)

    def batches(self, batches: Sequence[Batch]) -> Iterator[tuple[Batch, Callable[[], Ready]]]:
        """Each batch, and what waits until it is ready; a few batches further on are made ready meanwhile."""
        waiting: list[Callable[[], Ready]] = []
        for number, batch in enumerate(batches):
            while len(waiting) <= BATCHES_AHEAD and number + len(waiting) < len(batches):
                waiting.append(self._begun(batches[number + len(waiting)]))
            yield batch, waiting.pop(0)

    def _begun(self, batch: Batch) -> Callable[[], Ready]:
        decoding = [self._decoders.submit(_decoded, segment, self._spec) for segment in batch.segments]
        if self._inputs is None:
            return lambda: Ready([future.result() for future in decoding])
        return self._maker.submit(self._ready, self._inputs, decoding).result

    def _ready(self, inputs_of: Callable[[Sequence[Waveform]], object], decoding: Sequence[Future[Decoded]]) -> Ready:
        ready = Ready([future.result() for future in decoding])
        waveforms = [one.outcome for one in ready.good if isinstance(one.outcome, Waveform)]
        if waveforms:
            with suppress(Exception), self.alone:
                ready.inputs = inputs_of(waveforms)
                self._made = [*(one for one in self._made if one.inputs is not None), ready]
        return ready


def _decoded(segment: Segment, spec: RunSpec) -> Decoded:
    started = time.perf_counter()
    outcome: Waveform | Failure
    audio_s = 0.0
    try:
        recorded = waveform_of(segment, spec)
        outcome, audio_s = heard_as(recorded, spec.audio), recorded.duration_s
    except AudioError as error:
        outcome = Failure(error.kind, error.what)
    except Exception as error:  # noqa: BLE001  # whatever a hostile file does to a decoder is that file's failure
        outcome = Failure("unreadable", sentence_of(error))
    level_dbfs = rms_dbfs(outcome.samples) if isinstance(outcome, Waveform) else None
    return Decoded(segment, outcome, level_dbfs, time.perf_counter() - started, audio_s)
