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


WHISPER_RECIPE = """seed: 7
__set_seed: !apply:speechbrain.utils.seed_everything [!ref <seed>]
output_folder: !ref results/<seed>
save_folder: !ref <output_folder>/save
whisper_hub: openai/whisper-tiny
whisper_folder: !ref <save_folder>/hub
data_folder: !PLACEHOLDER
train_splits: [one, two]
train_csv: !ref <data_folder>/train.csv
test_csv: !ref <data_folder>/test.csv
normalized_transcripts: True
skip_prep: False
test_only: False
auto_mix_prec: False
number_of_epochs: 2
lr_whisper: 1e-5
warmup_steps: 50
precision: fp16
eval_precision: fp16
sampling_rate: 16_000
batch_size: 8
grad_accumulation_factor: 2
min_decode_ratio: 0.0
train_loader_kwargs:
    batch_size: !ref <batch_size>
epoch_counter: !new:speechbrain.utils.epoch_loop.EpochCounter
    limit: !ref <number_of_epochs>
whisper: !new:speechbrain.lobes.models.huggingface_transformers.whisper.Whisper
    source: !ref <whisper_hub>
    freeze_encoder: True
    save_path: !ref <whisper_folder>
    sampling_rate: !ref <sampling_rate>
nll_loss: !name:speechbrain.nnet.losses.nll_loss
modules:
    whisper: !ref <whisper>
whisper_opt_class: !name:torch.optim.AdamW
    lr: !ref <lr_whisper>
test_search: !new:speechbrain.decoders.seq2seq.S2SWhisperGreedySearcher
    model: !ref <whisper>
    min_decode_ratio: !ref <min_decode_ratio>
lr_annealing_whisper: !new:speechbrain.nnet.schedulers.NoamScheduler
    lr_initial: !ref <lr_whisper>
    n_warmup_steps: !ref <warmup_steps>
checkpointer: !new:speechbrain.utils.checkpoints.Checkpointer
    checkpoints_dir: !ref <save_folder>
    recoverables:
        scheduler: !ref <lr_annealing_whisper>
"""
"""What a recipe of a Whisper has in SpeechBrain, with the keys that only its own script reads."""
