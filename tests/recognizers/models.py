"""Tiny models of the true classes, made from configs with tokenizers trained on the spot, and saved as real ones are.

A CTC and a Whisper are trained until they say what they heard, so that texts are words and a wrong mask shows. The
others are random: they prove interfaces and invariance, never accuracy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scripts.make_tiny_whisper import tiny_extractor, tiny_tokenizer, tiny_whisper
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Metaspace
from transformers import (
    CanaryConfig,
    CanaryForConditionalGeneration,
    CanaryProcessor,
    GenerationConfig,
    HubertConfig,
    HubertForCTC,
    MoonshineConfig,
    MoonshineForConditionalGeneration,
    MoonshineStreamingConfig,
    MoonshineStreamingForConditionalGeneration,
    MoonshineStreamingProcessor,
    ParakeetCTCConfig,
    ParakeetFeatureExtractor,
    ParakeetForCTC,
    ParakeetForRNNT,
    ParakeetForTDT,
    ParakeetProcessor,
    ParakeetRNNTConfig,
    ParakeetTDTConfig,
    ParakeetTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Processor,
    WavLMConfig,
    WavLMForCTC,
    WhisperProcessor,
    WhisperTokenizer,
)

from earmark.audio.decode import decode

DEMO = Path(str(files("earmark") / "demo"))
UNKNOWN = "<unk>"
PADDING = "<pad>"
_MOST_STEPS = 500
_LAST_STEPS = 40
WINDOW_S = 5  # what the tiny Whisper hears at once; the real one hears 30 s
ENCODER = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "conv_kernel_size": 5,
    "subsampling_conv_channels": 16,
    "num_mel_bins": 80,
    "dropout": 0.0,
    "layerdrop": 0.0,
    "activation_dropout": 0.0,
    "attention_dropout": 0.0,
}
# As few samples a frame as a real one has, in fewer layers.
CONVOLUTIONS = {"conv_dim": (32, 32, 32), "conv_kernel": (20, 16, 8), "conv_stride": (10, 8, 4)}
WAV2VEC2 = {
    **CONVOLUTIONS,
    "num_feat_extract_layers": 3,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.0,
    "layerdrop": 0.0,
    "mask_time_prob": 0.0,
}


@dataclass(frozen=True)
class Clip:
    """A spoken command and its text."""

    id: str
    samples: np.ndarray
    text: str


def demo_clips() -> list[Clip]:
    """The clips that come with the package."""
    rows = [json.loads(line) for line in (DEMO / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    return [Clip(row["id"], decode(str(DEMO / row["audio"]), max_decoded_s=60.0), row["text"]) for row in rows]


def build(kind: str, folder: Path) -> Path:
    """Save a model of ``kind`` (a key of ``BUILDERS``) in ``folder``, the same one every time."""
    folder.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the same sums each time, and no threads that wait for each other on a busy machine
    try:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            BUILDERS[kind](folder)
    finally:
        torch.set_num_threads(threads)
    return folder


# Connectionist temporal classification


def _letters(folder: Path) -> Wav2Vec2CTCTokenizer:
    letters = sorted({letter for clip in demo_clips() for letter in clip.text if letter != " "})
    vocabulary = {token: number for number, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *letters])}
    path = folder / "vocab.json"
    path.write_text(json.dumps(vocabulary))
    return Wav2Vec2CTCTokenizer(str(path))


def _wav2vec2(norm: str, model_class: Any, config_class: Any) -> Callable[[Path], None]:
    def made(folder: Path) -> None:
        tokenizer = _letters(folder)
        extractor = Wav2Vec2FeatureExtractor(return_attention_mask=norm == "layer")
        config = config_class(
            **WAV2VEC2,
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            feat_extract_norm=norm,
            do_stable_layer_norm=norm == "layer",
            conv_bias=norm == "layer",
        )
        model = model_class(config)
        _spread(model.lm_head)
        save(model, Wav2Vec2Processor(feature_extractor=extractor, tokenizer=tokenizer), folder)

    return made


def _parakeet_ctc(folder: Path) -> None:
    tokenizer = _word_pieces(["<unk>", "<pad>"])
    encoder = {**ENCODER, "num_hidden_layers": 1}
    config = ParakeetCTCConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, encoder_config=encoder)
    model = ParakeetForCTC(config)
    extractor = ParakeetFeatureExtractor(feature_size=80)
    _train_ctc(model, extractor, [tokenizer(clip.text).input_ids for clip in demo_clips()])
    save(model, ParakeetProcessor(extractor, tokenizer, decoder_type="ctc"), folder)


def _word_pieces(special: Sequence[str]) -> ParakeetTokenizer:
    """Byte-pair encoding with a mark at the beginning of each word, so large that most words are one piece."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=160, special_tokens=list(special), show_progress=False)
    tokenizer.train_from_iterator([clip.text for clip in demo_clips()] * 2, trainer)
    return ParakeetTokenizer(tokenizer_object=tokenizer, unk_token=UNKNOWN, pad_token=PADDING)


def _train_ctc(model: Any, extractor: Any, labels: Sequence[Sequence[int]]) -> None:
    """Until it says the clips; then what batch norm has seen of them is what it keeps."""
    inputs = _features(extractor, [clip.samples for clip in demo_clips()])
    longest = max(map(len, labels))
    padded = torch.tensor([[*one, *[model.config.pad_token_id] * (longest - len(one))] for one in labels])
    _train(model, lambda: model(**inputs, labels=padded).loss, rate=5e-3, enough=0.08)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.momentum = 1.0
    with torch.no_grad():
        model(**inputs)


def _train(model: PreTrainedModel, loss_of: Callable[[], torch.Tensor], *, rate: float, enough: float) -> None:
    """Until the loss is ``enough``; then a few small steps, which steady it."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    num_left = _MOST_STEPS
    while num_left:
        num_left -= 1
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if loss.item() < enough and num_left > _LAST_STEPS:
            num_left = _LAST_STEPS
            optimizer.param_groups[0]["lr"] = rate / 10
    model.eval()


def _features(extractor: Any, batch: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
    return dict(
        extractor(list(batch), sampling_rate=16_000, padding=True, return_attention_mask=True, return_tensors="pt")
    )


def _spread(layer: torch.nn.Linear) -> None:
    """Larger random weights, so that a random model does not say one token only."""
    torch.nn.init.normal_(layer.weight, std=1.0)


# Transducers


def _transducer(kind: str) -> Callable[[Path], None]:
    def made(folder: Path) -> None:
        tokenizer = _word_pieces(["<unk>", "<pad>"])
        tokenizer.add_special_tokens({"extra_special_tokens": ["<blank>"]})
        blank = tokenizer.convert_tokens_to_ids("<blank>")
        common = {
            "vocab_size": len(tokenizer),
            "blank_token_id": blank,
            "pad_token_id": tokenizer.pad_token_id,
            "decoder_hidden_size": 32,
            "num_decoder_layers": 1,
            "max_symbols_per_step": 3,
            "encoder_config": ENCODER,
        }
        if kind == "tdt":
            model: Any = ParakeetForTDT(ParakeetTDTConfig(**common, durations=[0, 1, 2, 3, 4]))
        else:
            model = ParakeetForRNNT(ParakeetRNNTConfig(**common))
        _spread(model.joint.head)
        _spread(model.encoder_projector)  # what it says must depend on what it hears
        _say_often(model, blank)
        # What the official converter writes: no end token.
        model.generation_config = GenerationConfig(
            pad_token_id=tokenizer.pad_token_id,
            decoder_start_token_id=blank,
            bos_token_id=blank,
            suppress_tokens=list(range(len(tokenizer), len(tokenizer) + 5)) if kind == "tdt" else None,
        )
        processor = ParakeetProcessor(ParakeetFeatureExtractor(feature_size=80), tokenizer, decoder_type=kind)
        save(model, processor, folder)

    return made


def _say_often(model: Any, blank: int) -> None:
    """Make blank the likeliest answer to four of ten frames; a trained model says it most of the time."""
    inputs = _features(ParakeetFeatureExtractor(feature_size=80), [clip.samples for clip in demo_clips()])
    begin = torch.full((len(demo_clips()), 1), blank)
    model.eval()
    with torch.no_grad():
        logits = model(**inputs, decoder_input_ids=begin).logits[..., : model.config.vocab_size].flatten(0, -2)
        others = logits.index_fill(-1, torch.tensor([blank]), -torch.inf).amax(dim=-1)
        model.joint.head.bias[blank] += (others - logits[:, blank]).quantile(0.4)


# Encoder and decoder


def _whisper(folder: Path) -> None:
    tokenizer = _whisper_tokenizer()
    model = tiny_whisper(tokenizer, WINDOW_S)
    extractor = tiny_extractor(WINDOW_S)
    _train_whisper(model, extractor, tokenizer)
    save(model, WhisperProcessor(extractor, tokenizer), folder)


def _whisper_tokenizer() -> WhisperTokenizer:
    return tiny_tokenizer([clip.text for clip in demo_clips()], WINDOW_S)


def _train_whisper(model: Any, extractor: Any, tokenizer: Any) -> None:
    head = tokenizer.convert_tokens_to_ids(["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"])
    rows = [
        [*head, *tokenizer(f" {clip.text}", add_special_tokens=False).input_ids, tokenizer.eos_token_id]
        for clip in demo_clips()
    ]
    longest = max(map(len, rows))
    given = torch.tensor([[*row, *[tokenizer.eos_token_id] * (longest - len(row))] for row in rows])
    wanted = torch.tensor([[*row[1:], *[-100] * (longest - len(row) + 1)] for row in rows])
    features = extractor(
        [clip.samples for clip in demo_clips()], sampling_rate=16_000, return_tensors="pt"
    ).input_features

    def loss() -> torch.Tensor:
        logits = model(input_features=features, decoder_input_ids=given).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-100)

    _train(model, loss, rate=4e-3, enough=0.03)


def _moonshine(folder: Path) -> None:
    tokenizer = plain_tokenizer(["<unk>", "<s>", "</s>", "<pad>"])
    config = MoonshineConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        encoder_num_hidden_layers=2,
        decoder_num_hidden_layers=2,
        encoder_num_attention_heads=4,
        decoder_num_attention_heads=4,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
        decoder_start_token_id=1,
        initializer_range=0.2,
    )
    model = MoonshineForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        bos_token_id=1, eos_token_id=2, pad_token_id=3, decoder_start_token_id=1, max_length=12
    )
    extractor = Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True)
    save(model, Wav2Vec2Processor(feature_extractor=extractor, tokenizer=tokenizer), folder)


def _moonshine_streaming(folder: Path) -> None:
    tokenizer = plain_tokenizer(["<unk>", "<s>", "</s>", "<pad>"])
    size = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    size["num_key_value_heads"] = 4
    special = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "decoder_start_token_id": 1}
    config = MoonshineStreamingConfig(
        vocab_size=len(tokenizer),
        **size,
        **special,
        initializer_range=0.2,
        encoder_config={**size, "sliding_windows": ((16, 4), (16, 0))},
    )
    model = MoonshineStreamingForConditionalGeneration(config)
    model.generation_config = GenerationConfig(**special, max_length=12)
    extractor = Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True)
    save(model, MoonshineStreamingProcessor(extractor, tokenizer), folder)


def plain_tokenizer(special: Sequence[str], more: Mapping[str, str] | None = None) -> PreTrainedTokenizerFast:
    """A token a word of the clips, after the special ones; ``more`` names special ones that a processor looks for."""
    words = sorted({word for clip in demo_clips() for word in clip.text.split()})
    trained = Tokenizer(
        WordLevel({token: number for number, token in enumerate([*special, *words])}, unk_token=UNKNOWN)
    )
    trained.pre_tokenizer = pre_tokenizers.Whitespace()
    named = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained, **named, extra_special_tokens=dict(more or {}))
    tokenizer.add_special_tokens({"extra_special_tokens": [one for one in special if one.startswith("<|")]})
    return tokenizer


CANARY_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}{% if part['type'] == 'text' %}"
    "<|startofcontext|><|{{ part['source_language'] }}|><|{{ part['target_language'] }}|>"
    "{% endif %}{% endfor %}{% endfor %}"
)


def _canary(folder: Path) -> None:
    special = ["<unk>", "<s>", "</s>", "<pad>", "<|startofcontext|>", "<|en|>", "<|es|>"]
    tokenizer = plain_tokenizer(special)
    decoder = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "head_dim": 16,
        "max_position_embeddings": 64,
        "pad_token_id": 3,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "initializer_range": 0.2,
    }
    config = CanaryConfig(
        vocab_size=len(tokenizer),
        pad_token_id=3,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=4,
        encoder_config={"model_type": "parakeet_encoder", **ENCODER, "scale_input": False, "initializer_range": 0.2},
        decoder_config=decoder,
    )
    model = CanaryForConditionalGeneration(config)
    for name, weight in model.named_parameters():
        if "encoder_attn" in name and name.endswith(("v_proj.weight", "o_proj.weight")):
            torch.nn.init.normal_(weight, std=1.0)  # what it says must depend on what it hears
    model.generation_config = GenerationConfig(
        pad_token_id=3, bos_token_id=1, eos_token_id=2, decoder_start_token_id=4, max_length=12
    )
    processor = CanaryProcessor(ParakeetFeatureExtractor(feature_size=80), tokenizer, chat_template=CANARY_TEMPLATE)
    save(model, processor, folder)


def save(model: Any, processor: Any, folder: Path) -> None:
    model.eval()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


BUILDERS: dict[str, Callable[[Path], None]] = {
    "wav2vec2 group": _wav2vec2("group", Wav2Vec2ForCTC, Wav2Vec2Config),
    "wav2vec2 layer": _wav2vec2("layer", Wav2Vec2ForCTC, Wav2Vec2Config),
    "hubert layer": _wav2vec2("layer", HubertForCTC, HubertConfig),
    "wavlm layer": _wav2vec2("layer", WavLMForCTC, WavLMConfig),
    "parakeet ctc": _parakeet_ctc,
    "parakeet tdt": _transducer("tdt"),
    "parakeet rnnt": _transducer("rnnt"),
    "whisper": _whisper,
    "moonshine": _moonshine,
    "moonshine streaming": _moonshine_streaming,
    "canary": _canary,
}
