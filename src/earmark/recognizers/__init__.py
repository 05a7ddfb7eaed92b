"""The recognizers by name. Nothing is imported until one is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import cast

from earmark.errors import UnknownNameError, UsageError
from earmark.fetching import FetchOptions
from earmark.recognizers.base import Recognizer
from earmark.recognizers.detection import WHISPER, is_place, prefix_of, recognizer_at, whisper_at
from earmark.recognizers.other_words import truth_of
from earmark.registry import Registry
from earmark.spec import OptionValue

__all__ = ["RECOGNIZERS", "Recognizer", "load_recognizer"]

RECOGNIZERS = Registry("model", group="earmark.recognizers")
RECOGNIZERS.add(
    "pocketsphinx",
    "earmark.recognizers.pocketsphinx:PocketSphinx",
    "CMU PocketSphinx, English model included, no download",
    extra="base",
)
RECOGNIZERS.add(
    "transformers",
    "earmark.recognizers.transformers:Transformers",
    "Whisper, CTC, Parakeet, Canary, ...: a folder, hf:OWNER/NAME",
    extra="transformers",
)
RECOGNIZERS.add(
    "nemo",
    "earmark.recognizers.nemo:Nemo",
    "NeMo's archives: CTC, RNNT, TDT, hybrids, Canary: MODEL.nemo, hf:OWNER/NAME",
    extra="nemo",
)
RECOGNIZERS.add(
    "speechbrain",
    "earmark.recognizers.speechbrain:SpeechBrain",
    "SpeechBrain's pretrained folders, with an LM or of several places: a folder, hf:OWNER/NAME",
    extra="speechbrain",
)
RECOGNIZERS.add(
    "faster-whisper",
    "earmark.recognizers.faster_whisper:FasterWhisper",
    "Whisper converted for CTranslate2: a folder, hf:OWNER/NAME",
    extra="faster-whisper",
)
RECOGNIZERS.add(
    "openai",
    "earmark.recognizers.openai_api:OpenAI",
    "any /v1/audio/transcriptions: --set model=NAME --set url=URL",
    extra="base",
)
RECOGNIZERS.add("echo", "earmark.recognizers.doubles:Echo", "toy: says the texts that it is given")
RECOGNIZERS.add("noisy", "earmark.recognizers.doubles:Noisy", "toy: says them with errors, always the same ones")
RECOGNIZERS.add("slow", "earmark.recognizers.doubles:Slow", "toy: says them, and takes its time")
RECOGNIZERS.add("failing", "earmark.recognizers.doubles:Failing", "toy: raises on some utterances")
RECOGNIZERS.add("crashing", "earmark.recognizers.doubles:Crashing", "toy: kills its process on some utterances")
RECOGNIZERS.add("hungry", "earmark.recognizers.doubles:Hungry", "toy: is out of memory on large batches")
RECOGNIZERS.add("unmasked", "earmark.recognizers.doubles:Unmasked", "toy, broken: hears the padding of its batch")
RECOGNIZERS.add("leaky", "earmark.recognizers.doubles:Leaky", "toy, broken: keeps a word of the utterance before")
RECOGNIZERS.add("fickle", "earmark.recognizers.doubles:Fickle", "toy, broken: never says the same again")


def load_recognizer(
    name: str,
    options: Mapping[str, OptionValue] | None = None,
    *,
    fetching: FetchOptions | None = None,
    trust: bool = False,
    gpu_memory_limit: float | None = None,
) -> Recognizer:
    """The recognizer ``name``, not entered yet, with decoding options.

    ``name`` is one that is registered, ``NAME:PLACE`` of such a one and its model, or the place of a model alone: a
    folder, ``hf:OWNER/NAME[@REVISION]``, ``OWNER/NAME``. ``fetching`` says how its files come to this machine, where it
    has files that can be anywhere. ``trust`` lets code run that a model brings, ``gpu_memory_limit`` is the share of a
    GPU's memory that a worker may take: each counts for the recognizers that have such an option, and only for them.

    Raises UnknownNameError (with the near names) for a name or an option that does not exist, UsageError for a value of
    another kind and for a place without a model that can be read, MissingExtraError.
    """
    name, options = _resolved(name, dict(options or {}), fetching or FetchOptions())
    kind = RECOGNIZERS.load(name)
    known = dict(inspect.signature(kind).parameters)
    said = {"trust": trust or None, "gpu_memory_limit": gpu_memory_limit}
    options |= {option: value for option, value in said.items() if value is not None and option in known}
    fetches = known.pop("fetching", None) is not None
    for option, value in options.items():
        if option not in known:
            raise UnknownNameError(f"{name} option", option, known)
        _check(name, option, value, known[option].default)
    _check_complete(name, options, known)
    given: dict[str, object] = {"fetching": fetching} if fetches and fetching is not None else {}
    return cast("Recognizer", kind(**options, **given))


def _resolved(name: str, options: dict[str, OptionValue], fetching: FetchOptions) -> tuple[str, dict[str, OptionValue]]:
    """The registered name that ``name`` leads to, and the options with the model that it names."""
    if name in RECOGNIZERS.entries():
        return name, options
    model: str | None = None
    if prefixed := prefix_of(name):
        kind, model = whisper_at(prefixed[1], fetching) if prefixed[0] == WHISPER else prefixed
    elif is_place(name):
        kind, model = recognizer_at(name, fetching)
    else:
        kind = name
    if model is None:
        return kind, options
    if "model" in options:
        raise UsageError(f"two models: {name} and --set model={options['model']}", hint="give one of them")
    return kind, {**options, "model": model}


def _check_complete(name: str, options: Mapping[str, OptionValue], known: Mapping[str, inspect.Parameter]) -> None:
    """Raise UsageError where an option without a default is missing."""
    for option, parameter in known.items():
        if parameter.default is parameter.empty and option not in options and parameter.kind == parameter.KEYWORD_ONLY:
            hint = f"{name}:PLACE" if option == "model" else f"--set {option}=..."
            raise UsageError(f"{name} needs its {option}", hint=hint)


def _check(name: str, option: str, value: OptionValue, default: object) -> None:
    """Raise UsageError unless ``value`` is of the kind of the option's default: any text would count as true."""
    kinds: dict[type, tuple[str, tuple[type, ...]]] = {
        bool: ("true or false", (bool,)),
        int: ("a whole number", (int,)),
        float: ("a number", (int, float)),
    }
    if type(default) not in kinds:
        return
    said, allowed = kinds[type(default)]
    if not isinstance(value, allowed) or (isinstance(value, bool) and not isinstance(default, bool)):
        meant = truth_of(value) if isinstance(default, bool) else str(default)
        raise UsageError(f"{name} option {option} is {said}, not {value!r}", hint=f"--set {option}={meant}")
