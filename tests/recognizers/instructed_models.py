"""Tiny random models of the classes that are asked in words, with their true processors and tokenizers made here."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CohereAsrConfig,
    CohereAsrFeatureExtractor,
    CohereAsrForConditionalGeneration,
    CohereAsrProcessor,
    GenerationConfig,
    GraniteSpeechConfig,
    GraniteSpeechFeatureExtractor,
    GraniteSpeechForConditionalGeneration,
    GraniteSpeechProcessor,
    PreTrainedTokenizerFast,
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    Qwen3ASRConfig,
    Qwen3ASRFeatureExtractor,
    Qwen3ASRForConditionalGeneration,
    Qwen3ASRProcessor,
    VoxtralConfig,
    VoxtralForConditionalGeneration,
    VoxtralProcessor,
    WhisperFeatureExtractor,
)

from tests.recognizers.models import ENCODER, WINDOW_S, plain_tokenizer, save

_SPECIAL = ("<unk>", "<s>", "</s>", "<pad>")
_IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
_LANGUAGE_MODEL = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 16,
    "initializer_range": 0.3,
    **_IDS,
}
_AUDIO_TOWER = {
    "d_model": 64,
    "encoder_layers": 1,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 128,
    "num_mel_bins": 80,
    "initializer_range": 0.3,
}
DATED_TEMPLATE = (
    "{% if strftime_now is defined %}Today: {{ strftime_now('%Y') }} {% endif %}"
    "{% for message in messages %}<|user|> {{ message['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }} {% for part in message['content'] %}"
    "{% if part['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
)
_QWEN_SPECIAL = ("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>", "<|im_start|>", "<|im_end|>")
_COHERE_SPECIAL = (
    "<|startofcontext|>", "<|startoftranscript|>", "<|emo:undefined|>", "<|en|>", "<|es|>", "<|pnc|>", "<|nopnc|>",
    "<|noitn|>", "<|notimestamp|>", "<|nodiarize|>",
)  # fmt: skip


def build(kind: str, folder: Path) -> Path:
    """Save a model of ``kind`` (a key of ``BUILDERS``) in ``folder``, the same one every time."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BUILDERS[kind](folder)
    return folder


def _granite_speech(folder: Path) -> None:
    tokenizer = plain_tokenizer([*_SPECIAL, "<|audio|>", "<|user|>", "<|assistant|>"])
    tokenizer.chat_template = DATED_TEMPLATE
    encoder = {"num_layers": 2, "hidden_dim": 64, "num_heads": 4, "output_dim": 16, "context_size": 50, "dropout": 0.0}
    projector = {
        "model_type": "blip_2_qformer",
        "hidden_size": 64,
        "encoder_hidden_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "initializer_range": 0.3,
    }
    config = GraniteSpeechConfig(
        text_config={"model_type": "granite", "vocab_size": len(tokenizer), **_LANGUAGE_MODEL},
        encoder_config={**encoder, "max_pos_emb": 64},
        projector_config=projector,
        audio_token_index=tokenizer.convert_tokens_to_ids("<|audio|>"),
        has_lora_adapter=False,
        initializer_range=0.2,
    )
    model = GraniteSpeechForConditionalGeneration(config)
    _save(model, GraniteSpeechProcessor(GraniteSpeechFeatureExtractor(), tokenizer), folder)


def _qwen2_audio(folder: Path) -> None:
    tokenizer = _qwen_tokenizer()
    config = Qwen2AudioConfig(
        text_config={"model_type": "qwen2", "vocab_size": len(tokenizer), **_LANGUAGE_MODEL},
        audio_config={**_AUDIO_TOWER, "model_type": "qwen2_audio_encoder", "max_source_positions": 50 * WINDOW_S},
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
    )
    extractor = WhisperFeatureExtractor(feature_size=80, chunk_length=WINDOW_S)
    processor = Qwen2AudioProcessor(extractor, tokenizer, chat_template=_QWEN_TEMPLATE)
    _save(Qwen2AudioForConditionalGeneration(config), processor, folder)


def _qwen3_asr(folder: Path) -> None:
    tokenizer = _qwen_tokenizer()
    tower = {**_AUDIO_TOWER, "model_type": "qwen3_asr_encoder", "output_dim": 64, "downsample_hidden_size": 8}
    config = Qwen3ASRConfig(
        text_config={"model_type": "qwen3", "vocab_size": len(tokenizer), **_LANGUAGE_MODEL},
        audio_config=tower,
        audio_token_id=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
        pad_token_id=3,
        eos_token_id=2,
        initializer_range=0.3,
    )
    processor = Qwen3ASRProcessor(Qwen3ASRFeatureExtractor(feature_size=80), tokenizer, chat_template=_QWEN_TEMPLATE)
    _save(Qwen3ASRForConditionalGeneration(config), processor, folder)


def _qwen_tokenizer() -> PreTrainedTokenizerFast:
    named = {"audio_token": "<|AUDIO|>", "audio_bos_token": "<|audio_bos|>", "audio_eos_token": "<|audio_eos|>"}
    return plain_tokenizer([*_SPECIAL, *_QWEN_SPECIAL], named)


def _cohere_asr(folder: Path) -> None:
    tokenizer = plain_tokenizer([*_SPECIAL, "▁", *_COHERE_SPECIAL])
    config = CohereAsrConfig(
        encoder_config={"model_type": "parakeet_encoder", **ENCODER, "scale_input": False, "initializer_range": 0.2},
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
        decoder_start_token_id=tokenizer.convert_tokens_to_ids("▁"),
        initializer_range=0.2,
        **_IDS,
    )
    model = CohereAsrForConditionalGeneration(config)
    for name, weight in model.named_parameters():
        if "encoder_attn" in name and name.endswith(("v_proj.weight", "o_proj.weight")):
            torch.nn.init.normal_(weight, std=3.0)  # what it says must depend on what it hears
    _save(model, CohereAsrProcessor(CohereAsrFeatureExtractor(feature_size=80), tokenizer), folder)


def _voxtral(folder: Path) -> None:
    """Its tokenizer is Mistral's own, in a file of theirs: bytes, and the special tokens by their numbers."""
    from transformers import MistralCommonBackend

    path = folder / "tekken.json"
    path.write_text(json.dumps(_tekken()))
    extractor = WhisperFeatureExtractor(feature_size=80)
    processor = VoxtralProcessor(extractor, MistralCommonBackend(tokenizer_path=path))
    config = VoxtralConfig(
        text_config={"model_type": "llama", "vocab_size": _NUM_SPECIAL + 256, **_LANGUAGE_MODEL, "pad_token_id": 11},
        audio_config={"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 1, "num_attention_heads": 4,
                      "num_mel_bins": 80, "initializer_range": 0.3},
        audio_token_id=24,
    )  # fmt: skip
    _save(VoxtralForConditionalGeneration(config), processor, folder, pad_token_id=11)


_NUM_SPECIAL = 40


def _tekken() -> dict[str, Any]:
    named = {
        0: "<unk>", 1: "<s>", 2: "</s>", 3: "[INST]", 4: "[/INST]", 5: "[AVAILABLE_TOOLS]", 6: "[/AVAILABLE_TOOLS]",
        7: "[TOOL_RESULTS]", 8: "[/TOOL_RESULTS]", 9: "[TOOL_CALLS]", 10: "[IMG]", 11: "<pad>", 12: "[IMG_BREAK]",
        13: "[IMG_END]", 14: "[PREFIX]", 15: "[MIDDLE]", 16: "[SUFFIX]", 17: "[SYSTEM_PROMPT]",
        18: "[/SYSTEM_PROMPT]", 19: "[TOOL_CONTENT]", 24: "[AUDIO]", 25: "[BEGIN_AUDIO]", 34: "[TRANSCRIBE]",
    }  # fmt: skip
    special = [
        {"rank": rank, "token_str": named.get(rank, f"<SPECIAL_{rank}>"), "is_control": True}
        for rank in range(_NUM_SPECIAL)
    ]
    vocabulary = [
        {"rank": rank, "token_bytes": base64.b64encode(bytes([rank])).decode(), "token_str": None}
        for rank in range(256)
    ]
    return {
        "config": {
            "pattern": r"\S+|\s+",
            "num_vocab_tokens": 256,
            "default_vocab_size": _NUM_SPECIAL + 256,
            "default_num_special_tokens": _NUM_SPECIAL,
            "version": "v7",
        },
        "vocab": vocabulary,
        "special_tokens": special,
        "audio": {
            "sampling_rate": 16_000,
            "frame_rate": 12.5,
            "audio_encoding_config": {"num_mel_bins": 80, "hop_length": 160, "window_size": 400},
            "chunk_length_s": 30.0,
        },
    }


def _save(model: Any, processor: Any, folder: Path, **more: Any) -> None:
    model.generation_config = GenerationConfig(**{**_IDS, **more}, max_new_tokens=12)
    save(model, processor, folder)


BUILDERS: dict[str, Callable[[Path], None]] = {
    "granite speech": _granite_speech,
    "qwen2 audio": _qwen2_audio,
    "qwen3 asr": _qwen3_asr,
    "cohere asr": _cohere_asr,
    "voxtral": _voxtral,
}
