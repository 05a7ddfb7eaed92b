"""A pretrained folder into memory: SpeechBrain imported, its objects built and filled, its interface made. No network.

SpeechBrain allows TF32 when it is imported, so the device is prepared after that.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.errors import RecognizerError, first_line
from earmark.recognizers.on_torch import prepared_device
from earmark.recognizers.speechbrain.building import FAILURES, Builder
from earmark.recognizers.speechbrain.limits import limited_search
from earmark.recognizers.speechbrain.pretrained import Interface, Pretrained
from earmark.recognizers.speechbrain.settings import Settings
from earmark.recognizers.speechbrain.weights import check_complete, fill

if TYPE_CHECKING:
    import torch

_KEYS: dict[Interface, tuple[str, ...]] = {
    "EncoderASR": ("tokenizer", "decoding_function", "test_beam_search"),
    "EncoderDecoderASR": ("tokenizer", "transducer_beam_search", "transformer_beam_search"),
    "WhisperASR": ("whisper", "language", "sample_rate", "normalized_transcripts"),
}
"""What SpeechBrain's interfaces read beside the modules; nothing else of a document is built."""


@dataclass(frozen=True)
class Loaded:
    """SpeechBrain's own interface, ready to transcribe, where, and in which precision (float32, or by autocast).

    ``search`` is its search, where that has a limit of tokens, else None.
    """

    asr: Any
    search: Any
    device: torch.device
    dtype: torch.dtype


def load(pretrained: Pretrained, settings: Settings, *, files: Mapping[str, Path], backbone: Path | None) -> Loaded:
    """Load the model as the settings say.

    ``files`` are those of its parts on this machine, ``backbone`` is the folder with the model of Transformers that it
    is made from. Raises RecognizerError for a device that is not there, and for whatever does not fit.
    """
    import_speechbrain()
    import torch

    device = prepared_device(settings.device, settings.gpu_memory_limit)
    with _quietly(), tempfile.TemporaryDirectory(prefix="earmark-") as cache:
        build = Builder(pretrained.place, backbone=backbone, cache=Path(cache), trust=settings.trust)
        with _without_pretrained_backbones():
            modules = build(pretrained.tree["modules"])
            parts = build(pretrained.loadables)
            keys = {name: build(one) for name, one in pretrained.tree.items() if name in _KEYS[pretrained.interface]}
    loaded = fill(parts, files, pretrained.place)
    check_complete(modules, loaded, pretrained.place)
    asr = _interface(pretrained, modules, keys, device)
    return Loaded(asr, limited_search(asr), device, getattr(torch, settings.dtype))


def _interface(pretrained: Pretrained, modules: dict[str, Any], keys: dict[str, Any], device: torch.device) -> Any:  # noqa: ANN401  # SpeechBrain's
    import speechbrain.inference.ASR

    defaults: dict[str, Any] = {}
    if pretrained.interface == "WhisperASR":
        defaults = {
            "whisper": modules["whisper"],
            "language": None,
            "sample_rate": 16_000,
            "normalized_transcripts": False,
        }
    name = "cpu" if device.type == "cpu" else f"cuda:{device.index or 0}"
    kind = getattr(speechbrain.inference.ASR, pretrained.interface)
    try:
        with _quietly():
            return kind(modules=modules, hparams={**defaults, **keys}, run_opts={"device": name})
    except FAILURES as error:
        raise RecognizerError(f"SpeechBrain cannot run {pretrained.place}", cause=first_line(error)) from error


def import_speechbrain() -> None:
    """Import it without its warnings. Raises RecognizerError where torchaudio cannot be loaded beside this torch."""
    os.environ.setdefault("SB_LOG_LEVEL", "ERROR")  # its own switch; without it, it sets INFO there itself
    try:
        with _quietly():
            import speechbrain.inference.ASR  # noqa: F401  # whether it can be
    except OSError as error:
        if "torchaudio" not in str(error) and "libc10" not in str(error) and "libtorch" not in str(error):
            raise
        folder = "pathlib.Path(importlib.util.find_spec('torchaudio').origin).parent"
        raise RecognizerError(
            "torchaudio cannot be loaded beside this torch, and SpeechBrain needs it",
            cause=f"{str(error).splitlines()[0]}; torchaudio comes built for CUDA, and this torch is not, or another",
            hint=(
                "a torchaudio of the same version and build as torch; or, for a torch without CUDA, take away its "
                f'compiled parts, which are not needed: {sys.executable} -c "import importlib.util, pathlib; '
                f"[one.unlink() for one in ({folder} / 'lib').glob('*.so')]\""
            ),
        ) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """What SpeechBrain and Transformers say while they load is for their developers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _without_pretrained_backbones() -> Iterator[None]:
    """Make backbones with random weights: all of them come from the model's own files, which is checked.

    Else SpeechBrain would read the weights that the model was begun with, gigabytes and often pickles, to throw them
    away.
    """
    from speechbrain.integrations.huggingface.huggingface import HFTransformersInterface

    def made(self: Any, *_: object, **__: object) -> None:  # noqa: ANN401  # SpeechBrain's
        # What the file says could be a kernel to be downloaded, which is code: without a word torch's own is chosen.
        self.config._attn_implementation = None  # noqa: SLF001  # as from_config sets it
        self.model = self.auto_class.from_config(self.config)

    right = HFTransformersInterface._from_pretrained  # noqa: SLF001  # there is no public way
    HFTransformersInterface._from_pretrained = made  # noqa: SLF001
    try:
        yield
    finally:
        HFTransformersInterface._from_pretrained = right  # noqa: SLF001
