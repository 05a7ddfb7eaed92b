"""A checkpoint into memory, and whatever faster-whisper needs around it. No network, nothing on the screen.

A worker process computes with one thread on a processor, unless OMP_NUM_THREADS says otherwise: there is one worker a
core.
"""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import dataclass
from typing import Any

from earmark.errors import RecognizerError, first_line
from earmark.recognizers.faster_whisper.checkpoint import MODEL, Checkpoint
from earmark.recognizers.faster_whisper.settings import Settings
from earmark.recognizers.faster_whisper.weights import check_numbers

_ALL_THREADS = 0  # as many as the library likes


@dataclass(frozen=True)
class Loaded:
    """A model ready to be asked: ``whisper`` is faster-whisper's, ``extractor`` makes its features."""

    checkpoint: Checkpoint
    settings: Settings
    whisper: Any
    extractor: Any


def load(checkpoint: Checkpoint, settings: Settings) -> Loaded:
    """Load the checkpoint as the settings say.

    The features are made for the mels and the window that the weights have. The library would read a file that newer
    checkpoints do not bring, and count times by it. Raises RecognizerError for a device that is not there, weights that
    are no numbers, and what CTranslate2 refuses.
    """
    import ctranslate2
    from faster_whisper import WhisperModel

    class Whisper(WhisperModel):  # type: ignore[misc]  # it says no types
        """The library's, with features for these weights: the file that it would read for them does not count."""

        def _get_feature_kwargs(self, *_: object) -> dict[str, int]:
            return {"feature_size": checkpoint.shapes.num_mels}

    device, number = _device(settings.device, ctranslate2.get_cuda_device_count())
    check_numbers(checkpoint.place, checkpoint.folder / MODEL)
    try:
        whisper = Whisper(
            str(checkpoint.folder),
            device=device,
            device_index=number,
            compute_type=settings.dtype,
            cpu_threads=_num_threads(),
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise RecognizerError(f"CTranslate2 cannot load {checkpoint.place}", cause=first_line(error)) from error
    return Loaded(checkpoint, settings, whisper, whisper.feature_extractor)


def _num_threads() -> int:
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdigit():
        return int(said)
    return 1 if multiprocessing.parent_process() is not None else _ALL_THREADS


def _device(name: str, num_gpus: int) -> tuple[str, int]:
    kind, _, number = name.partition(":")
    if kind == "auto":
        kind = "cuda" if num_gpus else "cpu"
    if kind == "cuda" and int(number or 0) >= num_gpus:
        raise RecognizerError(
            f"there is no device {name!r} here", cause=f"CTranslate2 sees {num_gpus} GPUs", hint="--set device=cpu"
        )
    return kind, int(number or 0)
