"""What ``train.py`` trains on: noise and words in lengths like LibriSpeech's, and a network of convolutions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

LONGEST_S = 35.0
SHARED_S = 8 * LONGEST_S
"""Padded seconds of a batch: eight utterances of a fixed batch, since each may be the longest."""
NUM_CORPUS = 10_000
SAMPLE_RATE_HZ = 16_000
_WORDS_PER_S = 2.5
YAML = """
sample_rate: 16000
n_mels: 40
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
front: !new:speechbrain.lobes.models.convolution.ConvolutionFrontEnd
    input_shape: [null, null, !ref <n_mels>]
    num_blocks: 2
    num_layers_per_block: 1
    out_channels: [16, 32]
    kernel_sizes: [3, 3]
    strides: [2, 2]
    residuals: [False, False]
hidden: !new:speechbrain.nnet.linear.Linear
    input_size: 320
    n_neurons: WIDTH
    combine_dims: True
wide: !new:speechbrain.nnet.linear.Linear
    input_size: WIDTH
    n_neurons: WIDTH
output: !new:speechbrain.nnet.linear.Linear
    input_size: WIDTH
    n_neurons: 5
log_softmax: !new:speechbrain.nnet.activations.Softmax
    apply_log: True
tokenizer: !new:speechbrain.dataio.encoder.CTCTextEncoder
encoder: !new:speechbrain.nnet.containers.LengthsCapableSequential
    input_shape: [null, null, !ref <n_mels>]
    compute_features: !ref <compute_features>
    front: !ref <front>
    hidden: !ref <hidden>
    activation: !new:torch.nn.LeakyReLU
    wide: !ref <wide>
    output: !ref <output>
    log_softmax: !ref <log_softmax>
asr: !new:torch.nn.ModuleList [[!ref <front>, !ref <hidden>, !ref <wide>, !ref <output>]]
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
epochs = {epochs}

[data]
source = "{folder}/data.jsonl"
max_s = 40.0

[data.train]
where = {{ split = "train" }}

[data.valid]
where = {{ split = "valid" }}

[data.test]
where = {{ split = "valid" }}

[model]
hyperparams = "model.yaml"
labels = "abc "

[batching]
max_batch_s = {max_batch_s}
"""


def lengths(number: int) -> np.ndarray:
    """Seconds, log-normal around 6.2, from 1.3 to 35: as in ``makespan.py``."""
    return np.random.default_rng(0).lognormal(np.log(6.2), 0.6, number).clip(1.3, LONGEST_S)


def write(
    folder: Path, durations: np.ndarray, max_batch_s: float, *, num_valid: int = 1, width: int = 512, epochs: int = 3
) -> Path:
    """A recipe with its data: noise of these lengths with words of chance, and the first ``num_valid`` to try on.

    The wider the layers, the less of a step is memory and the more is products of matrices.
    """
    chance = np.random.default_rng(1)
    rows = []
    for number, duration_s in enumerate([*durations[:num_valid], *durations]):
        noise = chance.normal(scale=0.1, size=int(duration_s * SAMPLE_RATE_HZ))
        soundfile.write(folder / f"{number}.wav", noise, SAMPLE_RATE_HZ, subtype="PCM_16")
        split = "valid" if number < num_valid else "train"
        text = _words(max(1, int(duration_s * _WORDS_PER_S)), chance)
        rows.append({"id": f"{number}", "audio": f"{number}.wav", "text": text, "split": split})
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "model.yaml").write_text(YAML.replace("WIDTH", str(width)))
    (folder / "recipe.toml").write_text(RECIPE.format(folder=folder, max_batch_s=max_batch_s, epochs=epochs))
    return folder / "recipe.toml"


def _words(number: int, chance: np.random.Generator) -> str:
    """Words of three to five letters."""
    return " ".join("".join(chance.choice(list("abc"), size=chance.integers(3, 6))) for _ in range(number))
