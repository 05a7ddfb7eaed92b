"""A checkpoint into memory: device, precision, attention, and a look at every weight. No pickle, no network."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from earmark.errors import RecognizerError, first_line
from earmark.recognizers.on_torch import DAMAGED_HINT, check_numbers, prepared_device
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
    """Load the checkpoint as the settings say, made faster where the answers stay what they are.

    Raises RecognizerError as ``load_as_saved`` does.
    """
    loaded = load_as_saved(checkpoint, settings)
    return replace(loaded, model=_faster(loaded.model, checkpoint.family.kind, settings))


def load_as_saved(checkpoint: Checkpoint, settings: Settings) -> Loaded:
    """Load the checkpoint, and leave the model as it is.

    Raises RecognizerError for a device or a package that is not there, weights that are missing or no numbers, and
    whatever else Transformers finds wrong.
    """
    _check_packages(checkpoint)
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")  # WavLM's own masks
    device, dtype = prepared_device(settings.device, settings.gpu_memory_limit), getattr(torch, settings.dtype)
    try:
        model, report = _model(checkpoint, settings, dtype)
        extractor, tokenizer, processor = _around(checkpoint)
    except (OSError, ValueError, ImportError, RuntimeError, TypeError, KeyError, AttributeError) as error:
        raise RecognizerError(
            f"Transformers cannot load {checkpoint.place}", cause=first_line(error), hint=DAMAGED_HINT
        ) from error
    _check_complete(checkpoint.place, report)
    model = model.to(device).eval()
    check_numbers(checkpoint.place, model.state_dict().items())
    return Loaded(checkpoint, settings, model, extractor, tokenizer, processor, device, dtype)


def _faster(model: Any, kind: FamilyKind, settings: Settings) -> Any:  # noqa: ANN401  # a torch module
    if settings.compile:
        return compiled(model, kind)
    if model.device.type != "cpu":
        return model
    return with_rows_apart(model) if kind == "whisper" else with_channels_last(model)


def _model(checkpoint: Checkpoint, settings: Settings, dtype: torch.dtype) -> tuple[Any, dict[str, Any]]:
    """The model, and what Transformers reports of its weights."""
    found: tuple[Any, dict[str, Any]] = _class_of(checkpoint).from_pretrained(
        checkpoint.folder,
        dtype=dtype,
        attn_implementation=settings.attention,
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # they are refused here, by name
        output_loading_info=True,
        **_from_here(checkpoint),
    )
    return found


def _class_of(checkpoint: Checkpoint) -> Any:  # noqa: ANN401  # one of Transformers' model classes
    import transformers

    if checkpoint.runs_code:
        return (
            transformers.AutoModelForCTC if checkpoint.family.kind == "ctc" else transformers.AutoModelForSpeechSeq2Seq
        )
    return getattr(transformers, checkpoint.family.architecture)


def _around(checkpoint: Checkpoint) -> tuple[Any, Any, Any]:
    """What makes its features, its tokenizer, and where it is asked in words its processor."""
    import transformers

    common = _from_here(checkpoint)
    extractor = transformers.AutoFeatureExtractor.from_pretrained(checkpoint.folder, **common)
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint.tokenizer, **common)
    if checkpoint.family.kind not in ("request", "conversation"):
        return extractor, tokenizer, None
    processor = transformers.AutoProcessor.from_pretrained(checkpoint.folder, **common)
    if checkpoint.tokenizer != checkpoint.folder:
        processor.tokenizer = tokenizer
    return extractor, tokenizer, processor


def _from_here(checkpoint: Checkpoint) -> dict[str, bool]:
    return {"local_files_only": True, "trust_remote_code": checkpoint.runs_code}


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
    mismatched = sorted(
        f"{name}, which is {tuple(found)} there, and {tuple(expected)} in the model"
        for name, found, expected in report.get("mismatched_keys", ())
    )
    for what, names in (("are not in the checkpoint", missing), ("have another shape there", mismatched)):
        if names:
            raise RecognizerError(
                f"{len(names)} weights of {place} {what}",
                cause=f"the first is {names[0]}; it would be made up at random",
            )
