"""A loaded model is asked: waveforms of one length in, hypotheses out, by SpeechBrain's own transcribe_batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.recognizers.speechbrain.limits import frames_given, most_tokens
from earmark.recognizers.speechbrain.loading import Loaded
from earmark.records import Hypothesis

Samples = NDArray[np.float32]
"""Mono, 16 kHz, in [-1, 1], of shape ``(num_samples,)``."""
_SHORTEST_SAMPLES = 4_000
"""What the convolutions and reflections of the published recipes take at least: a quarter of a second."""


def lengthened(samples: Samples) -> Samples:
    """The samples with silence after them up to the least that is taken, the same in any company."""
    least = _SHORTEST_SAMPLES
    return samples if len(samples) >= least else np.pad(samples, (0, least - len(samples)))


def ask(loaded: Loaded, batch: Sequence[Samples]) -> list[Hypothesis]:
    """What was heard in each, in order. Shorter ones are padded with silence, with their relative lengths told."""
    import torch

    longest = max(map(len, batch))
    padded = torch.stack([torch.from_numpy(np.pad(one, (0, longest - len(one)))) for one in batch])
    lengths = torch.tensor([len(one) / longest for one in batch])
    autocast = torch.autocast(loaded.device.type, loaded.dtype, enabled=loaded.dtype != torch.float32)
    with torch.inference_mode(), autocast, frames_given(loaded.search) as num_frames:
        texts, tokens = loaded.asr.transcribe_batch(padded, lengths)
    most = most_tokens(loaded.search, num_frames[0]) if num_frames else None
    return [
        Hypothesis(_joined(text).strip(), is_unfinished=None if most is None else len(said) >= most)
        for text, said in zip(texts, tokens, strict=True)
    ]


def _joined(said: object) -> str:
    """Whisper's normalized transcripts come as words."""
    return " ".join(map(str, said)) if isinstance(said, (list, tuple)) else str(said)
