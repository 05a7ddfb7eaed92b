"""How a loaded model of each family is asked: waveforms in, hypotheses out. The only place that runs a model.

In three steps, since the first can be done for the next batch while the model is busy, and the last for the one before:
waveforms become the model's inputs, these what it gave, off its device, and that hypotheses. A family's answer for one
waveform must not depend on the padding that its neighbours bring. Where Transformers leaves that to the caller, it is
done here, and said where.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from earmark.recognizers.together import check_fits
from earmark.recognizers.transformers.compiling import filled_up
from earmark.recognizers.transformers.family import FamilyKind
from earmark.recognizers.transformers.features import Samples, padded_inputs, window_inputs
from earmark.recognizers.transformers.frames import num_output_frames
from earmark.recognizers.transformers.generation import (
    Generated,
    best_of,
    decoded,
    generated,
    generation_options,
    whisper_unfinished,
)
from earmark.recognizers.transformers.instructed import conversation, request
from earmark.recognizers.transformers.loading import Loaded
from earmark.recognizers.transformers.timing import attended_tokens, ctc_runs, ctc_tokens, timed, transducer_tokens
from earmark.recognizers.transformers.way import Way
from earmark.records import SAMPLE_RATE_HZ, Hypothesis

if TYPE_CHECKING:
    import torch


_CTC_DECODING = {"skip_special_tokens": False, "group_tokens": False}
_TRANSDUCER_DECODING = {"skip_special_tokens": True, "group_tokens": False}


def asking(loaded: Loaded) -> Way:
    """How to ask this model. Raises RecognizerError where it cannot do what the settings say."""
    makers: dict[FamilyKind, Callable[[Loaded], Way]] = {
        "ctc": ctc,
        "transducer": transducer,
        "whisper": whisper,
        "encoder-decoder": encoder_decoder,
        "request": request,
        "conversation": conversation,
    }
    return makers[loaded.checkpoint.family.kind](loaded)


@dataclass(frozen=True, slots=True)
class _Frames:
    """The likeliest token of each frame of a CTC model, ``(num_rows, num_frames)``, and how many frames a row has.

    Where words are timed, the posteriors of these tokens too, of the same shape.
    """

    ids: torch.Tensor
    lengths: list[int] | None
    posteriors: torch.Tensor | None


def ctc(loaded: Loaded) -> Way:
    """Connectionist temporal classification: the likeliest token of each frame, repetitions joined, blanks left out.

    Each row is cut at its own number of frames before it is decoded. What a model says about padding is no speech, and
    without the cut it becomes letters at the end of every utterance but the longest. Only the blank is left out: that a
    model says it does not know a letter is an error that counts, and the library prints it as well.
    """
    blank = loaded.model.config.pad_token_id

    def outputs(inputs: dict[str, Any]) -> _Frames:
        logits = loaded.model(**inputs).logits
        lengths = num_output_frames(loaded.model, inputs)
        sure = logits.float().softmax(dim=-1).amax(dim=-1).cpu() if loaded.settings.words else None
        return _Frames(logits.argmax(dim=-1).cpu(), lengths, sure)

    def hypotheses(found: _Frames) -> list[Hypothesis]:
        rows = found.ids.tolist()
        if found.lengths is not None:
            rows = [row[:length] for row, length in zip(rows, found.lengths, strict=True)]
        runs = [ctc_runs(row, blank) for row in rows]
        said = [[token for token, _, _ in one] for one in runs]
        texts = [loaded.tokenizer.decode(ids, **_CTC_DECODING).strip() for ids in said]
        if found.posteriors is None:
            return [Hypothesis(text) for text in texts]
        return [
            timed(loaded, text, ctc_tokens(one, sure, loaded), **_CTC_DECODING)
            for text, one, sure in zip(texts, runs, found.posteriors.tolist(), strict=True)
        ]

    return Way(partial(padded_inputs, loaded), outputs, hypotheses)


@dataclass(frozen=True, slots=True)
class _Steps:
    """The tokens of a transducer, ``(num_rows, num_tokens)``, and the most that a row may have.

    Where words are timed, the frames by which each token moved on too, of the same shape.
    """

    ids: torch.Tensor
    most: list[int]
    durations: torch.Tensor | None


def transducer(loaded: Loaded) -> Way:
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

    def outputs(inputs: dict[str, Any]) -> _Steps:
        most = [config.max_symbols_per_step * frames for frames in _num_frames_alone(loaded, inputs)]
        found = loaded.model.generate(**inputs, max_new_tokens=max(most))
        return _Steps(found.sequences.cpu(), most, found.durations.cpu() if loaded.settings.words else None)

    def hypotheses(found: _Steps) -> list[Hypothesis]:
        cut = [row[:length] for row, length in zip(found.ids.tolist(), found.most, strict=True)]
        texts = [loaded.tokenizer.decode(row, **_TRANSDUCER_DECODING).strip() for row in cut]
        if found.durations is None:
            return [Hypothesis(text) for text in texts]
        return [
            timed(loaded, text, transducer_tokens(row, steps[: len(row)], loaded), **_TRANSDUCER_DECODING)
            for text, row, steps in zip(texts, cut, found.durations.tolist(), strict=True)
        ]

    return Way(partial(padded_inputs, loaded), outputs, hypotheses)


def _num_frames_alone(loaded: Loaded, inputs: dict[str, Any]) -> list[int]:
    """Frames at the output of the encoder that each row would have alone, those beyond its mask too.

    The extractor makes a frame more than the longest row fills; Transformers counts it where it sets a limit.
    """
    import torch

    mask = inputs["attention_mask"]
    filled = mask.sum(dim=-1)
    alone = filled + mask.shape[-1] - filled.max()
    places = torch.arange(mask.shape[-1], device=mask.device)
    return num_output_frames(loaded.model, {"attention_mask": places < alone[:, None]}) or []


@dataclass(frozen=True, slots=True)
class _Said:
    """The tokens of Whisper, ``(num_rows, num_tokens)``, and where words are timed the second at which each begins."""

    ids: torch.Tensor
    starts_s: torch.Tensor | None = None


def whisper(loaded: Loaded) -> Way:
    """Whisper, one window of 30 s each: greedy unless beams are asked for, one temperature, no timestamp tokens.

    Times of words come from its cross-attention, and are asked for one utterance at a time: in a batch, Transformers
    (5.23) aligns the padding behind a text too, so that times depend on the longest. Its generation searches anew for
    each of the n best, and finds the same one each time, so there are none.
    """
    settings, window = loaded.settings, loaded.extractor.n_samples
    options = _whisper_options(loaded)
    num_prompt_tokens = len(options.get("prompt_ids", ()))

    def inputs_of(batch: Sequence[Samples]) -> dict[str, Any]:
        check_fits(max(map(len, batch)) / SAMPLE_RATE_HZ, window / SAMPLE_RATE_HZ)
        return window_inputs(loaded, batch)

    def outputs(inputs: dict[str, Any]) -> list[_Said]:
        if settings.words:
            return [_said(said_of(one)) for one in _rows(inputs)]
        return [_Said(said_of(inputs).cpu())]

    def hypotheses(found: list[_Said]) -> list[Hypothesis]:
        return [one for said in found for one in _whisper_texts(loaded, said, num_prompt_tokens)]

    def said_of(inputs: dict[str, Any]) -> Any:  # noqa: ANN401  # ids, or with words a mapping of ids and times
        if not settings.compile:
            return loaded.model.generate(**inputs, **options)
        return loaded.model.generate(**filled_up(inputs), **options)[: _num_rows(inputs)]

    return Way(inputs_of, outputs, hypotheses)


def _num_rows(inputs: dict[str, Any]) -> int:
    return len(next(iter(inputs.values())))


def _rows(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """The inputs of each waveform alone."""
    return [{name: one[row : row + 1] for name, one in inputs.items()} for row in range(_num_rows(inputs))]


def _said(found: Mapping[str, torch.Tensor]) -> _Said:
    """Of what generation gave with times: it holds the attentions of the whole model too."""
    return _Said(found["sequences"].cpu(), found["token_timestamps"].cpu())


def _whisper_texts(loaded: Loaded, said: _Said, num_prompt_tokens: int) -> list[Hypothesis]:
    texts, unfinished = decoded(loaded, said.ids), whisper_unfinished(loaded, said.ids, num_prompt_tokens)
    if said.starts_s is None:
        return [Hypothesis(text, is_unfinished=cut) for text, cut in zip(texts, unfinished, strict=True)]
    special = frozenset(loaded.tokenizer.all_special_ids)
    return [
        replace(
            timed(loaded, text, attended_tokens(ids, starts_s, special), skip_special_tokens=True), is_unfinished=cut
        )
        for text, cut, ids, starts_s in zip(texts, unfinished, said.ids.tolist(), said.starts_s.tolist(), strict=True)
    ]


def _whisper_options(loaded: Loaded) -> dict[str, Any]:
    """What each call of its ``generate`` is told."""
    settings = loaded.settings
    options = {**generation_options(loaded, loaded.extractor.n_samples), "return_timestamps": False}
    options |= {name: value for name in ("language", "task") if (value := getattr(settings, name)) is not None}
    if settings.words:
        options["return_token_timestamps"] = True
    if settings.prompt is not None:
        options["prompt_ids"] = loaded.tokenizer.get_prompt_ids(settings.prompt, return_tensors="pt").to(loaded.device)
    return options


def encoder_decoder(loaded: Loaded) -> Way:
    """An encoder and a decoder that need to be told nothing."""

    def inputs_of(batch: Sequence[Samples]) -> tuple[dict[str, Any], int]:
        return padded_inputs(loaded, batch), max(map(len, batch))

    def outputs(given: tuple[dict[str, Any], int]) -> Generated:
        inputs, longest_samples = given
        said = loaded.model.generate(**inputs, **generation_options(loaded, longest_samples))
        return generated(said, 1)  # without the token that the decoder begins with

    def hypotheses(found: Generated) -> list[Hypothesis]:
        return best_of(loaded, found, decoded(loaded, found.ids))

    return Way(inputs_of, outputs, hypotheses)
