"""A Whisper of a second's window and a few tones with names: learnt in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile
import torch
from scripts.make_tiny_whisper import tiny_extractor, tiny_tokenizer, tiny_whisper
from transformers import WhisperProcessor

WINDOW_S = 1
TONES_HZ = {"low": 300, "mid": 1000, "high": 3000}
RECIPE = """kind = "whisper"
epochs = 6

[data]
source = "{folder}/data.jsonl"

[data.train]
where = {{ split = "train" }}

[data.valid]
where = {{ split = "valid" }}

[data.test]
where = {{ split = "test" }}

[model]
pretrained = "{folder}/model"
language = "en"

[optimizer]
learning_rate = 0.004
warmup_steps = 5
most_gradient_norm = 1.0

[batching]
max_batch_size = 4
"""


def write_model(folder: Path) -> Path:
    """Weights of chance, always the same ones."""
    tokenizer = tiny_tokenizer(list(TONES_HZ), WINDOW_S)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tiny_whisper(tokenizer, WINDOW_S).save_pretrained(folder)
    WhisperProcessor(tiny_extractor(WINDOW_S), tokenizer).save_pretrained(folder)
    return folder


def write_toy(folder: Path) -> Path:
    """The recipe ``folder/toy.toml``, with its model and data.

    48 utterances to learn from, and four more that are left out, each by its rule; 6 to try on, one of which is longer
    than the window; 9 to test.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / "model")
    chance = np.random.default_rng(0)
    rows = []
    for number in range(63):
        split = "train" if number < 48 else "valid" if number < 54 else "test"
        text = list(TONES_HZ)[number % 3]
        rows.append(_utterance(folder, f"utt-{number}", text, split, 1.2 if number == 50 else 0.4, chance))
    rows.append(_utterance(folder, "beyond", "low", "train", 1.5, chance))
    rows.append(_utterance(folder, "special", "low <|en|>", "train", 0.4, chance))
    rows.append(_utterance(folder, "wordy", "mid " * 70, "train", 0.4, chance))
    rows.append(_utterance(folder, "silent", "", "train", 0.4, chance))
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "toy.toml").write_text(RECIPE.format(folder=folder))
    return folder / "toy.toml"


def _utterance(
    folder: Path, name: str, text: str, split: str, length_s: float, chance: np.random.Generator
) -> dict[str, str]:
    pitch_hz = TONES_HZ[text.split(maxsplit=1)[0]] if text else 500
    times_s = np.arange(int(16_000 * length_s)) / 16_000
    tone = 0.3 * np.sin(2 * np.pi * pitch_hz * times_s) + 0.01 * chance.standard_normal(len(times_s))
    soundfile.write(folder / f"{name}.wav", tone.astype(np.float32), 16_000)
    return {"id": name, "audio": f"{name}.wav", "text": text, "split": split}
