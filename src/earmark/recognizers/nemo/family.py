"""Which of NeMo's classes are known, how each is asked and batched. Told by the class in the configuration alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from earmark.errors import UsageError
from earmark.recognizers.nemo.archive import Archive
from earmark.records import SAMPLE_RATE_HZ
from earmark.spec import BatchingKind

FamilyKind = Literal["ctc", "transducer", "hybrid", "multitask"]

_MODELS = "nemo.collections.asr.models."
_KINDS: dict[str, FamilyKind] = {
    "EncDecCTCModel": "ctc",
    "EncDecCTCModelBPE": "ctc",
    "EncDecRNNTModel": "transducer",
    "EncDecRNNTBPEModel": "transducer",
    "EncDecHybridRNNTCTCModel": "hybrid",
    "EncDecHybridRNNTCTCBPEModel": "hybrid",
    "EncDecMultiTaskModel": "multitask",
}


@dataclass(frozen=True, slots=True)
class Family:
    """How models of a class are run. ``languages`` are those that its tokenizer names, and empty where it names none.

    A multitask model stops at a number of tokens that follows from the longest utterance of its batch, so it takes
    equal lengths only. ``max_audio_s`` is, as for the same models elsewhere, what they were trained for or what fits.
    """

    class_name: str
    kind: FamilyKind
    batching: BatchingKind
    max_audio_s: float
    languages: tuple[str, ...]


def family_of(archive: Archive) -> Family:
    """The family of the model in ``archive``. Raises UsageError for an unknown class, and for another sample rate."""
    target = archive.config.get("target")
    class_name = target.rpartition(".")[2] if isinstance(target, str) and target.startswith(_MODELS) else ""
    kind = _KINDS.get(class_name)
    if kind is None:
        raise UsageError(
            f"{archive.place} is no model for speech recognition that is known",
            cause=f"its class is {target!r}; known: {', '.join(sorted(_KINDS))}",
        )
    _check_rate(archive)
    is_multitask = kind == "multitask"
    return Family(
        class_name=class_name,
        kind=kind,
        batching="equal_length" if is_multitask else "masked",
        max_audio_s=40.0 if is_multitask else 400.0,
        languages=_languages(archive.config) if is_multitask else (),
    )


def _check_rate(archive: Archive) -> None:
    rate = archive.config.get("sample_rate") or _of(archive.config, "preprocessor").get("sample_rate")
    if rate is not None and rate != SAMPLE_RATE_HZ:
        raise UsageError(
            f"{archive.place} hears audio of {rate!r} Hz", cause=f"recognizers are given {SAMPLE_RATE_HZ:,} Hz"
        )


def _languages(config: Mapping[str, Any]) -> tuple[str, ...]:
    named = _of(_of(config, "tokenizer"), "langs")
    return tuple(sorted(str(one) for one in named if one != "spl_tokens"))


def _of(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, Mapping) else {}
