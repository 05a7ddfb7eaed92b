"""Waveforms into a model's input, by the model's own feature extractor: padded together, with the mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.recognizers.transformers.loading import Loaded
from earmark.records import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    import torch

Samples = NDArray[np.float32]
"""Mono, 16 kHz, in [-1, 1], of shape ``(num_samples,)``."""


def lengthened(samples: Samples, least: int) -> Samples:
    """The samples with silence after them up to ``least``: a model has no answer to less than it takes."""
    return samples if len(samples) >= least else np.pad(samples, (0, least - len(samples)))


def padded_inputs(loaded: Loaded, batch: Sequence[Samples]) -> dict[str, torch.Tensor]:
    """The model's inputs for a batch, on its device.

    Features of shape ``(num_waveforms, ...)``, and where it wants one an ``attention_mask`` of shape ``(num_waveforms,
    num_frames)``, or ``(num_waveforms, num_samples)`` where its features are samples.
    """
    is_masked = loaded.checkpoint.family.is_masked
    found = loaded.extractor(
        list(batch), sampling_rate=SAMPLE_RATE_HZ, padding=True, return_attention_mask=is_masked, return_tensors="pt"
    )
    return on_device(loaded, found)


def on_device(loaded: Loaded, inputs: object) -> dict[str, torch.Tensor]:
    """The tensors among ``inputs`` on the model's device, those of real numbers in its precision."""
    import torch

    return {
        name: one.to(loaded.device, loaded.dtype if one.is_floating_point() else None)
        for name, one in dict(inputs).items()  # type: ignore[call-overload]  # a mapping of Transformers'
        if isinstance(one, torch.Tensor)
    }
