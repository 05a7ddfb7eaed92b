"""The recognizer: a Whisper of CTranslate2 from anywhere, declared before it is loaded.

It knows the contract of recognizers, and neither CTranslate2 nor faster-whisper until it is entered.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from types import TracebackType
from typing import Self

import numpy as np

from earmark.errors import OutOfMemoryError, RecognizerError, first_line
from earmark.fetching import FetchOptions
from earmark.recognizers.accelerator import DeviceKind, device_kind, usual_batch_s
from earmark.recognizers.faster_whisper.asking import (
    SHORTEST_SAMPLES,
    Features,
    Outputs,
    Samples,
    features_of,
    hypotheses_of,
    outputs_of,
)
from earmark.recognizers.faster_whisper.checkpoint import PATTERNS, Checkpoint, read_checkpoint
from earmark.recognizers.faster_whisper.loading import Loaded, load
from earmark.recognizers.faster_whisper.settings import Settings
from earmark.recognizers.languages import language_code
from earmark.recognizers.model_files import ModelFiles, content_hash, outright
from earmark.recognizers.packages import installed_version, packages_of
from earmark.recognizers.together import check_fits
from earmark.records import Hypothesis, Waveform
from earmark.spec import RecognizerSpec

_OLDEST = (1, 2)
_EXTRA = "faster-whisper"


class FasterWhisper:
    """A Whisper that was converted for CTranslate2.

    ``model`` is a folder, ``hf:OWNER/NAME[@REVISION]`` or ``s3://BUCKET/PREFIX`` with ``model.bin`` and
    ``tokenizer.json``. ``dtype`` is what it computes in: float32, float16, bfloat16, int8, int8_float16, ... ``device``
    is auto (a GPU where CTranslate2 has one), cpu, cuda or cuda:N. ``beams`` above 1 searches, and ``nbest`` keeps so
    many of them. ``language`` is a code or an English name; without one a multilingual model tells it for each
    utterance. ``task`` is transcribe or translate. ``prompt`` is text that is taken for said before.
    ``max_new_tokens`` bounds a text. ``words`` times the words.
    """

    def __init__(
        self,
        *,
        model: str,
        dtype: str = "float32",
        device: str = "auto",
        beams: int = 1,
        language: str | None = None,
        task: str = "transcribe",
        prompt: str | None = None,
        max_new_tokens: int | None = None,
        words: bool = False,
        nbest: int = 1,
        fetching: FetchOptions = FetchOptions(),  # noqa: B008  # frozen
    ) -> None:
        self._settings = Settings(
            dtype=dtype, device=device, beams=beams, language=language_code(language), task=task, prompt=prompt,
            max_new_tokens=max_new_tokens, words=words, nbest=nbest,
        )  # fmt: skip
        named = {"model": outright(str(model))}
        self._files = ModelFiles(named, folders=named, fetching=fetching, patterns={"model": PATTERNS})
        self._loaded: Loaded | None = None
        _ = _version()

    @cached_property
    def spec(self) -> RecognizerSpec:
        """Its library's version, a hash over the files that count, and the options; nothing is loaded for it."""
        return RecognizerSpec(
            name="faster-whisper",
            version=_version(),
            content_hash=content_hash(sorted(self._files.digests()["model"])),
            options=self._settings.options(),
            batching="masked",
            max_audio_s=self._checkpoint.max_audio_s,
            sources=self._files.sources(),
            architecture="Whisper",
        )

    @property
    def device_kind(self) -> DeviceKind:
        """Where it works on this machine, as far as is known before it is entered; whatever torch is for."""
        return device_kind(self._settings.device, needs_torch=False)

    @property
    def takes_language(self) -> bool:
        """A multilingual one does; one that is not told finds out, for each utterance."""
        return bool(self._checkpoint.languages)

    @property
    def usual_batch_s(self) -> float:
        """Padded seconds of audio in a batch that suit such a model there, where nobody measured."""
        return usual_batch_s(self.device_kind, is_ctc=False)

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        return read_checkpoint(self._files.sources()[0].name, self._files.paths()["model"], self._settings)

    def __getstate__(self) -> dict[str, object]:
        """Without what was read on this machine: the files may be elsewhere on the next one."""
        return {name: value for name, value in self.__dict__.items() if name != "_checkpoint"} | {"_loaded": None}

    def __enter__(self) -> Self:
        """Load the model. Raises RecognizerError and MissingExtraError."""
        with packages_of(_EXTRA):
            self._loaded = load(self._checkpoint, self._settings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the model."""
        self._loaded = None
        gc.collect()

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        """One hypothesis a waveform, each in a window of its own."""
        return self.hypotheses(self.outputs(self.inputs(batch)))

    def inputs(self, batch: Sequence[Waveform]) -> Features:
        """The features of a batch."""
        check_fits(max((one.duration_s for one in batch), default=0.0), self._checkpoint.max_audio_s)
        return features_of(self._entered, [_lengthened(waveform.samples) for waveform in batch])

    def outputs(self, inputs: Features) -> Outputs:
        """The tokens that the model gives to features. Raises OutOfMemoryError."""
        try:
            return outputs_of(self._entered, inputs)
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            full = first_line(error)
        raise OutOfMemoryError(f"{len(inputs.num_frames)} utterances do not fit", cause=full)

    def hypotheses(self, outputs: Outputs) -> list[Hypothesis]:
        """One text for each waveform of the batch."""
        return hypotheses_of(self._entered, outputs)

    @property
    def _entered(self) -> Loaded:
        if self._loaded is None:
            raise RecognizerError("the model is not loaded", hint="with FasterWhisper(...) as recognizer:")
        return self._loaded


def _lengthened(samples: Samples) -> Samples:
    """With silence after it up to the least that has a spectrum."""
    return np.pad(samples, (0, max(0, SHORTEST_SAMPLES - len(samples))))


def _version() -> str:
    """Those of faster-whisper and of CTranslate2."""
    found = installed_version(("faster-whisper", "ctranslate2"), extra=_EXTRA, oldest=_OLDEST)
    return f"{found} (CTranslate2 {version('ctranslate2')})"
