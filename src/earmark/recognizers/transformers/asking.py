"""How a loaded model of each family is asked: waveforms in, hypotheses out. The only place that runs a model.

In two steps, since the first can be done for the next batch while the model is busy: waveforms become the model's
inputs, and these hypotheses. A family's answer for one waveform must not depend on the padding that its neighbours
bring. Where Transformers leaves that to the caller, it is done here, and said where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from earmark.recognizers.together import check_fits
from earmark.recognizers.transformers.compiling import filled_up
from earmark.recognizers.transformers.family import FamilyKind
from earmark.recognizers.transformers.features import Samples, padded_inputs, window_inputs
from earmark.recognizers.transformers.frames import num_output_frames
from earmark.recognizers.transformers.generation import best_of, decoded, generation_options, whisper_unfinished
from earmark.recognizers.transformers.instructed import conversation, request
from earmark.recognizers.transformers.loading import Loaded
from earmark.recognizers.transformers.timing import attended_tokens, ctc_runs, ctc_tokens, timed, transducer_tokens
from earmark.records import SAMPLE_RATE_HZ, Hypothesis


@dataclass(frozen=True, slots=True)
class Way:
    """How a model is asked.

    ``inputs`` makes them of waveforms, and may run in another thread than ``answers``, which runs the model on them:
    what was heard, in order. Words are timed from the start, and may reach beyond the end.
    """

    inputs: Callable[[Sequence[Samples]], Any]
    answers: Callable[[Any], list[Hypothesis]]


_CTC_DECODING = {"skip_special_tokens": False, "group_tokens": False}
_TRANSDUCER_DECODING = {"skip_special_tokens": True, "group_tokens": False}


def asking(loaded: Loaded) -> Way:
    """How to ask this model. Raises RecognizerError where it cannot do what the settings say."""
    makers: dict[FamilyKind, Callable[[Loaded], Way]] = {
        "ctc": ctc,
        "transducer": transducer,
        "whisper": whisper,
        "encoder-decoder": encoder_decoder,
        # Their processors read words with the tokenizer that writes the answers, and it is not for two threads.
        "request": lambda told: Way(list, request(told)),
        "conversation": lambda told: Way(list, conversation(told)),
    }
    return makers[loaded.checkpoint.family.kind](loaded)


def ctc(loaded: Loaded) -> Way:
    """Connectionist temporal classification: the likeliest token of each frame, repetitions joined, blanks left out.

    Each row is cut at its own number of frames before it is decoded. What a model says about padding is no speech, and
    without the cut it becomes letters at the end of every utterance but the longest. Only the blank is left out: that a
    model says it does not know a letter is an error that counts, and the library prints it as well.
    """
    blank = loaded.model.config.pad_token_id

    def answers(inputs: dict[str, Any]) -> list[Hypothesis]:
        logits = loaded.model(**inputs).logits
        rows = logits.argmax(dim=-1).tolist()
        if (lengths := num_output_frames(loaded.model, inputs)) is not None:
            rows = [row[:length] for row, length in zip(rows, lengths, strict=True)]
        runs = [ctc_runs(row, blank) for row in rows]
        said = [[token for token, _, _ in one] for one in runs]
        texts = [loaded.tokenizer.decode(ids, **_CTC_DECODING).strip() for ids in said]
        if not loaded.settings.words:
            return [Hypothesis(text) for text in texts]
        posteriors = logits.float().softmax(dim=-1).amax(dim=-1).tolist()
        return [
            timed(loaded, text, ctc_tokens(one, sure, loaded), **_CTC_DECODING)
            for text, one, sure in zip(texts, runs, posteriors, strict=True)
        ]

    return Way(partial(padded_inputs, loaded), answers)


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

    def answers(inputs: dict[str, Any]) -> list[Hypothesis]:
        most = [config.max_symbols_per_step * frames for frames in _num_frames_alone(loaded, inputs)]
        found = loaded.model.generate(**inputs, max_new_tokens=max(most))
        cut = [row[:length] for row, length in zip(found.sequences.tolist(), most, strict=True)]
        texts = [loaded.tokenizer.decode(row, **_TRANSDUCER_DECODING).strip() for row in cut]
        if not loaded.settings.words:
            return [Hypothesis(text) for text in texts]
        return [
            timed(loaded, text, transducer_tokens(row, steps[: len(row)], loaded), **_TRANSDUCER_DECODING)
            for text, row, steps in zip(texts, cut, found.durations.tolist(), strict=True)
        ]

    return Way(partial(padded_inputs, loaded), answers)


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

    def answers(inputs: dict[str, Any]) -> list[Hypothesis]:
        if settings.words:
            return [_timed_words(loaded, said_of(one), num_prompt_tokens) for one in _rows(inputs)]
        ids = said_of(inputs)
        return [
            Hypothesis(text, is_unfinished=cut)
            for text, cut in zip(decoded(loaded, ids), whisper_unfinished(loaded, ids, num_prompt_tokens), strict=True)
        ]

    def said_of(inputs: dict[str, Any]) -> Any:  # noqa: ANN401  # ids, or with words a mapping of ids and times
        if not settings.compile:
            return loaded.model.generate(**inputs, **options)
        return loaded.model.generate(**filled_up(inputs), **options)[: _num_rows(inputs)]

    return Way(inputs_of, answers)


def _num_rows(inputs: dict[str, Any]) -> int:
    return len(next(iter(inputs.values())))


def _rows(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """The inputs of each waveform alone."""
    return [{name: one[row : row + 1] for name, one in inputs.items()} for row in range(_num_rows(inputs))]


def _timed_words(loaded: Loaded, said: Any, num_prompt_tokens: int) -> Hypothesis:  # noqa: ANN401  # Transformers'
    """The one text of ``said`` with its words."""
    [text], [ids], [starts_s] = decoded(loaded, said["sequences"]), said["sequences"], said["token_timestamps"]
    tokens = attended_tokens(ids.tolist(), starts_s.tolist(), frozenset(loaded.tokenizer.all_special_ids))
    [is_unfinished] = whisper_unfinished(loaded, said["sequences"], num_prompt_tokens)
    return replace(timed(loaded, text, tokens, skip_special_tokens=True), is_unfinished=is_unfinished)


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

    def answers(given: tuple[dict[str, Any], int]) -> list[Hypothesis]:
        inputs, longest_samples = given
        said = loaded.model.generate(**inputs, **generation_options(loaded, longest_samples))
        ids = getattr(said, "sequences", said)[:, 1:]  # without the token that the decoder begins with
        return best_of(loaded, said, ids, decoded(loaded, ids))

    return Way(inputs_of, answers)
