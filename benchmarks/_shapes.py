"""Models with random weights in the shapes of known ones, made on the spot, and how long they are made to talk.

A random Whisper never ends, or ends at once. So the number of its tokens is forced: about as many for each second of
audio as English has, whoever asks it. What the tokens are is chance, and the same chance for everybody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
TOKENS_PER_S = 3.4
"""Of English read aloud, in Whisper's tokens."""


@dataclass(frozen=True)
class Shape:
    """Width, encoder and decoder layers, attention heads, and mel channels."""

    width: int
    layers: tuple[int, int]
    heads: int
    num_mel_bins: int


WHISPER = {
    "tiny": Shape(384, (4, 4), 6, 80),
    "large-v3": Shape(1_280, (32, 32), 20, 128),
    "large-v3-turbo": Shape(1_280, (32, 4), 20, 128),
    "toy": Shape(64, (2, 2), 2, 80),
}
"""As their authors state them; toy is nobody's."""
PARAKEET = {
    "0.6b": {"hidden_size": 1_024, "num_hidden_layers": 24, "num_attention_heads": 8, "num_mel_bins": 128},
    "toy": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_mel_bins": 80},
}
_FRAMES_PER_S = 100


def make_ctc(folder: Path) -> None:
    """A random CTC model in the shape of wav2vec2 with layer norm: seven convolutions, fewer channels and layers."""
    torch.manual_seed(0)
    vocabulary = {token: number for number, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    config = transformers.Wav2Vec2Config(
        vocab_size=len(vocabulary),
        pad_token_id=0,
        hidden_size=256,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=1_024,
        conv_dim=(64,) * 7,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=32,
    )
    model = transformers.Wav2Vec2ForCTC(config)
    torch.nn.init.normal_(model.lm_head.weight, std=1.0)
    with torch.no_grad():
        model.lm_head.bias[1:4] = -100.0  # the pipeline shows special tokens, and a trained model says none
    model.save_pretrained(folder)
    extractor = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    transformers.Wav2Vec2Processor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)


def make_whisper(folder: Path, shape: str, texts: Sequence[str]) -> None:
    """A random Whisper of a shape of ``WHISPER``, whose tokenizer is trained on ``texts``."""
    torch.manual_seed(0)
    size = WHISPER[shape]
    tokenizer = _whisper_tokenizer(texts)
    token = tokenizer.convert_tokens_to_ids
    width, (encoder_layers, decoder_layers) = size.width, size.layers
    config = transformers.WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=width,
        encoder_layers=encoder_layers,
        decoder_layers=decoder_layers,
        encoder_attention_heads=size.heads,
        decoder_attention_heads=size.heads,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        num_mel_bins=size.num_mel_bins,
        pad_token_id=token("<|endoftext|>"),
        bos_token_id=token("<|endoftext|>"),
        eos_token_id=token("<|endoftext|>"),
        decoder_start_token_id=token("<|startoftranscript|>"),
    )
    model = transformers.WhisperForConditionalGeneration(config)
    torch.nn.init.normal_(model.model.decoder.embed_tokens.weight, std=0.5)
    model.generation_config = _whisper_generation(tokenizer)
    model.save_pretrained(folder)
    extractor = transformers.WhisperFeatureExtractor(feature_size=size.num_mel_bins)
    transformers.WhisperProcessor(extractor, tokenizer).save_pretrained(folder)


def _whisper_generation(tokenizer: Any) -> Any:  # noqa: ANN401  # Transformers'
    token = tokenizer.convert_tokens_to_ids
    return transformers.GenerationConfig(
        pad_token_id=token("<|endoftext|>"),
        bos_token_id=token("<|endoftext|>"),
        eos_token_id=token("<|endoftext|>"),
        decoder_start_token_id=token("<|startoftranscript|>"),
        is_multilingual=True,
        lang_to_id={"<|en|>": token("<|en|>")},
        task_to_id={"transcribe": token("<|transcribe|>")},
        no_timestamps_token_id=token("<|notimestamps|>"),
        prev_sot_token_id=token("<|startofprev|>"),
        suppress_tokens=list(range(token("<|startoftranscript|>"), len(tokenizer))),
        forced_decoder_ids=None,
        max_length=448,
        return_timestamps=False,
    )


def _whisper_tokenizer(texts: Sequence[str]) -> Any:  # noqa: ANN401  # Transformers'
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trained.train_from_iterator(
        [f" {text.lower()}" for text in texts],
        trainers.BpeTrainer(vocab_size=1_000, initial_alphabet=alphabet, show_progress=False),
    )
    state = json.loads(trained.to_str())["model"]
    tokenizer = transformers.WhisperTokenizer(vocab=state["vocab"], merges=[tuple(pair) for pair in state["merges"]])
    special = ["startoftranscript", "en", "transcribe", "startofprev", "nospeech", "notimestamps"]
    tokenizer.add_special_tokens({"extra_special_tokens": [f"<|{word}|>" for word in special]})
    tokenizer.add_tokens([f"<|{0.02 * number:.2f}|>" for number in range(1_501)])
    tokenizer.pad_token = "<|endoftext|>"  # noqa: S105  # a token of text
    return tokenizer


class _Talkative(transformers.LogitsProcessor):  # type: ignore[misc]  # it ships no types
    """Lets no row end before it has said so many tokens, and each end then."""

    def __init__(self, num_tokens: torch.Tensor, end: int) -> None:
        self._num_tokens, self._end, self._said = num_tokens, end, 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002  # its form
        is_done = (self._said >= self._num_tokens).unsqueeze(-1)
        self._said += 1
        is_end = torch.arange(scores.shape[-1], device=scores.device) == self._end
        return scores.masked_fill(is_done != is_end, -torch.inf)


@contextmanager
def talking() -> Iterator[None]:
    """Within the block every Whisper, whoever asks it, says as many tokens as its audio is long. One beam only."""
    right = transformers.WhisperForConditionalGeneration.generate

    def generate(self: Any, input_features: torch.Tensor, **named: Any) -> Any:  # noqa: ANN401  # a model
        # Silence that was added is the same to the end, in every channel.
        is_sound = (input_features != input_features[..., -1:]).any(dim=1)
        places = torch.arange(1, is_sound.shape[-1] + 1, device=is_sound.device)
        num_frames = (is_sound * places).amax(dim=-1)
        num_tokens = (num_frames / _FRAMES_PER_S * TOKENS_PER_S).ceil().clamp(min=1)
        forced = _Talkative(num_tokens, self.generation_config.eos_token_id)
        return right(self, input_features, **named, logits_processor=transformers.LogitsProcessorList([forced]))

    transformers.WhisperForConditionalGeneration.generate = generate
    try:
        yield
    finally:
        transformers.WhisperForConditionalGeneration.generate = right


def make_parakeet(folder: Path, shape: str, samples: Sequence[Any]) -> None:
    """A random Parakeet TDT of a shape of ``PARAKEET``, which says something in four of ten frames of ``samples``."""
    torch.manual_seed(0)
    pieces = ["<unk>", "<pad>", "▁", *LETTERS, *(f"▁{one}{other}" for one in LETTERS for other in LETTERS)]
    trained = Tokenizer(models.BPE(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[]))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.decoder = decoders.Metaspace()
    tokenizer = transformers.ParakeetTokenizer(tokenizer_object=trained, unk_token="<unk>", pad_token="<pad>")  # noqa: S106
    tokenizer.add_special_tokens({"extra_special_tokens": ["<blank>"]})
    size, blank = PARAKEET[shape], tokenizer.convert_tokens_to_ids("<blank>")
    encoder = {**size, "intermediate_size": 4 * size["hidden_size"], "conv_kernel_size": 9}
    config = transformers.ParakeetTDTConfig(
        vocab_size=len(tokenizer),
        blank_token_id=blank,
        pad_token_id=tokenizer.pad_token_id,
        decoder_hidden_size=640,
        num_decoder_layers=2,
        max_symbols_per_step=10,
        encoder_config=encoder,
        durations=[0, 1, 2, 3, 4],
    )
    model = transformers.ParakeetForTDT(config).eval()
    extractor = transformers.ParakeetFeatureExtractor(feature_size=size["num_mel_bins"])
    torch.nn.init.normal_(model.joint.head.weight, std=1.0)
    inputs = extractor(list(samples), sampling_rate=16_000, return_attention_mask=True, return_tensors="pt")
    with torch.inference_mode():
        begin = torch.full((len(samples), 1), blank)
        logits = model(**inputs, decoder_input_ids=begin).logits[..., : config.vocab_size].flatten(0, -2)
        others = logits.index_fill(-1, torch.tensor([blank]), -torch.inf).amax(dim=-1)
        shift = (others - logits[:, blank]).quantile(0.6)
    with torch.no_grad():
        model.joint.head.bias[blank] += shift
        # A step of no length many times over is nothing that a trained model does.
        model.joint.head.bias[config.vocab_size] -= 100.0
    model.generation_config = transformers.GenerationConfig(
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=blank,
        bos_token_id=blank,
        eos_token_id=tokenizer.pad_token_id,
        suppress_tokens=list(range(len(tokenizer), len(tokenizer) + 5)),
    )
    model.save_pretrained(folder)
    transformers.ParakeetProcessor(extractor, tokenizer, decoder_type="tdt").save_pretrained(folder)
