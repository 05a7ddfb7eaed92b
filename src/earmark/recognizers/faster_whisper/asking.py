"""How a loaded model is asked: a batch of waveforms in, hypotheses out.

faster-whisper's own calls take one recording; what they are made of takes a batch. Every waveform has a window of its
own and is padded to its length, so that no answer depends on the neighbours. One temperature, no timestamps, no
threshold below which a text is dropped: what the model says is what is scored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.recognizers.faster_whisper.loading import Loaded
from earmark.records import SAMPLE_RATE_HZ, Alternative, Hypothesis, Word

Samples = NDArray[np.float32]
"""Mono, 16 kHz, in [-1, 1], of shape ``(num_samples,)``."""

SHORTEST_SAMPLES = 400  # the window of one spectrum
_SAMPLES_A_FRAME = 160
_BEFORE, _AFTER = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the word after it, and to the word before it."""


@dataclass(frozen=True, slots=True)
class Features:
    """Log-mel features of waveforms, shape ``(num_waveforms, num_mels, num_frames)``, and their frames that are audio.

    Behind those are zeros.
    """

    values: NDArray[np.float32]
    num_frames: list[int]


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the model said, an item a waveform: the tokenizer of its language, the result, and the most tokens of one.

    Where words are timed, also how they are aligned, and the frames that are audio.
    """

    tokenizers: Sequence[Any] = ()
    results: Sequence[Any] = ()
    most_tokens: Sequence[int] = ()
    aligned: Sequence[list[dict[str, Any]]] | None = None
    num_frames: Sequence[int] = ()


def features_of(loaded: Loaded, batch: Sequence[Samples]) -> Features:
    """The features of waveforms, each in a window of its own."""
    shapes = loaded.checkpoint.shapes
    features = np.zeros((len(batch), shapes.num_mels, shapes.num_frames), np.float32)
    num_frames = []
    for row, samples in enumerate(batch):
        found = loaded.extractor(samples)[:, :-1]  # the last one is of the silence that the library appends
        length = min(found.shape[1], shapes.num_frames)
        features[row, :, :length] = found[:, :length]
        num_frames.append(length)
    return Features(features, num_frames)


def outputs_of(loaded: Loaded, features: Features) -> Outputs:
    """What the model says to each waveform, in order; nothing of it is on a GPU."""
    import ctranslate2

    if not features.num_frames:
        return Outputs()
    settings, model, num_frames = loaded.settings, loaded.whisper.model, features.num_frames
    encoded = model.encode(ctranslate2.StorageView.from_array(features.values))
    tokenizers = _tokenizers(loaded, encoded, len(num_frames))
    prompts = [_prompt(loaded, tokenizer) for tokenizer in tokenizers]
    max_length = _max_length(loaded, prompts)
    results = model.generate(
        encoded,
        prompts,
        beam_size=settings.beams,
        num_hypotheses=settings.nbest,
        max_length=max_length,
        return_scores=True,
        suppress_tokens=_suppressed(tokenizers[0]),
        sampling_temperature=0.0,
    )
    said = [result.sequences_ids[0] for result in results]
    aligned = _aligned(loaded, encoded, tokenizers, said, num_frames) if settings.words else None
    most_tokens = [_most_tokens(max_length, len(prompt)) for prompt in prompts]
    return Outputs(tokenizers, results, most_tokens, aligned, num_frames)


def hypotheses_of(loaded: Loaded, found: Outputs) -> list[Hypothesis]:
    """One hypothesis a waveform, in order.

    The library's tokenizer is read here while the next batch is, and changed by neither, so it is for two threads.
    """
    words = [None] * len(found.results) if found.aligned is None else list(map(_timed, found.aligned, found.num_frames))
    return [
        replace(_hypothesis(loaded, tokenizer, result, some), is_unfinished=len(result.sequences_ids[0]) >= most_tokens)
        for tokenizer, result, some, most_tokens in zip(
            found.tokenizers, found.results, words, found.most_tokens, strict=True
        )
    ]


def _tokenizers(loaded: Loaded, encoded: object, num_waveforms: int) -> list[Any]:
    """faster-whisper's tokenizer for the language of each waveform: the one that was said, or the likeliest."""
    from faster_whisper.tokenizer import Tokenizer

    is_multilingual = bool(loaded.checkpoint.languages)
    settings = loaded.settings
    if not is_multilingual or settings.language is not None:
        languages = [settings.language or "en"] * num_waveforms
    else:
        languages = [found[0][0].strip("<|>") for found in loaded.whisper.model.detect_language(encoded)]
    made = {
        language: Tokenizer(loaded.whisper.hf_tokenizer, is_multilingual, task=settings.task, language=language)
        for language in set(languages)
    }
    return [made[language] for language in languages]


def _prompt(loaded: Loaded, tokenizer: Any) -> list[int]:  # noqa: ANN401  # faster-whisper's
    prompt = loaded.settings.prompt
    before = tokenizer.encode(f" {prompt.strip()}") if prompt else []
    tokens: list[int] = loaded.whisper.get_prompt(tokenizer, before, without_timestamps=True)
    return tokens


def _max_length(loaded: Loaded, prompts: Sequence[Sequence[int]]) -> int:
    """The places, of the prompt and of twice the text, that let a text be as long as was asked, as far as they go."""
    most = loaded.checkpoint.shapes.max_tokens
    asked = loaded.settings.max_new_tokens
    return most if asked is None else min(most, max(2 * asked, len(prompts[0]) + asked - 1))


def _most_tokens(max_length: int, num_prompt_tokens: int) -> int:
    """Of a text: CTranslate2 keeps half of the places for it, and no more than the prompt leaves."""
    return min(max_length // 2, max_length - num_prompt_tokens + 1)


def _suppressed(tokenizer: Any) -> list[int]:  # noqa: ANN401  # faster-whisper's
    """What the library lets no model say: marks of sounds, and tokens that steer."""
    from faster_whisper.transcribe import get_suppressed_tokens

    return list(get_suppressed_tokens(tokenizer, [-1]))


def _hypothesis(
    loaded: Loaded,
    tokenizer: Any,  # noqa: ANN401  # faster-whisper's
    result: Any,  # noqa: ANN401  # CTranslate2's
    words: tuple[Word, ...] | None,
) -> Hypothesis:
    """Its confidence is the geometric mean of its tokens' posteriors, the end token's among them.

    CTranslate2 divides the score by the number of tokens. That of a text without any is no number: such a text has no
    confidence, and is no alternative; where it is the likeliest of all, there are no alternatives.
    """
    texts = [tokenizer.decode(tokens).strip() for tokens in result.sequences_ids]
    num_tokens = len(result.sequences_ids[0])
    mean = result.scores[0] * num_tokens / (num_tokens + 1)  # the library divides by one less than it added up
    scored: dict[str, float] = {}
    for text, score in zip(texts, result.scores, strict=True):
        if math.isfinite(score):
            scored.setdefault(text, score)  # the likeliest of those that are spelled alike
    return Hypothesis(
        texts[0],
        words,
        confidence=min(1.0, math.exp(mean)) if math.isfinite(mean) else None,
        alternatives=tuple(Alternative(*one) for one in scored.items())
        if loaded.settings.nbest > 1 and math.isfinite(mean)
        else (),
    )


def _aligned(
    loaded: Loaded, encoded: object, tokenizers: Sequence[Any], said: Sequence[Sequence[int]], num_frames: Sequence[int]
) -> list[list[dict[str, Any]]]:
    """Words by cross attention, as faster-whisper finds them: with the start tokens of each one's language."""
    from faster_whisper.transcribe import merge_punctuations

    texts = [
        [token for token in tokens if token < tokenizer.eot] for tokenizer, tokens in zip(tokenizers, said, strict=True)
    ]
    by_language = {
        tokenizer.language_code: loaded.whisper.find_alignment(tokenizer, texts, encoded, list(num_frames))
        for tokenizer in {id(one): one for one in tokenizers}.values()
    }
    aligned = [by_language[tokenizer.language_code][row] for row, tokenizer in enumerate(tokenizers)]
    for one in aligned:
        merge_punctuations(one, _BEFORE, _AFTER)
    return aligned


def _timed(aligned: list[dict[str, Any]], num_frames: int) -> tuple[Word, ...]:
    """The words in order, none before the one before it, none beyond the audio."""
    duration_s = num_frames * _SAMPLES_A_FRAME / SAMPLE_RATE_HZ
    words: list[Word] = []
    for one in aligned:
        start_s = min(duration_s, max(float(one["start"]), words[-1].start_s if words else 0.0))
        end_s = min(duration_s, max(float(one["end"]), start_s))
        words += [Word(text, start_s, end_s, min(1.0, float(one["probability"]))) for text in str(one["word"]).split()]
    return tuple(words)
