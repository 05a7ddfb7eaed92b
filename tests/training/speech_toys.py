"""Speech that is learnt in seconds: a tone a letter; a model of a thousand numbers that hears each moment alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

TONES_HZ = {"a": 400, "b": 900, "c": 1700}
YAML = """
sample_rate: 16000
n_mels: 24
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
    hop_length: 20
hidden: !new:speechbrain.nnet.linear.Linear
    input_size: !ref <n_mels>
    n_neurons: 32
output: !new:speechbrain.nnet.linear.Linear
    input_size: 32
    n_neurons: 4
log_softmax: !new:speechbrain.nnet.activations.Softmax
    apply_log: True
tokenizer: !new:speechbrain.dataio.encoder.CTCTextEncoder
encoder: !new:speechbrain.nnet.containers.LengthsCapableSequential
    input_shape: [null, null, !ref <n_mels>]
    compute_features: !ref <compute_features>
    hidden: !ref <hidden>
    activation: !new:torch.nn.LeakyReLU
    output: !ref <output>
    log_softmax: !ref <log_softmax>
asr: !new:torch.nn.ModuleList [[!ref <hidden>, !ref <output>]]
decoding_function: !name:speechbrain.decoders.ctc_greedy_decode
    blank_id: 0
modules:
    encoder: !ref <encoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        asr: !ref <asr>
        tokenizer: !ref <tokenizer>
"""
RECIPE = """kind = "ctc"
epochs = 14
checkpoint_every_steps = 5

[data]
source = "{data}"

[data.train]
where = {{ split = "train" }}

[data.valid]
where = {{ split = "valid" }}

[data.test]
where = {{ split = "test" }}

[model]
hyperparams = "toy.yaml"
labels = "abc"

[optimizer]
learning_rate = 0.01
warmup_steps = 5

[batching]
max_batch_s = 4.0
"""


def write_toy(folder: Path) -> Path:
    """The recipe ``folder/toy.toml``, with its model and data: 45 utterances to learn from, 6 to try on, 9 to test."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(0)
    rows = []
    for number in range(60):
        text = "".join(chance.choice(list(TONES_HZ), size=int(chance.integers(1, 4))))
        samples = np.concatenate([_tone(letter, chance) for letter in text])
        soundfile.write(folder / f"{number}.wav", samples, 16_000)
        split = "train" if number % 4 else ("test", "valid", "test", "test", "valid")[number // 4 % 5]
        rows.append({"id": f"utt-{number}", "audio": f"{number}.wav", "text": text, "split": split})
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "toy.yaml").write_text(YAML)
    (folder / "toy.toml").write_text(RECIPE.format(data=folder / "data.jsonl"))
    return folder / "toy.toml"


def _tone(letter: str, chance: np.random.Generator) -> np.ndarray:
    """A fifth of a second, more or less, with silence after it."""
    length = int(chance.integers(2500, 4000))
    tone = 0.3 * np.sin(2 * np.pi * TONES_HZ[letter] * np.arange(length) / 16_000)
    noise = 0.01 * chance.standard_normal(length + 1200)
    return (np.concatenate([tone, np.zeros(1200)]) + noise).astype(np.float32)
