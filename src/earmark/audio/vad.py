"""How likely each 32 ms of audio are speech: the model that silero-vad carries, run by ONNX Runtime on the processor.

It knows samples at 16 kHz and probabilities. Where to cut is ``speech``'s to say. Of the package silero-vad only the
model's file is used: importing it would load torch, some seconds and half a gigabyte for a model of 1.2 MB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW_SAMPLES = 512
"""The model says one probability for so many samples."""
_CONTEXT_SAMPLES = 64  # of the window before, which the model is given again
_STATE_SHAPE = (1, 1, 128)
_WINDOWS_AT_ONCE = 512  # 16 s: measured, larger calls are no faster
_MODEL = "data/silero_vad_16k_sequence.onnx"
_PACKAGE, _RUNTIME = "silero_vad", "onnxruntime"


@dataclass(frozen=True, slots=True)
class Heard:
    """Of each window of 512 samples: the probability of speech, float32, and the sum of its squares, float64.

    Both have the shape ``(num_windows,)``; silence fills the last window.
    """

    probabilities: NDArray[np.float32]
    energies: NDArray[np.float64]


class SpeechDetector:
    """silero-vad's model for 16 kHz; several threads may use one.

    Raises MissingExtraError where it is not installed, UsageError where its version has another model.
    """

    def __init__(self) -> None:
        self._path = _model_path()

    @cached_property
    def content_hash(self) -> str:
        """Hex SHA-256 of the model's file: two versions of the package with one model answer alike."""
        return hashlib.sha256(self._path.read_bytes()).hexdigest()

    def listen(self, blocks: Iterable[NDArray[np.float32]]) -> Heard:
        """Hear mono blocks of 16 kHz, as one stream: however it is cut into blocks, the answer is the same.

        Memory grows by 12 bytes for each 32 ms.
        """
        hidden = cell = np.zeros(_STATE_SHAPE, np.float32)
        context = np.zeros(_CONTEXT_SAMPLES, np.float32)
        probabilities, energies = [np.empty(0, np.float32)], [np.empty(0)]
        for windows in _windows(blocks):
            before = np.vstack([context, windows[:-1, -_CONTEXT_SAMPLES:]])
            inputs = {"input": np.hstack([before, windows]), "h": hidden, "c": cell}
            found, hidden, cell = self._session.run(["speech_probs", "hn", "cn"], inputs)
            context = windows[-1, -_CONTEXT_SAMPLES:]
            probabilities.append(found.reshape(-1))
            energies.append(np.square(windows, dtype=np.float64).sum(axis=1))
        return Heard(np.concatenate(probabilities), np.concatenate(energies))

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401  # ONNX Runtime ships no types
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # One thread each, so that files can be done side by side; and sums in one order give one answer.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(str(self._path), options, providers=["CPUExecutionProvider"])


def _model_path() -> Path:
    for package in (_PACKAGE, _RUNTIME):
        if find_spec(package) is None:
            raise MissingExtraError("segmenter", "vad", "vad", package)
    found = find_spec(_PACKAGE)
    places = (found.submodule_search_locations if found else None) or []
    for place in places:
        if (path := Path(place, _MODEL)).is_file():
            return path
    raise UsageError(
        "the installed silero-vad is not known to work",
        cause=f"it has no {_MODEL}",
        hint="pip install --upgrade 'earmark[vad]'",
    )


def _windows(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """The samples as arrays ``(num_windows, 512)``, each of as many windows, the last one of fewer."""
    size = _WINDOWS_AT_ONCE * WINDOW_SAMPLES
    rest = np.empty(0, np.float32)
    for block in blocks:
        samples = np.concatenate([rest, block])
        whole = len(samples) // size * size
        for start in range(0, whole, size):
            yield samples[start : start + size].reshape(-1, WINDOW_SAMPLES)
        rest = samples[whole:]
    if len(rest):
        yield np.pad(rest, (0, -len(rest) % WINDOW_SAMPLES)).reshape(-1, WINDOW_SAMPLES)
