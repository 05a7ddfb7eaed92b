"""How a NeMo model is run, checked as far as it can be without NeMo."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from earmark.errors import UsageError
from earmark.recognizers.nemo.archive import Archive
from earmark.recognizers.nemo.configuration import decoding_of
from earmark.recognizers.nemo.family import Family
from earmark.recognizers.on_torch import DTYPES
from earmark.recognizers.options import TASKS, check_choice, check_device, check_memory_share
from earmark.recognizers.other_words import truth_of
from earmark.spec import OptionValue

DECODERS = ("ctc", "rnnt")
_NO_ANSWER = ("device", "trust", "gpu_memory_limit")
_OF_MULTITASK = ("language", "target_language", "task", "punctuation")
_DEFAULT_LANGUAGE = "en"
_LANGUAGE = re.compile(r"[A-Za-z][\w-]{0,30}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the user chose. ``device``, ``trust`` and ``gpu_memory_limit`` cannot change an answer; all others can."""

    dtype: str = "float32"
    device: str = "auto"
    decoder: str | None = None
    words: bool = False
    language: str | None = None
    target_language: str | None = None
    task: str | None = None
    punctuation: bool | None = None
    trust: bool = False
    gpu_memory_limit: float | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for a value that no model takes."""
        check_choice("dtype", self.dtype, DTYPES)
        for option, known in (("decoder", DECODERS), ("task", TASKS)):
            if getattr(self, option) is not None:
                check_choice(option, getattr(self, option), known)
        check_device(self.device)
        check_memory_share(self.gpu_memory_limit)
        for option in ("language", "target_language"):
            value = getattr(self, option)
            if value is not None and (type(value) is not str or not _LANGUAGE.fullmatch(value)):
                raise UsageError(f"nemo option {option} is a code such as en, not {value!r}", hint=f"--set {option}=en")
        if self.punctuation is not None and type(self.punctuation) is not bool:
            hint = f"--set punctuation={truth_of(self.punctuation)}"
            raise UsageError(f"nemo option punctuation is true or false, not {self.punctuation!r}", hint=hint)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings, with what the archive says where the user said nothing."""

    settings: Settings
    strategy: str

    def options(self) -> dict[str, OptionValue]:
        """Those that can change an answer."""
        chosen = {name: value for name, value in asdict(self.settings).items() if name not in _NO_ANSWER}
        return {**chosen, "strategy": self.strategy}

    def prompt(self) -> dict[str, str]:
        """What a multitask model is asked for."""
        language = self.settings.language or _DEFAULT_LANGUAGE
        is_translation = self.settings.task == "translate"
        return {
            "task": "ast" if is_translation else "asr",
            "source_lang": language,
            "target_lang": (self.settings.target_language or _DEFAULT_LANGUAGE) if is_translation else language,
            "pnc": "no" if self.settings.punctuation is False else "yes",
        }


def resolved(archive: Archive, family: Family, settings: Settings) -> Resolved:
    """The settings for the model in ``archive``.

    Raises UsageError for a setting that means nothing for its family, and for a language that it does not know.
    """
    said = [name for name in _OF_MULTITASK if getattr(settings, name) is not None]
    if family.kind != "multitask" and said:
        raise UsageError(f"{archive.place} takes no {said[0]}", cause=f"it is an {family.class_name}")
    if family.kind == "multitask":
        if settings.words:
            raise UsageError(f"{archive.place} gives no times of words", cause=f"it is an {family.class_name}")
        settings = _of_multitask(archive, family, settings)
    if settings.decoder is not None and family.kind != "hybrid":
        raise UsageError(f"{archive.place} has one decoder", cause=f"it is an {family.class_name}")
    if family.kind == "hybrid":
        settings = replace(settings, decoder=settings.decoder or "rnnt")
    strategy = _word(decoding_of(archive.config, settings.decoder)) or "greedy_batch"
    if settings.words and not strategy.startswith("greedy"):
        raise UsageError(
            f"{archive.place} gives no times of words", cause=f"it decodes by {strategy}, and they want greedy decoding"
        )
    return Resolved(settings, strategy)


def _of_multitask(archive: Archive, family: Family, settings: Settings) -> Settings:
    task = settings.task or "transcribe"
    if settings.target_language is not None and task != "translate":
        raise UsageError("target_language is for a translation", hint="--set task=translate")
    settings = replace(settings, task=task, language=settings.language or _DEFAULT_LANGUAGE)
    if task == "translate":
        settings = replace(settings, target_language=settings.target_language or _DEFAULT_LANGUAGE)
    for code in (settings.language, settings.target_language):
        if code is not None and family.languages and code not in family.languages:
            raise UsageError(
                f"{archive.place} does not know the language {code!r}",
                cause=f"known: {', '.join(family.languages)}",
                hint=f"--set language={family.languages[0]}",
            )
    return replace(settings, punctuation=True if settings.punctuation is None else settings.punctuation)


def _word(decoding: Mapping[str, Any]) -> str | None:
    found = decoding.get("strategy")
    return found if isinstance(found, str) else None
