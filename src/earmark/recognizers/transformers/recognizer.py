"""The recognizer: a checkpoint from anywhere, declared before it is loaded, asked in batches that it allows.

It knows the contract of recognizers, and neither torch nor Transformers until it is entered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from earmark.errors import FetchError, RecognizerError, UsageError
from earmark.fetching import FetchOptions
from earmark.recognizers.accelerator import DeviceKind, device_kind, usual_batch_s
from earmark.recognizers.languages import language_code
from earmark.recognizers.model_files import ModelFiles, by_role, content_hash, outright
from earmark.recognizers.on_torch import empty_cache, within_memory
from earmark.recognizers.packages import installed_version, packages_of
from earmark.recognizers.together import pieces_of
from earmark.recognizers.transformers.asking import asking
from earmark.recognizers.transformers.checkpoint import (
    CODE_PATTERNS,
    CONFIG,
    MODEL_PATTERNS,
    TOKENIZER_PATTERNS,
    Checkpoint,
    read_checkpoint,
)
from earmark.recognizers.transformers.choices import resolved, takes_language
from earmark.recognizers.transformers.features import lengthened
from earmark.recognizers.transformers.loading import load
from earmark.recognizers.transformers.settings import Settings
from earmark.recognizers.transformers.way import Way
from earmark.recognizers.word_times import within
from earmark.records import Hypothesis, Waveform
from earmark.spec import RecognizerSpec

Given = TypeVar("Given")
Found = TypeVar("Found")
_OLDEST = (5, 23)
"""The version of Transformers that this was made with; older ones lack classes and were not tried."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A batch between two steps: the lengths, and for the places of each piece asked together what was made of it."""

    durations_s: tuple[float, ...]
    pieces: tuple[tuple[list[int], Any], ...]

    def after(self, step: Callable[[Any], Any]) -> Pieces:
        """The same after the next step."""
        return Pieces(self.durations_s, tuple((piece, _asked(step, made, len(piece))) for piece, made in self.pieces))


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
            dtype=dtype, device=device, attention=attention, beams=beams, language=language_code(language), task=task,
            prompt=prompt, max_new_tokens=max_new_tokens, words=words, nbest=nbest, compile=compile, trust=trust,
            gpu_memory_limit=gpu_memory_limit,
        )  # fmt: skip
        self._files = files_of(model, tokenizer, fetching, trust=trust)
        self._way: Way | None = None
        _ = _version()

    @cached_property
    def spec(self) -> RecognizerSpec:
        """Its library's version, a hash over the files that count, and the options; nothing is loaded for it."""
        checkpoint = self._checkpoint
        return RecognizerSpec(
            name="transformers",
            version=_version(),
            content_hash=content_hash(by_role(self._files.digests())),
            options=self._resolved.options(),
            batching=checkpoint.family.batching,
            max_audio_s=checkpoint.family.max_audio_s,
            sources=self._files.sources(),
            architecture=checkpoint.family.architecture,
        )

    @property
    def device_kind(self) -> DeviceKind:
        """Where it works on this machine, as far as is known before it is entered."""
        return device_kind(self._settings.device)

    @property
    def takes_language(self) -> bool:
        """Whether this model can be told it; one that is not told finds out, or takes a default."""
        return takes_language(self._checkpoint)

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
        return {name: value for name, value in self.__dict__.items() if name not in ("_way", "_checkpoint")} | {
            "_way": None
        }

    def __enter__(self) -> Self:
        """Load the model. Raises RecognizerError and MissingExtraError."""
        with packages_of("transformers"):
            self._way = asking(load(self._checkpoint, self._resolved))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the model, and the memory of its device."""
        self._way = None
        empty_cache()

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        """One text a waveform. A batch of lengths that the model must not meet together is asked in pieces."""
        return self.hypotheses(self.outputs(self.inputs(batch)))

    def inputs(self, batch: Sequence[Waveform]) -> Pieces:
        """The model's inputs for a batch, on its device, one for each piece of it that is asked together."""
        family = self._checkpoint.family
        samples = [lengthened(waveform.samples, family.shortest_samples) for waveform in batch]
        pieces = pieces_of([len(one) for one in samples], family.batching)
        given = tuple((piece, [samples[place] for place in piece]) for piece in pieces)
        return Pieces(tuple(waveform.duration_s for waveform in batch), given).after(self._entered.inputs)

    def outputs(self, inputs: Pieces) -> Pieces:
        """What the model gives to its inputs, in memory of the processor: tokens, and what they are timed by."""
        return inputs.after(self._entered.outputs)

    def hypotheses(self, outputs: Pieces) -> list[Hypothesis]:
        """One text for each waveform of the batch."""
        texts: dict[int, Hypothesis] = {}
        for piece, found in outputs.after(self._entered.hypotheses).pieces:
            texts.update(zip(piece, found, strict=True))
        return [within(texts[place], duration_s) for place, duration_s in enumerate(outputs.durations_s)]

    @property
    def _entered(self) -> Way:
        if self._way is None:
            raise RecognizerError("the model is not loaded", hint="with Transformers(...) as recognizer:")
        return self._way


def _asked(step: Callable[[Given], Found], given: Given, num_waveforms: int) -> Found:
    """One of the three steps. Raises OutOfMemoryError, the memory given back, where the device is full."""
    import torch

    with torch.inference_mode():
        return within_memory(step, given, num_waveforms)


def files_of(
    model: str,
    tokenizer: str | None = None,
    fetching: FetchOptions = FetchOptions(),  # noqa: B008  # frozen
    *,
    trust: bool = False,
) -> ModelFiles:
    """The files of a model that count, from wherever its name leads. Raises UsageError for a name of nothing."""
    named = {"model": outright(str(model)), **({"tokenizer": outright(str(tokenizer))} if tokenizer else {})}
    code = CODE_PATTERNS if trust else ()
    patterns = {"model": (*MODEL_PATTERNS, *code), "tokenizer": TOKENIZER_PATTERNS}
    return ModelFiles(named, folders=named, fetching=fetching, patterns=patterns)


def _version() -> str:
    return installed_version(("transformers", "torch"), extra="transformers", oldest=_OLDEST)
