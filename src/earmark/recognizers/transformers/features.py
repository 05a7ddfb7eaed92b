"""Waveforms into a model's input, by the model's own feature extractor: padded together, with the mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earmark.recognizers.transformers.loading import Loaded
from earmark.records import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    import torch

Samples = NDArray[np.float32]
"""Mono, 16 kHz, in [-1, 1], of shape ``(num_samples,)``."""


_WHOLE_FRAMES = {"moonshine_streaming": 80}
"""Samples in a frame of 5 ms, of models that take whole frames only; their processors fill up the last one."""


def lengthened(samples: Samples, least: int) -> Samples:
    """The samples with silence after them up to ``least``: a model has no answer to less than it takes."""
    return samples if len(samples) >= least else np.pad(samples, (0, least - len(samples)))


def padded_inputs(loaded: Loaded, batch: Sequence[Samples]) -> dict[str, torch.Tensor]:
    """The model's inputs for a batch, on its device.

    Features of shape ``(num_waveforms, ...)``, and where it wants one an ``attention_mask`` of shape ``(num_waveforms,
    num_frames)``, or ``(num_waveforms, num_samples)`` where its features are samples.
    """
    family = loaded.checkpoint.family
    found = loaded.extractor(
        list(batch),
        sampling_rate=SAMPLE_RATE_HZ,
        padding=True,
        pad_to_multiple_of=_WHOLE_FRAMES.get(family.model_type),
        return_attention_mask=family.is_masked,
        return_tensors="pt",
    )
    return on_device(loaded, found)


def window_inputs(loaded: Loaded, batch: Sequence[Samples]) -> dict[str, torch.Tensor]:
    """Whisper's inputs for a batch of at most a window each, on its device.

    ``input_features`` of shape ``(num_waveforms, num_mels, num_frames)`` of the whole window, and an ``attention_mask``
    of shape ``(num_waveforms, num_frames)``. On a GPU the features are made there, all in one operation. On a processor
    one after the other, which stays in its caches, and only as far as there is sound.
    """
    import torch

    extractor = loaded.extractor
    if loaded.device.type != "cpu":
        made = {"return_attention_mask": True, "return_tensors": "pt", "device": str(loaded.device)}
        return on_device(loaded, extractor(list(batch), sampling_rate=SAMPLE_RATE_HZ, **made))
    features = torch.cat([_window(extractor, samples) for samples in batch])
    num_frames = torch.tensor([-(-len(samples) // extractor.hop_length) for samples in batch])
    mask = torch.arange(features.shape[-1]) < num_frames.unsqueeze(-1)
    return on_device(loaded, {"input_features": features, "attention_mask": mask.long()})


def _window(extractor: Any, samples: Samples) -> torch.Tensor:  # noqa: ANN401  # one of Transformers'
    """The features of one window of shape ``(1, num_mels, num_frames)``.

    All frames of silence are alike. So a little silence is put after the sound, and its last frame, which hears nothing
    else, is repeated to the end of the window.
    """
    import torch

    hop = extractor.hop_length
    num_heard = -(-(len(samples) + extractor.n_fft) // hop) + 1
    if num_heard * hop >= extractor.n_samples or extractor.dither:
        made: torch.Tensor = extractor([samples], sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt").input_features
        return made
    heard = extractor(
        [np.pad(samples, (0, num_heard * hop - len(samples)))],
        sampling_rate=SAMPLE_RATE_HZ,
        padding="longest",
        return_tensors="pt",
    ).input_features
    silence = heard[..., -1:].expand(-1, -1, extractor.nb_max_frames - heard.shape[-1])
    return torch.cat([heard, silence], dim=-1)


def on_device(loaded: Loaded, inputs: object) -> dict[str, torch.Tensor]:
    """The tensors among ``inputs`` on the model's device, those of real numbers in its precision."""
    import torch

    tensors = {
        name: one.to(loaded.dtype) if one.is_floating_point() else one
        for name, one in dict(inputs).items()  # type: ignore[call-overload]  # a mapping of Transformers'
        if isinstance(one, torch.Tensor)
    }
    if loaded.device.type == "cpu":
        return tensors
    # From pinned memory the copy goes on while the next operations are handed to the GPU, which keeps their order.
    pinned = {name: one.pin_memory() if one.device.type == "cpu" else one for name, one in tensors.items()}
    return {name: one.to(loaded.device, non_blocking=True) for name, one in pinned.items()}
