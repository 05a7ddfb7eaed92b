"""The toy of speech as a SpeechBrain hparams file, which shares the model with the TOML recipe beside it."""

from __future__ import annotations

from pathlib import Path

from tests.training.speech_toys import write_toy

HPARAMS = """model: !include:toy.yaml
seed: 0
number_of_epochs: 14
checkpoint_every_steps: 5
lr: 0.01
warmup_steps: 5
decay: none
labels: abc
data:
    source: {data}
    train: {{where: {{split: train}}}}
    valid: {{where: {{split: valid}}}}
    test: {{where: {{split: test}}}}
dynamic_batch_sampler:
    max_batch_length: 4.0
opt_class: !name:torch.optim.AdamW
    lr: !ref <lr>
    weight_decay: 0.01
modules: !ref <model[modules]>
tokenizer: !ref <model[tokenizer]>
pretrainer: !ref <model[pretrainer]>
"""


def write_hparams_toy(folder: Path) -> Path:
    """``folder/hparams.yaml`` beside the equivalent ``folder/toy.toml``."""
    toml = write_toy(folder)
    toml.write_text(toml.read_text().replace("warmup_steps = 5", 'warmup_steps = 5\ndecay = "none"'))
    path = folder / "hparams.yaml"
    path.write_text(HPARAMS.format(data=folder / "data.jsonl"))
    return path
