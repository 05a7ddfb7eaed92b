"""What is said of a model and of data, as a recognizer and a source: the same in every verb that transcribes."""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Mapping

from earmark.errors import UsageError
from earmark.fetching import FetchOptions, FetchProgress
from earmark.recognizers import Recognizer, load_recognizer
from earmark.recognizers.languages import language_code
from earmark.sources import open_source
from earmark.sources.base import DerivedSource, Source
from earmark.sources.tolerant import Broken, Tolerant
from earmark.spec import OptionValue
from earmark.verbs.events import DataIncomplete, FileProgressed, Observer, Warned, nobody
from earmark.verbs.workforce import Workforce


def fetch_options(observer: Observer, *, offline: bool) -> FetchOptions:
    """How a verb fetches what is not on this machine: told to ``observer``, and not at all when ``offline``."""

    def tell(progress: FetchProgress) -> None:
        observer(
            FileProgressed(
                name=progress.name,
                done_bytes=progress.done_bytes,
                total_bytes=progress.total_bytes,
                is_done=progress.is_done,
            )
        )

    return FetchOptions(offline=offline, progress=tell)


def recognizer_of(
    model: str | Recognizer,
    options: Mapping[str, OptionValue] | None,
    *,
    fetching: FetchOptions | None = None,
    trust: bool = False,
    gpu_memory_limit: float | None = None,
    observer: Observer = nobody,
) -> Recognizer:
    """The recognizer called ``model``, made with ``options``; or ``model`` itself.

    ``observer`` is told where a limit of a GPU's memory limits nothing: the same command is to run on any machine.

    Raises UnknownNameError, MissingExtraError and UsageError.
    """
    if not isinstance(model, str) and (isinstance(model, type) or not hasattr(model, "spec")):
        raise UsageError(f"model is a recognizer's name or a recognizer, not {model!r}", hint="earmark ls models")
    if isinstance(model, str):
        _check_share(gpu_memory_limit)
        made = load_recognizer(model, options, fetching=fetching, trust=trust, gpu_memory_limit=gpu_memory_limit)
        if gpu_memory_limit is not None and (why := _why_unlimited(made)):
            observer(Warned(sentence=f"--gpu-memory-limit has no effect: {why}"))
        return made
    if options or trust or gpu_memory_limit is not None:
        raise UsageError("options are for a recognizer's name; this one is made already", hint="give it its options")
    return model


def check_on_gpu(recognizer: Recognizer, workforce: Workforce) -> None:
    """Raise UsageError where GPUs of this machine are asked for, and the recognizer would work on processors here.

    Somebody's own recognizer that does not say where it works is believed to know. What it says here means nothing for
    workers that are elsewhere.
    """
    gpus = workforce.options.gpus
    if gpus in (None, "0") or not workforce.is_here:
        return
    if getattr(recognizer, "device_kind", None) == "cpu":
        raise UsageError(
            f"--gpus {gpus}: {recognizer.spec.name} would work on processors",
            cause="its device is one, its framework is built without GPUs, or no driver answers",
            hint="earmark doctor says which; leave --gpus out to work on processors",
        )


def tell_language(
    model: str | Recognizer,
    options: Mapping[str, OptionValue] | None,
    language: str | None,
    recognizer: Recognizer,
    observer: Observer,
) -> None:
    """Tell ``observer`` where ``language`` is said of the data alone, and the ``model`` so named could be told it too.

    It is not told by itself: runs that let the model find out would become others.
    """
    if language is None or "language" in (options or {}) or not isinstance(model, str):
        return
    if not getattr(recognizer, "takes_language", False):
        return
    how = f"--set language={shlex.quote(str(language_code(language)))}"
    observer(Warned(sentence=f"--language {language} says it of the data, and not to the model; {how} tells the model"))


def _why_unlimited(recognizer: Recognizer) -> str | None:
    """Why a limit of a GPU's memory limits nothing there; None: it does limit."""
    if getattr(recognizer, "device_kind", "cpu") == "cpu":
        return "this model does not run on a GPU here"
    if "gpu_memory_limit" not in inspect.signature(type(recognizer)).parameters:
        return "what runs this model on the GPU has no such limit; a smaller --max-batch-seconds takes less memory"
    return None


def _check_share(gpu_memory_limit: float | None) -> None:
    if gpu_memory_limit is not None and not 0 < gpu_memory_limit <= 1:
        raise UsageError(f"--gpu-memory-limit {gpu_memory_limit:g} is no share of 1", hint="--gpu-memory-limit 0.9")


def check_seed(seed: int | None, limit: str | int | None) -> None:
    """Raise UsageError for a seed of a sample that nothing says the size of."""
    if seed is not None and limit is None:
        raise UsageError("--seed chooses a random sample, and nothing says of what size", hint="--limit 5% --seed 0")


def source_of(
    data: str | os.PathLike[str] | Source,
    *,
    audio_root: str | None,
    text_column: str | None,
    channel: int | None,
    language: str | None,
    limit: str | int | None,
    seed: int | None,
    fetching: FetchOptions = FetchOptions(),  # noqa: B008  # frozen
    broken: Broken | None = None,
) -> Source:
    """The source that ``data`` names, with what is chosen from it; or ``data`` itself. Raises UsageError.

    ``seed`` chooses only where ``limit`` says of what size. ``broken``, if there is one, is told of broken rows, which
    are left out.
    """
    chooses = any(value is not None for value in (audio_root, text_column, channel, language, limit))
    if not isinstance(data, str | os.PathLike):
        if not hasattr(data, "utterances"):
            raise UsageError(f"data are a path, a name or a Source, not {type(data).__name__}")
        if chooses:
            raise UsageError("limit, seed, channel and the like choose from a path; a Source is chosen from already")
        return data if broken is None else Tolerant(data, broken)
    if channel is not None and channel < 0:
        raise UsageError(f"--channel {channel} is no channel", hint="--channel 0 is the first one")
    return open_source(
        os.fspath(data),
        audio_root=audio_root,
        text_column=text_column,
        channel=channel,
        language=language,
        limit=str(limit) if limit is not None else None,
        seed=seed if limit is not None else None,
        fetching=fetching,
        broken=broken,
    )


def tell_loss(source: Source, observer: Observer) -> None:
    """Tell of what was lost when the data were made of others, so that a set never becomes smaller in silence."""
    if isinstance(source, DerivedSource) and (loss := source.loss) is not None:
        observer(DataIncomplete(loss=loss))
