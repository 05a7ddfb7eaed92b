"""What a SpeechBrain hparams YAML calls the values of a recipe, and what of it is nothing to earmark. Tables only."""

from __future__ import annotations

from typing import Literal

Kind = Literal["ctc", "whisper", "lm"]

SAID: dict[str, tuple[str, ...]] = {
    "seed": ("seed",),
    "number_of_epochs": ("epochs",),
    "precision": ("precision",),
    "checkpoint_every_steps": ("checkpoint_every_steps",),
    "lr": ("optimizer", "learning_rate"),
    "warmup_steps": ("optimizer", "warmup_steps"),
    "decay": ("optimizer", "decay"),
    "grad_accumulation_factor": ("optimizer", "accumulate"),
    "max_grad_norm": ("optimizer", "most_gradient_norm"),
    "labels": ("model", "labels"),
    "train_csv": ("data", "train", "source"),
    "valid_csv": ("data", "valid", "source"),
    "test_csv": ("data", "test", "source"),
    "train_annotation": ("data", "train", "source"),
    "valid_annotation": ("data", "valid", "source"),
    "test_annotation": ("data", "test", "source"),
    "avoid_if_longer_than": ("data", "max_s"),
    "avoid_if_shorter_than": ("data", "min_s"),
}
"""Keys with one value, and where a recipe has it."""
OF_A_WHISPER: dict[str, tuple[str, ...]] = {"language": ("model", "language"), "task": ("model", "task")}
SECTIONS = ("data", "augmentation", "evaluation")
"""As in a recipe."""
OPTIMIZER = ("opt_class", "whisper_opt_class")
BATCHES = ("batch_size", "dynamic_batching", "dynamic_batch_sampler")
CHECKED = ("kind", "sample_rate", "blank_index", "pretrainer", "normalized_transcripts", "test_only", "auto_mix_prec")
NORMALIZED = "whisper-en"
"""SpeechBrain takes the tokenizer's normalizer, in training and in the error rate, whatever the language."""
OF_THE_MODEL = (
    "sample_rate", "modules", "tokenizer", "decoding_function", "test_beam_search", "transducer_beam_search",
    "transformer_beam_search",
)  # fmt: skip
"""What an evaluation needs of the document, beside a Pretrainer: this goes into the model's folder."""
NOT_READ = frozenset(
    {
        "output_folder", "save_folder", "data_folder", "train_log", "train_logger", "wer_file", "cer_file",
        "test_wer_file", "output_wer_folder", "checkpointer", "ckpt_interval_minutes", "epoch_counter",
        "error_rate_computer", "wer_computer", "cer_computer", "compute_cost", "ctc_cost", "log_softmax", "num_workers",
        "sorting", "skip_prep", "model", "label_encoder", "train_dataloader_opts", "valid_dataloader_opts",
        "test_dataloader_opts", "valid_search", "test_search", "test_beam_size", "valid_batch_size", "test_batch_size",
        "language", "task", "valid_wer_file", "train_splits", "dev_splits", "test_splits", "train_tsv_file",
        "dev_tsv_file", "test_tsv_file", "accented_letters", "train_loader_kwargs", "valid_loader_kwargs",
        "test_loader_kwargs", "eval_precision", "nll_loss",
    }
)  # fmt: skip
"""What earmark does itself, in its own way, or asks for elsewhere: it is not built, and does nothing."""

SAMPLER: dict[str, str] = {
    "max_batch_length": "most", "max_batch_len": "most", "max_batch_ex": "max_batch_size",
}  # fmt: skip
SAMPLER_NOT_READ = frozenset(
    [
        "num_buckets",
        "shuffle",
        "shuffle_ex",
        "batch_ordering",
        "feats_hop_size",
        "left_bucket_length",
        "max_batch_length_val",
    ]
)
OPTIMIZERS = {f"torch.optim.{name}": name for name in ("AdamW", "Adam", "SGD", "Adadelta")}
USUAL_DECAY = {"AdamW": 0.01}
"""The weight decay of torch's own, where it is not 0."""
SCHEDULERS = "speechbrain.nnet.schedulers."
_NOAM, _NEWBOB = f"{SCHEDULERS}NoamScheduler", f"{SCHEDULERS}NewBobScheduler"
SCHEDULES: dict[str, dict[str, str]] = {
    _NOAM: {"lr_initial": "learning_rate", "n_warmup_steps": "warmup_steps"},
    _NEWBOB: {
        "initial_value": "learning_rate", "annealing_factor": "annealing_factor",
        "improvement_threshold": "improvement_threshold", "patient": "annealing_patience",
    },
}  # fmt: skip
"""Their arguments, and what the optimizer of a recipe calls them."""
SCHEDULES_NEED = ("lr_initial", "n_warmup_steps", "initial_value")
SCHEDULES_AS = {_NOAM: "noam", _NEWBOB: "newbob"}
WHISPER = "speechbrain.integrations.huggingface.whisper.Whisper"
WHISPER_READ = frozenset(["source", "save_path", "freeze", "freeze_encoder", "language", "task", "sampling_rate"])
PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "float32": "float32", "bfloat16": "bfloat16"}
NOT_BUILT = frozenset(
    [
        *OPTIMIZERS,
        *(f"speechbrain.nnet.schedulers.{name}" for name in ("NoamScheduler", "NewBobScheduler", "LinearScheduler")),
        *(f"speechbrain.utils.epoch_loop.{name}" for name in ("EpochCounter", "EpochCounterWithStopper")),
        *(f"speechbrain.utils.metric_stats.{name}" for name in ("ErrorRateStats", "MetricStats")),
        "speechbrain.utils.checkpoints.Checkpointer",
        "speechbrain.utils.train_logger.FileTrainLogger",
        "speechbrain.utils.seed_everything",
    ]
)
"""What a recipe may name beyond what a model may build: earmark reads it, or leaves it, and calls none of it."""
