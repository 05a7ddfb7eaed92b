"""The recognizer: an archive from anywhere, declared before it is loaded, asked in batches that it allows.

It knows the contract of recognizers, and neither torch nor NeMo until it is entered.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Self

from earmark.errors import RecognizerError, UsageError
from earmark.fetching import FetchOptions, list_files, resolve
from earmark.recognizers.accelerator import DeviceKind, device_kind, usual_batch_s
from earmark.recognizers.languages import language_code
from earmark.recognizers.model_files import ModelFiles, outright
from earmark.recognizers.nemo.archive import Archive, read_archive
from earmark.recognizers.nemo.asking import ask
from earmark.recognizers.nemo.configuration import check_configuration
from earmark.recognizers.nemo.family import Family, family_of
from earmark.recognizers.nemo.loading import Loaded, load
from earmark.recognizers.nemo.settings import Resolved, Settings, resolved
from earmark.recognizers.on_torch import empty_cache, within_memory
from earmark.recognizers.packages import installed_version, packages_of
from earmark.recognizers.together import asked_together
from earmark.records import Hypothesis, Waveform
from earmark.spec import RecognizerSpec

_OLDEST, _BEFORE = (3, 0), (4, 0)
"""Other versions were not tried."""
SUFFIX = ".nemo"


class Nemo:
    """A speech recognizer in an archive of NVIDIA's NeMo: CTC, transducers (RNNT and TDT), hybrids, and Canary.

    ``model`` is a ``.nemo`` file, a folder with one, ``hf:OWNER/NAME[@REVISION][/FILE]`` or a URL, ``https:`` or
    ``s3:``. ``dtype`` is float32, float16 or bfloat16. ``device`` is auto (a GPU where torch has one), cpu, cuda or
    cuda:N. ``decoder`` chooses of a hybrid: rnnt (also for TDT; the default) or ctc. ``words`` gives times and
    confidences. ``language``, ``task`` (transcribe, translate), ``target_language`` and ``punctuation`` are for Canary.
    ``trust`` builds classes that are not known to be harmless. ``gpu_memory_limit`` is a share of a GPU's memory.
    """

    def __init__(
        self,
        *,
        model: str,
        dtype: str = "float32",
        device: str = "auto",
        decoder: str | None = None,
        words: bool = False,
        language: str | None = None,
        target_language: str | None = None,
        task: str | None = None,
        punctuation: bool | None = None,
        trust: bool = False,
        gpu_memory_limit: float | None = None,
        fetching: FetchOptions = FetchOptions(),  # noqa: B008  # frozen
    ) -> None:
        self._settings = Settings(
            dtype=dtype, device=device, decoder=decoder, words=words, language=language_code(language),
            target_language=language_code(target_language), task=task, punctuation=punctuation, trust=trust,
            gpu_memory_limit=gpu_memory_limit,
        )  # fmt: skip
        self._name = model
        self._fetching = fetching
        self._loaded: Loaded | None = None
        _ = _version()

    @property
    def device_kind(self) -> DeviceKind:
        """Where it will work on this machine."""
        return device_kind(self._settings.device)

    @property
    def takes_language(self) -> bool:
        """Canary does; what is not said is English."""
        return self._family.kind == "multitask"

    @property
    def usual_batch_s(self) -> float:
        """Padded seconds of audio in a batch that suit such a model there, where nobody measured."""
        is_ctc = "ctc" in (self._family.kind, self._resolved.settings.decoder)
        return usual_batch_s(self.device_kind, is_ctc=is_ctc)

    @cached_property
    def spec(self) -> RecognizerSpec:
        """NeMo's version, the SHA-256 of the archive, and the options; NeMo is not imported for it."""
        family, chosen = self._family, self._resolved
        [source] = self._files.sources()
        return RecognizerSpec(
            name="nemo",
            version=_version(),
            content_hash=source.sha256,
            options=chosen.options(),
            batching=family.batching,
            max_audio_s=family.max_audio_s,
            sources=(source,),
            architecture=family.class_name,
        )

    @cached_property
    def _files(self) -> ModelFiles:
        named = {"model": archive_named(self._name, self._fetching)}
        return ModelFiles(named, folders=(), fetching=self._fetching)

    @cached_property
    def _archive(self) -> Archive:
        path = self._files.paths()["model"]
        archive = read_archive(self._files.sources()[0].name, path)
        check_configuration(archive, trust=self._settings.trust)
        return archive

    @cached_property
    def _family(self) -> Family:
        return family_of(self._archive)

    @property
    def _resolved(self) -> Resolved:
        return resolved(self._archive, self._family, self._settings)

    def __getstate__(self) -> dict[str, object]:
        """Without what was read on this machine: the file may be elsewhere on the next one."""
        return {name: value for name, value in self.__dict__.items() if name != "_archive"} | {"_loaded": None}

    def __enter__(self) -> Self:
        """Load the model; the import of NeMo alone takes many seconds. Raises RecognizerError and MissingExtraError."""
        with packages_of("nemo"):
            self._loaded = load(self._archive, self._family, self._resolved)
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
        return asked_together(batch, [len(one.samples) for one in batch], self._family.batching, self._answers)

    def _answers(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        if self._loaded is None:
            raise RecognizerError("the model is not loaded", hint="with Nemo(...) as recognizer:")
        return within_memory(partial(ask, self._loaded), batch, len(batch))


def archive_named(name: str, fetching: FetchOptions) -> str:
    """The name of the one archive at the place ``name``, said outright: of a folder or repository the ``.nemo`` in it.

    Raises UsageError where there is none, or where there are several, and what asking the hub raises.
    """
    place = resolve(name, bare="hub")
    said = outright(name)
    if place.kind == "local" and Path(place.locator).is_dir():
        known = sorted(one.name for one in Path(place.locator).iterdir() if one.name.endswith(SUFFIX))
        return str(Path(place.locator) / _only(name, known))
    if place.kind == "hub" and not place.file:
        known = [one.path for one in list_files(said, options=fetching).files if one.path.endswith(SUFFIX)]
        return f"{said}/{_only(name, known)}"
    return said


def _only(name: str, known: Sequence[str]) -> str:
    if len(known) == 1:
        return known[0]
    if not known:
        raise UsageError(f"{name} holds no archive of NeMo", cause=f"looked for *{SUFFIX}")
    raise UsageError(
        f"{name} holds {len(known)} archives of NeMo", cause=", ".join(known[:8]), hint=f"name one: {name}/{known[0]}"
    )


def _version() -> str:
    return installed_version(("nemo_toolkit", "torch"), extra="nemo", oldest=_OLDEST, before=_BEFORE)
