"""Waveforms in, hypotheses out: NeMo's own ``transcribe``, given arrays that are long enough, and its words read.

NeMo fills an array of less than a second with silence on both sides up to a second, and a file with the same sound on
one side or not at all, so the same audio has two answers. Here it is always arrays, filled here, and as NeMo does it
with arrays: each by itself, whatever its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.recognizers.nemo.loading import Loaded
from earmark.recognizers.nemo.quiet import quiet
from earmark.recognizers.nemo.words import words_of
from earmark.recognizers.word_times import mean_confidence
from earmark.records import SAMPLE_RATE_HZ, Hypothesis, Waveform

LEAST_SAMPLES = SAMPLE_RATE_HZ
"""What NeMo fills up to; shorter ones were not in its training."""


def ask(loaded: Loaded, batch: Sequence[Waveform]) -> list[Hypothesis]:
    """One hypothesis a waveform, in the same order; all in one batch of the model."""
    if not batch:
        return []
    has_words = loaded.resolved.settings.words
    arrays = [centred(one.samples) for one in batch]
    if loaded.endings is not None:
        loaded.endings.forget()
    with quiet():
        found = loaded.model.transcribe(
            arrays, batch_size=len(arrays), num_workers=0, verbose=False, **_manner(loaded, has_words=has_words)
        )
    is_cut = loaded.endings.of(len(batch)) if loaded.endings is not None else [None] * len(batch)
    return [
        replace(hypothesis_of(one, waveform, has_words=has_words), is_unfinished=cut)
        for one, waveform, cut in zip(_best(found), batch, is_cut, strict=True)
    ]


def _manner(loaded: Loaded, *, has_words: bool) -> dict[str, Any]:
    if loaded.family.kind == "multitask":
        return loaded.resolved.prompt()
    return {"return_hypotheses": has_words, "timestamps": True if has_words else None}


def centred(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The samples with silence before and after up to a second, shape ``(max(num_samples, 16000),)``."""
    before = _num_before(len(samples))
    missing = max(0, LEAST_SAMPLES - len(samples))
    return np.pad(samples, (before, missing - before))


def _num_before(num_samples: int) -> int:
    return max(0, LEAST_SAMPLES - num_samples) // 2


def _best(found: Any) -> list[Any]:  # noqa: ANN401  # NeMo's, of several forms
    """One answer an utterance: a search may give its n best, or a pair of lists."""
    answers = found[0] if isinstance(found, tuple) else found
    return [one[0] if isinstance(one, list) else one for one in answers]


def hypothesis_of(found: Any, waveform: Waveform, *, has_words: bool) -> Hypothesis:  # noqa: ANN401  # NeMo's
    """NeMo's answer as ours; times are of the waveform as it was before it was filled."""
    text = (found if isinstance(found, str) else found.text).strip()
    if not has_words:
        return Hypothesis(text)
    shift_s = _num_before(len(waveform.samples)) / SAMPLE_RATE_HZ
    words = words_of(found, text=text, shift_s=shift_s, duration_s=waveform.duration_s)
    return Hypothesis(text, words, mean_confidence(words))
