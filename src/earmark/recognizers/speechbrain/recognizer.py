"""The recognizer: a pretrained model of SpeechBrain from one place or several, declared before it is loaded.

It knows the contract of recognizers, and neither torch nor SpeechBrain until it is entered.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Self

from earmark.errors import RecognizerError
from earmark.fetching import FetchOptions, resolve
from earmark.recognizers.accelerator import DeviceKind, device_kind, usual_batch_s
from earmark.recognizers.model_files import ModelFiles, by_role, content_hash, outright
from earmark.recognizers.on_torch import empty_cache, within_memory
from earmark.recognizers.packages import installed_version, packages_of
from earmark.recognizers.speechbrain.asking import Samples, ask, lengthened
from earmark.recognizers.speechbrain.loading import Loaded, load
from earmark.recognizers.speechbrain.pretrained import BACKBONE, Pretrained, beams_of, read_pretrained
from earmark.recognizers.speechbrain.settings import Settings
from earmark.recognizers.together import asked_together, check_fits
from earmark.records import Hypothesis, Waveform
from earmark.spec import RecognizerSpec

_OLDEST = (1, 1)
_MODEL_PATTERNS = ("*.yaml", "*.yml", "*.ckpt", "*.model", "*.txt", "*.json")
"""What is fetched of a model beside what its document names: that, what it includes, usual parts, a backbone's."""
_BACKBONE_PATTERNS = (
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json",
    "tokenizer_config.json", "vocab.json", "merges.txt", "normalizer.json", "added_tokens.json",
    "special_tokens_map.json",
)  # fmt: skip
"""What is fetched of a backbone: no weights, since they are in the model's own files."""


class SpeechBrain:
    """A pretrained speech recognizer of SpeechBrain: EncoderASR, EncoderDecoderASR or WhisperASR.

    ``model`` is a folder, ``hf:OWNER/NAME[@REVISION]`` or ``s3://BUCKET/PREFIX`` with ``hyperparams.yaml``. ``asr``,
    ``lm``, ``normalizer`` and ``tokenizer`` are other places, of a file or of a folder with ``NAME.ckpt``, that these
    parts are taken from; ``backbone`` that of the model of Transformers that it is made from. ``beams`` is the width of
    its search. ``dtype`` is float32, or float16 or bfloat16 by autocast. ``device`` is auto (a GPU where torch has
    one), cpu, cuda or cuda:N. ``trust`` builds whatever the document names. ``gpu_memory_limit`` is the share of the
    GPU's memory that this process may take.
    """

    def __init__(
        self,
        *,
        model: str,
        asr: str | None = None,
        lm: str | None = None,
        normalizer: str | None = None,
        tokenizer: str | None = None,
        backbone: str | None = None,
        dtype: str = "float32",
        device: str = "auto",
        beams: int | None = None,
        trust: bool = False,
        gpu_memory_limit: float | None = None,
        fetching: FetchOptions = FetchOptions(),  # noqa: B008  # frozen
    ) -> None:
        self._settings = Settings(
            dtype=dtype, device=device, beams=beams, trust=trust, gpu_memory_limit=gpu_memory_limit
        )
        named = {"asr": asr, "lm": lm, "normalizer": normalizer, "tokenizer": tokenizer, BACKBONE: backbone}
        self._given = {name: str(one) for name, one in named.items() if one}
        self._fetching = fetching
        self._name = outright(str(model))
        self._model = ModelFiles(
            {"model": self._name}, folders=("model",), fetching=fetching, patterns={"model": _MODEL_PATTERNS}
        )
        self._elsewhere: ModelFiles | None = None
        self._loaded: Loaded | None = None
        _ = _version()

    @cached_property
    def spec(self) -> RecognizerSpec:
        """Its library's version, a hash over the files that count, and the options; nothing is loaded for it."""
        pretrained = self._pretrained
        return RecognizerSpec(
            name="speechbrain",
            version=_version(),
            content_hash=self._content_hash(),
            options={"dtype": self._settings.dtype, "beams": beams_of(pretrained)},
            batching=pretrained.batching,
            max_audio_s=pretrained.max_audio_s,
            architecture=pretrained.interface,
            sources=tuple(sorted((*self._model.sources(), *self._others.sources()), key=lambda one: one.role)),
        )

    @property
    def device_kind(self) -> DeviceKind:
        """Where it works on this machine, as far as is known before it is entered."""
        return device_kind(self._settings.device)

    @property
    def usual_batch_s(self) -> float:
        """Padded seconds of audio in a batch that suit such a model there, where nobody measured."""
        return usual_batch_s(self.device_kind, is_ctc=self._pretrained.interface == "EncoderASR")

    @cached_property
    def _pretrained(self) -> Pretrained:
        place = resolve(self._name)
        repository = place.locator.removeprefix("models/") if place.kind == "hub" else None
        return read_pretrained(
            place.name,
            self._folder,
            given=self._given,
            repository=repository,
            beams=self._settings.beams,
            trust=self._settings.trust,
        )

    def _folder(self, files: list[str]) -> Path:
        self._model.include("model", files)
        return self._model.paths()["model"]

    @property
    def _others(self) -> ModelFiles:
        """The parts that are not in the model's own folder."""
        if self._elsewhere is None:
            found = self._pretrained
            names = {**found.parts.elsewhere, **({BACKBONE: found.backbone} if found.backbone is not None else {})}
            self._elsewhere = ModelFiles(
                {role: outright(name) for role, name in names.items()},
                folders=(BACKBONE,),
                fetching=self._fetching,
                patterns={BACKBONE: _BACKBONE_PATTERNS},
            )
        return self._elsewhere

    def _content_hash(self) -> str:
        """Over the documents, the files that are loaded, and the backbone's settings; not over what lies beside."""
        found = self._pretrained
        own = {*found.parts.own.values(), *found.documents}
        if unknown := own - {name for name, _ in self._model.digests()["model"]}:
            raise RecognizerError(f"{found.place}/{min(unknown)} counts, and was not looked at")
        inside = found.backbone_folder.relative_to(found.folder).as_posix() if found.backbone_folder else None
        counting = tuple(
            (name, content)
            for name, content in self._model.digests()["model"]
            if name in own or (inside is not None and _is_setting(name, inside))
        )
        return content_hash([*by_role({"model": counting}), *by_role(self._others.digests())])

    def __getstate__(self) -> dict[str, object]:
        """Without what was read on this machine: the files may be elsewhere on the next one."""
        return {name: one for name, one in self.__dict__.items() if name != "_pretrained"} | {"_loaded": None}

    def __enter__(self) -> Self:
        """Load the model. Raises RecognizerError and MissingExtraError."""
        found = self._pretrained
        others = self._others.paths()
        files = {name: found.folder / file for name, file in found.parts.own.items()}
        files |= {name: path for name, path in others.items() if name != BACKBONE}
        backbone = others.get(BACKBONE, found.backbone_folder)
        with packages_of("speechbrain"):
            self._loaded = load(found, self._settings, files=files, backbone=backbone)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the model, and the memory of its device."""
        self._loaded = None
        gc.collect()  # the parts of a model refer to each other
        empty_cache()

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        """One text a waveform. A batch of lengths that the model must not meet together is asked in pieces."""
        check_fits(max((one.duration_s for one in batch), default=0.0), self._pretrained.max_audio_s)
        samples = [lengthened(waveform.samples) for waveform in batch]
        return asked_together(samples, [len(one) for one in samples], self._pretrained.batching, self._heard)

    def _heard(self, samples: Sequence[Samples]) -> list[Hypothesis]:
        if self._loaded is None:
            raise RecognizerError("the model is not loaded", hint="with SpeechBrain(...) as recognizer:")
        return within_memory(partial(ask, self._loaded), samples, len(samples))


def _is_setting(name: str, inside: str) -> bool:
    folder, _, last = name.rpartition("/")
    return folder == inside.removeprefix(".") and last in _BACKBONE_PATTERNS


def _version() -> str:
    packages = ("speechbrain", "torch", "torchaudio", "transformers", "sentencepiece", "ruamel.yaml")
    return installed_version(packages, extra="speechbrain", oldest=_OLDEST)
