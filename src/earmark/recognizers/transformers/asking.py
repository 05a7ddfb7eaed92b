"""How a loaded model of each family is asked: a batch of waveforms in, texts out. The only place that runs a model.

A family's answer for one waveform must not depend on the padding that its neighbours bring. Where Transformers leaves
that to the caller, it is done here, and said where.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from earmark.errors import RecognizerError
from earmark.recognizers.transformers.family import FamilyKind
from earmark.recognizers.transformers.features import Samples, on_device, padded_inputs
from earmark.recognizers.transformers.frames import num_output_frames
from earmark.recognizers.transformers.loading import Loaded
from earmark.records import SAMPLE_RATE_HZ

Ask = Callable[[Sequence[Samples]], list[str]]
"""Texts of waveforms, in order."""

_ROUNDING_SAMPLES = 160  # what cutting and resampling may add to a piece: one frame of features
_UNBOUNDED_TOKENS = 448  # where a checkpoint says nothing, the library would stop after 20 tokens


def asking(loaded: Loaded) -> Ask:
    """How to ask this model. Raises RecognizerError where it cannot do what the settings say."""
    makers: dict[FamilyKind, Callable[[Loaded], Ask]] = {
        "ctc": ctc,
        "transducer": transducer,
        "whisper": whisper,
        "encoder-decoder": encoder_decoder,
        "request": request,
    }
    return makers[loaded.checkpoint.family.kind](loaded)


def ctc(loaded: Loaded) -> Ask:
    """Connectionist temporal classification: the likeliest token of each frame, repetitions joined, blanks left out.

    Each row is cut at its own number of frames before it is decoded. What a model says about padding is no speech, and
    without the cut it becomes letters at the end of every utterance but the longest.
    """

    def ask(batch: Sequence[Samples]) -> list[str]:
        inputs = padded_inputs(loaded, batch)
        rows = loaded.model(**inputs).logits.argmax(dim=-1).tolist()
        if (lengths := num_output_frames(loaded.model, inputs)) is not None:
            rows = [row[:length] for row, length in zip(rows, lengths, strict=True)]
        return [loaded.tokenizer.decode(row, skip_special_tokens=True) for row in rows]

    return ask


def transducer(loaded: Loaded) -> Ask:
    """RNN-T and TDT, greedy, by Transformers' own generation.

    Three repairs to its state in 5.23. A checkpoint without an end token goes on to say things of the rows of a batch
    that are done: padding becomes the end. The likeliest token is taken over tokens and durations together: durations
    are suppressed. And the most tokens follow from the longest row: each row is cut at its own limit.
    """
    config, generation = loaded.model.config, loaded.model.generation_config
    generation.eos_token_id = config.pad_token_id
    generation.pad_token_id = config.pad_token_id
    if durations := getattr(config, "durations", None):
        generation.suppress_tokens = list(range(config.vocab_size, config.vocab_size + len(durations)))

    def ask(batch: Sequence[Samples]) -> list[str]:
        inputs = padded_inputs(loaded, batch)
        most = [config.max_symbols_per_step * frames for frames in num_output_frames(loaded.model, inputs) or ()]
        rows = loaded.model.generate(**inputs, max_new_tokens=max(most)).sequences.tolist()
        cut = [row[:length] for row, length in zip(rows, most, strict=True)]
        return [loaded.tokenizer.decode(row, skip_special_tokens=True, group_tokens=False) for row in cut]

    return ask


def whisper(loaded: Loaded) -> Ask:
    """Whisper, one window of 30 s each: greedy unless beams are asked for, one temperature, no timestamps."""
    settings = loaded.settings
    options = {
        **generation_options(loaded),
        "return_timestamps": False,
        **{name: value for name in ("language", "task") if (value := getattr(settings, name)) is not None},
    }
    if settings.prompt is not None:
        options["prompt_ids"] = loaded.tokenizer.get_prompt_ids(settings.prompt, return_tensors="pt").to(loaded.device)
    window = loaded.extractor.n_samples

    def ask(batch: Sequence[Samples]) -> list[str]:
        longest = max(map(len, batch))
        if longest > window + _ROUNDING_SAMPLES:  # the extractor would cut it, and say nothing
            raise RecognizerError(
                f"{longest / SAMPLE_RATE_HZ:.2f} s do not fit into a window of {window / SAMPLE_RATE_HZ:g} s"
            )
        found = loaded.extractor(
            list(batch), sampling_rate=SAMPLE_RATE_HZ, return_attention_mask=True, return_tensors="pt"
        )
        ids = loaded.model.generate(**on_device(loaded, found), **options)
        return decoded(loaded, ids)

    return ask


def encoder_decoder(loaded: Loaded) -> Ask:
    """An encoder and a decoder that need to be told nothing."""
    options = generation_options(loaded)

    def ask(batch: Sequence[Samples]) -> list[str]:
        return decoded(loaded, loaded.model.generate(**padded_inputs(loaded, batch), **options))

    return ask


def request(loaded: Loaded) -> Ask:
    """Through the processor's transcription request, whose arguments differ from model to model."""
    told = _request_arguments(loaded)
    options = generation_options(loaded)
    # Qwen3-ASR says the language before the text, and knows how to leave it out.
    returns = {"return_format": "transcription_only"} if hasattr(loaded.processor, "extract_transcription") else {}

    def ask(batch: Sequence[Samples]) -> list[str]:
        arguments = {**told, "format": ["WAV"] * len(batch)} if "format" in told else told
        inputs = on_device(loaded, loaded.processor.apply_transcription_request(list(batch), **arguments))
        prefix = inputs.get("input_ids", inputs.get("decoder_input_ids"))
        ids = loaded.model.generate(**inputs, **options)
        said = ids[:, prefix.shape[1] :] if prefix is not None else ids
        return [str(text) for text in loaded.processor.decode(said, **{"skip_special_tokens": True, **returns})]

    return ask


def _request_arguments(loaded: Loaded) -> dict[str, Any]:
    """What of the settings, and of what the library wants to know, this model's request takes."""
    taken = inspect.signature(loaded.processor.apply_transcription_request).parameters
    settings = loaded.settings
    language = "source_language" if "source_language" in taken else "language"
    for option, name, value in (("language", language, settings.language), ("prompt", "prompt", settings.prompt)):
        if value is not None and name not in taken:
            raise RecognizerError(f"{loaded.checkpoint.place} takes no {option}", hint=f"leave --set {option}= out")
    known = {
        language: settings.language,
        "prompt": settings.prompt,
        "sampling_rate": SAMPLE_RATE_HZ if "sampling_rate" in taken else None,
        "model_id": str(loaded.checkpoint.folder) if "model_id" in taken else None,
        "format": "WAV" if "format" in taken else None,
    }
    return {name: value for name, value in known.items() if value is not None}


def generation_options(loaded: Loaded) -> dict[str, Any]:
    """What every call of ``generate`` is told: beams, never sampling, and where to stop."""
    settings, stated = loaded.settings, loaded.checkpoint.generation
    options: dict[str, Any] = {"num_beams": settings.beams, "do_sample": False}
    if settings.max_new_tokens is not None:
        options["max_new_tokens"] = settings.max_new_tokens
    elif stated.get("max_length") is None and stated.get("max_new_tokens") is None:
        options["max_new_tokens"] = _UNBOUNDED_TOKENS
    return options


def decoded(loaded: Loaded, ids: Any) -> list[str]:  # noqa: ANN401  # a tensor of token ids, (num_waveforms, num_tokens)
    """The texts of token ids, special ones left out."""
    return [str(text) for text in loaded.tokenizer.batch_decode(ids, skip_special_tokens=True)]
