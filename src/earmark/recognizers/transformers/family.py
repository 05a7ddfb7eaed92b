"""What kind of speech recognizer a checkpoint is, told by its configuration, never by its name.

A family is the way a model is called, and what it declares of batches and lengths. Which models give the same texts in
a padded batch as alone was measured on small models of each class: docs/how-to/recognizers.md. It knows no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from earmark.errors import UsageError
from earmark.records import SAMPLE_RATE_HZ
from earmark.spec import BatchingKind

FamilyKind = Literal["ctc", "whisper", "request", "conversation", "encoder-decoder", "transducer"]
"""How a model is asked.

``ctc``: one forward pass. ``whisper``: generation from 30 s windows, with language, task and prompt. ``request``:
through its processor's transcription request (Canary, Cohere, audio LLMs). ``conversation``: with an instruction, as
its chat template puts it (audio LLMs). ``encoder-decoder``: plain generation. ``transducer``: RNN-T and TDT.
"""

_FRAME_S = 0.01  # every feature extractor of these models makes one frame of features for each 10 ms
_UNSTATED_MAX_AUDIO_S = 120.0  # no limit but memory, which grows with the square of the length
_UNTRIED_SHORTEST_SAMPLES = 1_600


@dataclass(frozen=True, slots=True)
class Family:
    """What is known of a model before it is loaded.

    ``max_audio_s`` is the longest audio in one piece, ``shortest_samples`` the fewest that the model takes: less is
    padded with silence. ``is_masked`` says whether it wants an attention mask.
    """

    kind: FamilyKind
    model_type: str
    architecture: str
    batching: BatchingKind
    max_audio_s: float
    shortest_samples: int
    has_fused_attention: bool = True
    is_masked: bool = True


_CTC = {
    "data2vec-audio": "Data2VecAudioForCTC",
    "granite_speech5_ctc": "GraniteSpeech5ForCTC",
    "hubert": "HubertForCTC",
    "lasr_ctc": "LasrForCTC",
    "parakeet_ctc": "ParakeetForCTC",
    "sew": "SEWForCTC",
    "sew-d": "SEWDForCTC",
    "unispeech": "UniSpeechForCTC",
    "unispeech-sat": "UniSpeechSatForCTC",
    "wav2vec2": "Wav2Vec2ForCTC",
    "wav2vec2-bert": "Wav2Vec2BertForCTC",
    "wav2vec2-conformer": "Wav2Vec2ConformerForCTC",
    "wavlm": "WavLMForCTC",
}
_REQUEST = {
    "audioflamingo3": "AudioFlamingo3ForConditionalGeneration",
    "canary": "CanaryForConditionalGeneration",
    "cohere_asr": "CohereAsrForConditionalGeneration",
    "fun_asr_nano": "FunAsrNanoForConditionalGeneration",
    "glmasr": "GlmAsrForConditionalGeneration",
    "qwen3_asr": "Qwen3ASRForConditionalGeneration",
    "voxtral": "VoxtralForConditionalGeneration",
}
_CONVERSATION = {
    "granite_speech": "GraniteSpeechForConditionalGeneration",
    "qwen2_audio": "Qwen2AudioForConditionalGeneration",
}
_ENCODER_DECODER = {
    "moonshine": "MoonshineForConditionalGeneration",
    "moonshine_streaming": "MoonshineStreamingForConditionalGeneration",
    "speech_to_text": "Speech2TextForConditionalGeneration",
    "speech-encoder-decoder": "SpeechEncoderDecoderModel",
}
_TRANSDUCER = {"parakeet_rnnt": "ParakeetForRNNT", "parakeet_tdt": "ParakeetForTDT"}
_KINDS: dict[str, tuple[FamilyKind, str]] = {
    "whisper": ("whisper", "WhisperForConditionalGeneration"),
    **{model_type: ("ctc", architecture) for model_type, architecture in _CTC.items()},
    **{model_type: ("request", architecture) for model_type, architecture in _REQUEST.items()},
    **{model_type: ("conversation", architecture) for model_type, architecture in _CONVERSATION.items()},
    **{model_type: ("encoder-decoder", architecture) for model_type, architecture in _ENCODER_DECODER.items()},
    **{model_type: ("transducer", architecture) for model_type, architecture in _TRANSDUCER.items()},
}
# Speech recognition that Transformers has, and that wants a way of asking of its own.
_NOT_YET = {
    "dia", "granite_speech_plus", "kyutai_speech_to_text", "nemotron3_5_asr", "nemotron_asr_streaming", "pop2piano",
    "seamless_m4t", "seamless_m4t_v2", "speecht5", "vibevoice_asr", "voxtral_realtime",
}  # fmt: skip
_LAYER_NORM_IS_EXACT = {"hubert", "wav2vec2", "wavlm"}
_GROUP_NORM = {"moonshine"}  # in its first layers, over time
_EXACT_WITH_MASK = {"canary", "cohere_asr", "parakeet_ctc", "parakeet_rnnt", "parakeet_tdt", "whisper"}
_WITHOUT_FUSED_ATTENTION = {"sew-d", "speech_to_text", "wavlm"}
# What the authors of the model say of its input.
_STATED_MAX_AUDIO_S = {
    "canary": 40.0, "cohere_asr": 35.0, "moonshine": 30.0, "qwen3_asr": 1_200.0, "voxtral": 1_800.0,
}  # fmt: skip
_REMOTE_KINDS: dict[str, FamilyKind] = {"AutoModelForCTC": "ctc", "AutoModelForSpeechSeq2Seq": "encoder-decoder"}
_MOONSHINE_CONVOLUTIONS = ((127, 64), (7, 3), (3, 2))


def family_of(config: Mapping[str, Any], place: str, *, trust: bool = False) -> Family:
    """The family of the model that ``config`` (its config.json) describes; ``place`` is its name in messages.

    With ``trust`` a class that the checkpoint brings itself is taken where its ``auto_map`` says what it does.

    Raises UsageError for what is no speech recognition, and for code of its own without ``trust``.
    """
    model_type = str(config.get("model_type", ""))
    if model_type not in _KINDS:
        return _remote(config, place, model_type, trust=trust)
    kind, architecture = _KINDS[model_type]
    named = _architecture(config)
    if named not in ("", architecture):
        raise _not_speech(place, named, f"of {model_type} models, {architecture} recognizes speech")
    if model_type == "granite_speech" and config.get("has_lora_adapter", True):
        raise _with_adapter(place)
    has_group_norm = config.get("feat_extract_norm") == "group"
    return Family(
        kind=kind,
        model_type=model_type,
        architecture=architecture,
        batching=_batching(model_type, has_group_norm=has_group_norm, has_norm=bool(config.get("feat_extract_norm"))),
        max_audio_s=_max_audio_s(config, model_type),
        shortest_samples=_shortest_samples(config, model_type),
        has_fused_attention=model_type not in _WITHOUT_FUSED_ATTENTION,
        is_masked=not has_group_norm,
    )


def _remote(config: Mapping[str, Any], place: str, model_type: str, *, trust: bool) -> Family:
    named = _architecture(config) or "a model without a class"
    if model_type in _NOT_YET:
        raise UsageError(
            f"{place} is {named}, which earmark cannot ask yet", hint="docs/how-to/recognizers.md lists what it can"
        )
    classes = config.get("auto_map")
    if not isinstance(classes, Mapping):
        raise _not_speech(place, named, f"its model_type is {model_type!r}")
    if not trust:
        raise UsageError(
            f"{place} is of a class that it brings itself, as code",
            cause=f"{named} of model_type {model_type!r} is none of Transformers' own, and strangers' code is not run",
            hint="read its .py files, then: --trust",
        )
    kind = next((_REMOTE_KINDS[name] for name in classes if name in _REMOTE_KINDS), None)
    if kind is None:
        raise _not_speech(place, named, f"its auto_map has none of {', '.join(_REMOTE_KINDS)}")
    return Family(kind, model_type, named, "single", _UNSTATED_MAX_AUDIO_S, _UNTRIED_SHORTEST_SAMPLES)


def _with_adapter(place: str) -> UsageError:
    """Without its adapter, which Transformers leaves out where peft is missing, it says something all the same."""
    return UsageError(
        f"{place} keeps a part of its weights in an adapter",
        cause="its config.json says has_lora_adapter, and only weights that are whole are run",
        hint="merge the adapter into the weights with peft, and save them with has_lora_adapter: false",
    )


def _architecture(config: Mapping[str, Any]) -> str:
    named = config.get("architectures")
    return str(named[0]) if isinstance(named, Sequence) and not isinstance(named, str) and named else ""


def _not_speech(place: str, named: str, cause: str) -> UsageError:
    return UsageError(f"{place} is not for speech recognition: {named}", cause=cause)


def _batching(model_type: str, *, has_group_norm: bool, has_norm: bool) -> BatchingKind:
    """Group norm runs over the padding, whatever the mask says. What nobody tried is done one at a time."""
    if model_type in _GROUP_NORM or (model_type in _CTC and has_group_norm):
        return "equal_length"
    if model_type in _EXACT_WITH_MASK or (model_type in _LAYER_NORM_IS_EXACT and has_norm):
        return "masked"
    return "single"


def _max_audio_s(config: Mapping[str, Any], model_type: str) -> float:
    if model_type in _STATED_MAX_AUDIO_S:
        return _STATED_MAX_AUDIO_S[model_type]
    if model_type == "whisper":
        return _number(config, "max_source_positions", 1_500) * 2 * _FRAME_S
    if model_type == "qwen2_audio":
        audio = config.get("audio_config")
        return _number(audio if isinstance(audio, Mapping) else {}, "max_source_positions", 1_500) * 2 * _FRAME_S
    if model_type == "speech_to_text":
        return _number(config, "max_source_positions", 6_000) * _FRAME_S
    encoder = config.get("encoder_config")
    if isinstance(encoder, Mapping) and "subsampling_factor" in encoder:
        return _number(encoder, "max_position_embeddings", 5_000) * _number(encoder, "subsampling_factor", 8) * _FRAME_S
    return _UNSTATED_MAX_AUDIO_S


def _shortest_samples(config: Mapping[str, Any], model_type: str) -> int:
    """The fewest samples that give one frame at the output of the convolutions."""
    kernels, strides = config.get("conv_kernel"), config.get("conv_stride")
    if isinstance(kernels, Sequence) and isinstance(strides, Sequence) and not isinstance(kernels, str):
        return _receptive_field(zip(kernels, strides, strict=False))
    if model_type == "moonshine":
        return _receptive_field(_MOONSHINE_CONVOLUTIONS)
    encoder = config.get("encoder_config")
    if isinstance(encoder, Mapping) and "subsampling_factor" in encoder:
        return round(_number(encoder, "subsampling_factor", 8) * _FRAME_S * SAMPLE_RATE_HZ)
    return _UNTRIED_SHORTEST_SAMPLES


def _receptive_field(convolutions: Any) -> int:  # noqa: ANN401  # pairs from a file, checked here
    """Samples seen by one output of convolutions without padding, each of a kernel size and a stride."""
    samples, step = 1, 1
    for kernel, stride in convolutions:
        samples += (int(kernel) - 1) * step
        step *= int(stride)
    return samples


def _number(config: Mapping[str, Any], name: str, default: int) -> float:
    value = config.get(name, default)
    return float(value) if isinstance(value, int | float) and value > 0 else float(default)
