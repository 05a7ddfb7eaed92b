"""What a model makes of what was chosen, and whether it can: a language, a task, beams. Reads JSON only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from earmark.errors import UsageError
from earmark.recognizers.transformers.checkpoint import Checkpoint
from earmark.recognizers.transformers.family import FamilyKind
from earmark.recognizers.transformers.json_files import read_json
from earmark.recognizers.transformers.settings import Settings

_CODE = re.compile(r"<\|([a-z]{2,3})\|>")
# What each kind of family can be told, beside dtype, attention and device.
_TAKES: dict[FamilyKind, frozenset[str]] = {
    "ctc": frozenset({"words"}),
    "transducer": frozenset({"words"}),
    "encoder-decoder": frozenset({"beams", "nbest", "max_new_tokens"}),
    "whisper": frozenset({"beams", "max_new_tokens", "language", "task", "prompt", "words"}),
    "request": frozenset({"beams", "nbest", "max_new_tokens", "language", "prompt"}),
    "conversation": frozenset({"beams", "nbest", "max_new_tokens", "prompt"}),
}


_TOLD_LANGUAGES = ("canary", "cohere_asr", "qwen3_asr", "voxtral")  # of those that have a transcription request
# What the processors of these take; their files do not say.
_STATED_LANGUAGES = {
    "cohere_asr": ("ar", "de", "el", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "vi", "zh"),
    "qwen3_asr": (
        "ar", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fil", "fr", "hi", "hu", "id", "it", "ja", "ko", "mk",
        "ms", "nl", "pl", "pt", "ro", "ru", "sv", "th", "tr", "vi", "yue", "zh",
    ),
}  # fmt: skip


def resolved(checkpoint: Checkpoint, settings: Settings) -> Settings:
    """The settings with what this model makes of the defaults.

    A few classes have no fused attention, and are run without it unless another kind is asked for. A multilingual
    Whisper is told to transcribe, as by its authors' own program: told nothing, it would choose between that and
    translating. Raises UsageError for what the model cannot be told, and for a language that it does not know (with its
    list).
    """
    settings = _but_english(checkpoint, settings)
    _check(checkpoint, settings)
    has_weights = settings.words and checkpoint.family.kind == "whisper"  # fused attention keeps none to time words by
    if settings.attention == "sdpa" and (has_weights or not checkpoint.family.has_fused_attention):
        settings = replace(settings, attention="eager")
    if settings.task is None and checkpoint.family.kind == "whisper" and checkpoint.generation.get("lang_to_id"):
        settings = replace(settings, task="transcribe")
    return settings


def _but_english(checkpoint: Checkpoint, settings: Settings) -> Settings:
    """To transcribe English is all that an English-only Whisper does, so it need not be told."""
    if checkpoint.family.kind != "whisper" or checkpoint.generation.get("is_multilingual") is not False:
        return settings
    return replace(
        settings,
        language=None if settings.language == "en" else settings.language,
        task=None if settings.task == "transcribe" else settings.task,
    )


def takes_language(checkpoint: Checkpoint) -> bool:
    """Whether this model can be told the language: a Whisper that knows more than English, and a few others."""
    if checkpoint.family.kind == "whisper":
        return bool(checkpoint.generation.get("lang_to_id"))
    return checkpoint.family.model_type in _TOLD_LANGUAGES


def _check(checkpoint: Checkpoint, settings: Settings) -> None:
    family = checkpoint.family
    default = Settings()
    for name in ("beams", "nbest", "max_new_tokens", "language", "task", "prompt", "words"):
        if getattr(settings, name) != getattr(default, name) and name not in _TAKES[family.kind]:
            raise UsageError(
                f"{checkpoint.place} takes no {name}",
                cause=f"{family.architecture} has none to choose",
                hint=f"leave --set {name}= out",
            )
    if family.kind == "whisper":
        _check_whisper(checkpoint, settings)
    elif family.model_type == "cohere_asr" and settings.language is None:
        raise UsageError(
            f"{checkpoint.place} must be told the language",
            cause=f"it does not tell it by itself; it knows {', '.join(_STATED_LANGUAGES['cohere_asr'])}",
            hint="--set language=en",
        )
    elif settings.language is not None and family.model_type in _STATED_LANGUAGES:
        _check_language(checkpoint.place, settings.language, list(_STATED_LANGUAGES[family.model_type]))
    elif settings.language is not None and family.model_type == "canary":
        _check_language(checkpoint.place, settings.language, _codes_in_vocabulary(checkpoint))


def _check_whisper(checkpoint: Checkpoint, settings: Settings) -> None:
    """An English-only Whisper has no tokens for languages and tasks, and refuses both."""
    if settings.words and not checkpoint.generation.get("alignment_heads"):
        raise UsageError(
            f"{checkpoint.place} cannot time its words",
            cause="its generation_config.json lists no alignment_heads: the attention that follows the audio",
            hint="leave --set words=true out, or copy that list from the model that it was made from",
        )
    if settings.language is None and settings.task is None:
        return
    languages = checkpoint.generation.get("lang_to_id")
    if not isinstance(languages, dict) or not languages:
        option = "language" if settings.language is not None else "task"
        raise UsageError(
            f"{checkpoint.place} takes no {option}",
            cause="its generation_config.json lists no languages: it knows English only, or they were lost on a save",
            hint=f"leave --set {option}= out, or copy generation_config.json of the model that it was made from",
        )
    if settings.language is not None:
        _check_language(checkpoint.place, settings.language, _codes(languages))


def _check_language(place: str, language: str, known: list[str]) -> None:
    if language not in known:
        raise UsageError(
            f"{place} does not know the language {language!r}",
            cause=f"it knows {', '.join(known) or 'none by name'}",
            hint=f"--set language={known[0]}" if known else None,
        )


def _codes_in_vocabulary(checkpoint: Checkpoint) -> list[str]:
    path = checkpoint.tokenizer / "tokenizer.json"
    tokens = read_json(path).get("added_tokens") if path.is_file() else None
    if not isinstance(tokens, list):
        return []
    return _codes(str(one.get("content", "")) for one in tokens if isinstance(one, dict))


def _codes(tokens: Iterable[str]) -> list[str]:
    return sorted({match[1] for token in tokens if (match := _CODE.fullmatch(str(token)))})
