"""Make a tiny Whisper with weights of chance, for the recipe digits_whisper: no download, and the same one each time.

    python scripts/make_tiny_whisper.py OUT

A true one in all but size: byte pairs, languages, tasks and timestamps, a window of two seconds for that of 30 s.
Knows nothing of earmark.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WINDOW_S = 2
LANGUAGES = ("en", "es")
TASKS = ("translate", "transcribe")
END = "<|endoftext|>"
NUM_PLACES = 64
_VOCABULARY = 400


def tiny_tokenizer(texts: Sequence[str], window_s: int) -> WhisperTokenizer:
    """Byte pairs that are learnt from the texts, so that any other can be spelt too, and the special tokens."""
    trained = Tokenizer(BPE())
    trained.pre_tokenizer = ByteLevel(add_prefix_space=False)
    trainer = BpeTrainer(vocab_size=_VOCABULARY, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    trained.train_from_iterator([f" {text}" for text in texts] * 2, trainer)
    state = json.loads(trained.to_str())["model"]
    tokenizer = WhisperTokenizer(vocab=state["vocab"], merges=[tuple(pair) for pair in state["merges"]])
    words = ("startoftranscript", *LANGUAGES, *TASKS, "startoflm", "startofprev", "nospeech", "notimestamps")
    tokenizer.add_special_tokens({"extra_special_tokens": [f"<|{word}|>" for word in words]})
    tokenizer.add_tokens([f"<|{0.02 * number:.2f}|>" for number in range(50 * window_s + 1)])
    tokenizer.pad_token = END
    return tokenizer


def tiny_whisper(tokenizer: WhisperTokenizer, window_s: int) -> WhisperForConditionalGeneration:
    """The model, whose weights are drawn as torch is seeded."""
    token = tokenizer.convert_tokens_to_ids
    special = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), token(END))
    special["decoder_start_token_id"] = token("<|startoftranscript|>")
    config = WhisperConfig(
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        vocab_size=len(tokenizer),
        d_model=64,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        max_source_positions=50 * window_s,
        max_target_positions=NUM_PLACES,
        num_mel_bins=80,
        **special,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        **special,
        is_multilingual=True,
        lang_to_id={f"<|{one}|>": token(f"<|{one}|>") for one in LANGUAGES},
        task_to_id={one: token(f"<|{one}|>") for one in TASKS},
        no_timestamps_token_id=token("<|notimestamps|>"),
        prev_sot_token_id=token("<|startofprev|>"),
        max_length=NUM_PLACES,
        return_timestamps=False,
        alignment_heads=[[0, 0], [0, 1]],
    )
    return model


def tiny_extractor(window_s: int) -> WhisperFeatureExtractor:
    """80 mel bands of a window."""
    return WhisperFeatureExtractor(feature_size=80, chunk_length=window_s)


def write_tiny_whisper(folder: Path, texts: Sequence[str] = DIGITS) -> None:
    """Save such a model with its tokenizer and its features in ``folder``."""
    tokenizer = tiny_tokenizer(texts, WINDOW_S)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = tiny_whisper(tokenizer, WINDOW_S)
    model.save_pretrained(folder)
    WhisperProcessor(tiny_extractor(WINDOW_S), tokenizer).save_pretrained(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004  # this script and a folder
        raise SystemExit(f"usage: python {sys.argv[0]} OUT")
    write_tiny_whisper(Path(sys.argv[1]))
