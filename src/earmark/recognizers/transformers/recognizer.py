"""The recognizer: a checkpoint from anywhere, declared before it is loaded, asked in batches that it allows.

It knows the contract of recognizers, and neither torch nor Transformers until it is entered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Self

from earmark.errors import FetchError, MissingExtraError, OutOfMemoryError, RecognizerError, UsageError
from earmark.fetching import FetchOptions, resolve
from earmark.recognizers.accelerator import DeviceKind, device_kind, usual_batch_s
from earmark.recognizers.languages import language_code
from earmark.recognizers.model_files import ModelFiles
from earmark.recognizers.on_torch import empty_cache
from earmark.recognizers.transformers.asking import Ask, asking
from earmark.recognizers.transformers.checkpoint import (
    CODE_PATTERNS,
    CONFIG,
    MODEL_PATTERNS,
    TOKENIZER_PATTERNS,
    Checkpoint,
    read_checkpoint,
)
from earmark.recognizers.transformers.choices import resolved
from earmark.recognizers.transformers.features import Samples, lengthened
from earmark.recognizers.transformers.loading import load
from earmark.recognizers.transformers.settings import Settings
from earmark.recognizers.word_times import within
from earmark.records import Hypothesis, Waveform
from earmark.spec import RecognizerSpec

_OLDEST = (5, 23)
"""The version of Transformers that this was made with; older ones lack classes and were not tried."""


class Transformers:
    """A speech recognizer in the format of Hugging Face's Transformers, chosen by its architecture.

    ``model`` is a folder, ``hf:OWNER/NAME[@REVISION]`` or ``s3://BUCKET/PREFIX`` with ``config.json`` and safetensors;
    ``tokenizer`` another such place, for a model saved without. ``dtype`` is float32, float16 or bfloat16. ``device``
    is auto (a GPU where torch has one), cpu, cuda or cuda:N. ``attention`` is sdpa, eager or flash_attention_2.
    ``beams`` above 1 searches. ``language`` (a code, or an English name), ``task`` (transcribe, translate) and
    ``prompt`` are for models that take them. ``max_new_tokens`` bounds a text. ``words`` times each word, and says how
    sure a CTC model is of it. ``nbest`` of the ``beams`` are kept. ``compile`` takes a minute, and then is faster.
    ``trust`` runs code that the checkpoint brings.
    ``gpu_memory_limit`` is the share of the GPU's memory that this process may take.
    """

    def __init__(
        self,
        *,
        model: str,
        tokenizer: str | None = None,
        dtype: str = "float32",
        device: str = "auto",
        attention: str = "sdpa",
        beams: int = 1,
        language: str | None = None,
        task: str | None = None,
        prompt: str | None = None,
        max_new_tokens: int | None = None,
        words: bool = False,
        nbest: int = 1,
        compile: bool = False,  # noqa: A002  # what torch calls it, and so everybody
        trust: bool = False,
        gpu_memory_limit: float | None = None,
        fetching: FetchOptions = FetchOptions(),  # noqa: B008  # frozen
    ) -> None:
        self._settings = Settings(
            dtype=dtype,
            device=device,
            attention=attention,
            beams=beams,
            language=language_code(language),
            task=task,
            prompt=prompt,
            max_new_tokens=max_new_tokens,
            words=words,
            nbest=nbest,
            compile=compile,
            trust=trust,
            gpu_memory_limit=gpu_memory_limit,
        )
        names = {"model": model, "tokenizer": tokenizer}
        named = {role: _outright(str(name)) for role, name in names.items() if name}
        code = CODE_PATTERNS if trust else ()
        self._files = ModelFiles(
            named,
            folders=names,
            fetching=fetching,
            patterns={"model": (*MODEL_PATTERNS, *code), "tokenizer": TOKENIZER_PATTERNS},
        )
        self._ask: Ask | None = None
        _ = _version()

    @cached_property
    def spec(self) -> RecognizerSpec:
        """Its library's version, a hash over the files that count, and the options; nothing is loaded for it."""
        checkpoint = self._checkpoint
        return RecognizerSpec(
            name="transformers",
            version=_version(),
            content_hash=_content_hash(self._files),
            options=self._resolved.options(),
            batching=checkpoint.family.batching,
            max_audio_s=checkpoint.family.max_audio_s,
            sources=self._files.sources(),
        )

    @property
    def device_kind(self) -> DeviceKind:
        """Where it works on this machine, as far as is known before it is entered."""
        return device_kind(self._settings.device)

    @property
    def usual_batch_s(self) -> float:
        """Padded seconds of audio in a batch that suit such a model there, where nobody measured."""
        return usual_batch_s(self.device_kind, is_ctc=self._checkpoint.family.kind == "ctc")

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        paths = self._paths()
        place = next(one.name for one in self._files.sources() if one.role == "model")
        return read_checkpoint(
            place, paths["model"], paths.get("tokenizer"), self._settings, lambda: self._files.origin("model")
        )

    def _paths(self) -> dict[str, Path]:
        try:
            return self._files.paths()
        except FetchError as error:
            if error.kind != "missing" or "matches" not in (error.cause or ""):
                raise
            raise UsageError(
                f"{error.name} holds no model of Transformers",
                cause=f"it has none of the files that one is made of, such as {CONFIG}",
                hint="without a prefix, what lies there says which recognizer it is for",
            ) from error

    @property
    def _resolved(self) -> Settings:
        return resolved(self._checkpoint, self._settings)

    def __getstate__(self) -> dict[str, object]:
        """Without what was read on this machine: the files may be elsewhere on the next one."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_ask", "_checkpoint")} | {
            "_ask": None
        }

    def __enter__(self) -> Self:
        """Load the model. Raises RecognizerError and MissingExtraError."""
        try:
            self._ask = asking(load(self._checkpoint, self._resolved))
        except ModuleNotFoundError as error:
            raise MissingExtraError("model", "transformers", "transformers", error.name or "transformers") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the model, and the memory of its device."""
        self._ask = None
        empty_cache()

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        """One text a waveform. A batch of lengths that the model must not meet together is asked in pieces."""
        least = self._checkpoint.family.shortest_samples
        samples = [lengthened(waveform.samples, least) for waveform in batch]
        heard: dict[int, Hypothesis] = {}
        for piece in self._allowed(samples):
            heard.update(zip(piece, self._heard([samples[position] for position in piece]), strict=True))
        return [within(heard[position], waveform.duration_s) for position, waveform in enumerate(batch)]

    def _allowed(self, samples: Sequence[Samples]) -> list[list[int]]:
        """The positions that may be asked together, as the spec declares."""
        batching = self._checkpoint.family.batching
        if batching == "single":
            return [[position] for position in range(len(samples))]
        if batching == "equal_length":
            by_length: dict[int, list[int]] = {}
            for position, one in enumerate(samples):
                by_length.setdefault(len(one), []).append(position)
            return list(by_length.values())
        return [list(range(len(samples)))] if samples else []

    def _heard(self, samples: Sequence[Samples]) -> list[Hypothesis]:
        import torch

        if self._ask is None:
            raise RecognizerError("the model is not loaded", hint="with Transformers(...) as recognizer:")
        full: str | None = None
        try:
            with torch.inference_mode():
                return self._ask(samples)
        except torch.OutOfMemoryError as error:
            full = str(error)
        except RuntimeError as error:
            if "DefaultCPUAllocator" not in str(error):
                raise
            full = str(error)
        # Out of the handler by now: its traceback held the tensors of the failed call.
        empty_cache()
        raise OutOfMemoryError(f"{len(samples)} utterances do not fit", cause=full.splitlines()[0])


def _outright(name: str) -> str:
    """The name of a place that says itself what it is. Raises UsageError for one that is nothing, or two things."""
    place = resolve(name, bare="hub")
    return f"hf:{name}" if place.kind == "hub" and not name.startswith("hf:") else name


def _version() -> str:
    """The installed Transformers. Raises MissingExtraError where it is missing, and UsageError where it is too old."""
    for package in ("transformers", "torch"):
        try:
            version(package)
        except PackageNotFoundError as error:
            raise MissingExtraError("model", "transformers", "transformers", package) from error
    found = version("transformers")
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if numbers < _OLDEST:
        wanted = ".".join(map(str, _OLDEST))
        raise UsageError(
            f"transformers {found} is not known to work",
            cause=f"this needs {wanted} or newer",
            hint="pip install --upgrade 'earmark[transformers]'",
        )
    return found


def _content_hash(files: ModelFiles) -> str:
    digest = hashlib.sha256()
    for role, pairs in sorted(files.digests().items()):
        for name, content in sorted(pairs):
            digest.update(f"{role}/{name} {content}\n".encode())
    return digest.hexdigest()
