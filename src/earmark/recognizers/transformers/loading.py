"""A checkpoint into memory: device, precision, attention, and a look at every weight. No pickle, no network.

Numbers must be the same each time, so TF32 and the search for the fastest algorithm are off in this process. A worker
process computes with one thread on a processor, unless OMP_NUM_THREADS says otherwise: there is one worker a core, and
threads that wait for each other cost many times what they gain.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.errors import RecognizerError
from earmark.recognizers.on_torch import device_of, limit_memory
from earmark.recognizers.transformers.checkpoint import Checkpoint
from earmark.recognizers.transformers.compiling import compiled
from earmark.recognizers.transformers.family import FamilyKind
from earmark.recognizers.transformers.on_processor import with_channels_last, with_rows_apart
from earmark.recognizers.transformers.settings import Settings

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Loaded:
    """A model ready to be asked, with what goes before and after it. ``processor`` is for what is asked in words."""

    checkpoint: Checkpoint
    settings: Settings
    model: Any
    extractor: Any
    tokenizer: Any
    processor: Any
    device: torch.device
    dtype: torch.dtype


_MORE = {"granite_speech": ("torchaudio", "torchaudio"), "voxtral": ("mistral_common", "mistral-common[audio]")}
"""What Transformers needs beside torch for some model types: a module, and what to install."""


def load(checkpoint: Checkpoint, settings: Settings) -> Loaded:
    """Load the checkpoint as the settings say.

    Raises RecognizerError for a device or a package that is not there, weights that are missing or no numbers, and
    whatever else Transformers finds wrong.
    """
    _check_packages(checkpoint)
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")  # WavLM's own masks
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    device = device_of(settings.device)
    if device.type == "cpu" and multiprocessing.parent_process() is not None and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    dtype = getattr(torch, settings.dtype)
    common = {"local_files_only": True, "trust_remote_code": checkpoint.runs_code}
    try:
        model, report = _class_of(checkpoint).from_pretrained(
            checkpoint.folder,
            dtype=dtype,
            attn_implementation=settings.attention,
            use_safetensors=True,
            output_loading_info=True,
            **common,
        )
        extractor = transformers.AutoFeatureExtractor.from_pretrained(checkpoint.folder, **common)
        tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint.tokenizer, **common)
        processor = _processor(checkpoint, tokenizer, common)
    except (OSError, ValueError, ImportError, RuntimeError, TypeError, KeyError, AttributeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise RecognizerError(f"Transformers cannot load {checkpoint.place}", cause=lines[0]) from error
    _check_complete(checkpoint.place, report)
    limit_memory(device, settings.gpu_memory_limit)
    model = model.to(device).eval()
    _check_numbers(checkpoint.place, model)
    model = _faster(model, checkpoint.family.kind, settings)
    return Loaded(checkpoint, settings, model, extractor, tokenizer, processor, device, dtype)


def _faster(model: Any, kind: FamilyKind, settings: Settings) -> Any:  # noqa: ANN401  # a torch module
    if settings.compile:
        return compiled(model, kind)
    if model.device.type != "cpu":
        return model
    return with_rows_apart(model) if kind == "whisper" else with_channels_last(model)


def _class_of(checkpoint: Checkpoint) -> Any:  # noqa: ANN401  # one of Transformers' model classes
    import transformers

    if checkpoint.runs_code:
        return (
            transformers.AutoModelForCTC if checkpoint.family.kind == "ctc" else transformers.AutoModelForSpeechSeq2Seq
        )
    return getattr(transformers, checkpoint.family.architecture)


def _processor(checkpoint: Checkpoint, tokenizer: Any, common: dict[str, Any]) -> Any:  # noqa: ANN401  # Transformers'
    import transformers

    if checkpoint.family.kind not in ("request", "conversation"):
        return None
    processor = transformers.AutoProcessor.from_pretrained(checkpoint.folder, **common)
    if checkpoint.tokenizer != checkpoint.folder:
        processor.tokenizer = tokenizer
    return processor


def _check_packages(checkpoint: Checkpoint) -> None:
    """Some are missed at the first utterance only, and then at each."""
    module, package = _MORE.get(checkpoint.family.model_type, ("transformers", ""))
    if importlib.util.find_spec(module) is None:
        raise RecognizerError(
            f"{checkpoint.place} needs {package}",
            cause=f"Transformers prepares what {checkpoint.family.architecture} hears with it",
            hint=f"pip install '{package}'",
        )


def _check_complete(place: str, report: dict[str, Any]) -> None:
    """Transformers makes up the weights that it misses, and goes on."""
    missing = sorted(report.get("missing_keys", ()))
    mismatched = sorted(str(one[0]) for one in report.get("mismatched_keys", ()))
    for what, names in (("are not in the checkpoint", missing), ("have another shape there", mismatched)):
        if names:
            raise RecognizerError(
                f"{len(names)} weights of {place} {what}",
                cause=f"the first is {names[0]}; it would be made up at random",
            )


def _check_numbers(place: str, model: Any) -> None:  # noqa: ANN401  # a torch module
    """Also what no training step moves, but is saved: the means and variances of batch norm."""
    import torch

    for name, weight in model.state_dict().items():
        if not bool(torch.isfinite(weight).all()):
            raise RecognizerError(
                f"the weights of {place} are no numbers",
                cause=f"{name} holds NaN or infinity",
                hint="fetch the model again, or --set dtype=float32 or bfloat16 where float16 is too small for it",
            )
