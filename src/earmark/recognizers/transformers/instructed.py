"""Models that are asked in words, or told something with each utterance: through their processor.

What they are told is part of the question, so it is the same for every utterance and on every day. It knows how to ask,
and nothing of what a model can be told: ``choices`` has looked at that. Inputs and hypotheses of a model are not made
at the same time: one tokenizer reads the question and writes the text.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from earmark.errors import RecognizerError
from earmark.recognizers.together import check_fits
from earmark.recognizers.transformers.features import Samples, on_device
from earmark.recognizers.transformers.generation import Generated, best_of, generated, generation_options
from earmark.recognizers.transformers.loading import Loaded
from earmark.recognizers.transformers.way import Way, in_turns
from earmark.records import SAMPLE_RATE_HZ, Hypothesis

if TYPE_CHECKING:
    import torch

_Asked = tuple[dict[str, "torch.Tensor"], int]
"""The model's inputs, and the samples of the longest waveform."""
_INSTRUCTIONS = {
    "granite_speech": "can you transcribe the speech into a written format?",
    "qwen2_audio": "Transcribe the speech.",
}
"""What a model is asked, unless it is told otherwise: Granite as its authors do, Qwen2-Audio in plain words."""
_ONE_DAY = (
    "{%- macro strftime_now(form) -%}{{ form | replace('%B', 'January') | replace('%b', 'Jan') | replace('%d', '01')"
    " | replace('%m', '01') | replace('%Y', '2025') }}{%- endmacro -%}"
)
"""Put before a template. Those of Granite name the day, and tomorrow the question would be another one."""


def request(loaded: Loaded) -> Way:
    """Through the processor's transcription request, whose arguments differ from model to model.

    A processor without such a request (Cohere ASR) is called with the language itself.
    """
    processor = loaded.processor
    asked = getattr(processor, "apply_transcription_request", processor)
    told = _request_arguments(loaded, asked)
    # Qwen3-ASR says the language before the text, and knows how to leave it out.
    returns = {"return_format": "transcription_only"} if hasattr(processor, "extract_transcription") else {}

    def inputs_of(batch: Sequence[Samples]) -> _Asked:
        _check_lengths(loaded, batch)
        arguments = {**told, "format": ["WAV"] * len(batch)} if "format" in told else told
        return on_device(loaded, asked(list(batch), **arguments)), max(map(len, batch))

    def hypotheses(found: Generated) -> list[Hypothesis]:
        texts = processor.decode(found.ids, **{"skip_special_tokens": True, **returns})
        return best_of(loaded, found, [str(text).strip() for text in texts])

    return in_turns(Way(inputs_of, partial(_outputs, loaded), hypotheses))


def conversation(loaded: Loaded) -> Way:
    """As a user who hands over the audio with an instruction, ``prompt`` or the usual: Granite Speech, Qwen2-Audio."""
    question = _question(loaded)

    def inputs_of(batch: Sequence[Samples]) -> _Asked:
        _check_lengths(loaded, batch)
        rate = {} if _is_granite(loaded) else {"sampling_rate": SAMPLE_RATE_HZ}
        found = loaded.processor(text=[question] * len(batch), audio=list(batch), return_tensors="pt", **rate)
        return on_device(loaded, found), max(map(len, batch))

    def hypotheses(found: Generated) -> list[Hypothesis]:
        texts = loaded.processor.tokenizer.decode(found.ids, skip_special_tokens=True)
        return best_of(loaded, found, [str(text).strip() for text in texts])

    return in_turns(Way(inputs_of, partial(_outputs, loaded), hypotheses))


def _outputs(loaded: Loaded, asked: _Asked) -> Generated:
    inputs, longest_samples = asked
    said = loaded.model.generate(**inputs, **generation_options(loaded, longest_samples))
    return generated(said, _num_given(inputs))


def _question(loaded: Loaded) -> str:
    """What the model reads, with its mark where the audio comes in. Granite's template takes text, Qwen's parts."""
    processor = loaded.processor
    instruction = loaded.settings.prompt or _INSTRUCTIONS[loaded.checkpoint.family.model_type]
    if _is_granite(loaded):
        said: Any = f"{processor.audio_token}{instruction}"
        keeper = processor.tokenizer
    else:
        said = [{"type": "audio", "audio_url": ""}, {"type": "text", "text": instruction}]
        keeper = processor
    if not isinstance(keeper.chat_template, str):
        raise RecognizerError(
            f"{loaded.checkpoint.place} does not say how it is asked",
            cause="it has no chat template",
            hint="copy chat_template.jinja of the model that it was made from into its folder",
        )
    messages = [{"role": "user", "content": said}]
    template = _ONE_DAY + keeper.chat_template
    return str(keeper.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=True))


def _is_granite(loaded: Loaded) -> bool:
    return loaded.checkpoint.family.model_type == "granite_speech"


def _num_given(inputs: dict[str, torch.Tensor]) -> int:
    """How many tokens the model was given: the question. A decoder may have put its own first."""
    given = inputs.get("input_ids", inputs.get("decoder_input_ids"))
    return 0 if given is None else given.shape[1]


def _check_lengths(loaded: Loaded, batch: Sequence[Samples]) -> None:
    """Some processors cut what is longer, or cut it to pieces, and say nothing."""
    check_fits(max(map(len, batch)) / SAMPLE_RATE_HZ, loaded.checkpoint.family.max_audio_s)


def _request_arguments(loaded: Loaded, asked: Callable[..., Any]) -> dict[str, Any]:
    """What of the settings, and of what the library wants to know, this model's request takes."""
    taken = inspect.signature(asked).parameters
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
