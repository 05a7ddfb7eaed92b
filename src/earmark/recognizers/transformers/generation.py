"""What every model that generates is told, and what becomes of what it gave: texts, and the n best of a search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from earmark.recognizers.transformers.loading import Loaded
from earmark.records import Alternative, Hypothesis

_UNBOUNDED_TOKENS = 448  # where a checkpoint says nothing, the library would stop after 20 tokens


def generation_options(loaded: Loaded) -> dict[str, Any]:
    """What every call of ``generate`` is told: beams, how many of them to return, never sampling, where to stop."""
    settings, stated = loaded.settings, loaded.checkpoint.generation
    options: dict[str, Any] = {"num_beams": settings.beams, "do_sample": False}
    if settings.nbest > 1:
        options |= {"num_return_sequences": settings.nbest, "return_dict_in_generate": True, "output_scores": True}
    if settings.max_new_tokens is not None:
        options["max_new_tokens"] = settings.max_new_tokens
    elif stated.get("max_length") is None and stated.get("max_new_tokens") is None:
        options["max_new_tokens"] = _UNBOUNDED_TOKENS
    return options


def decoded(loaded: Loaded, ids: Any) -> list[str]:  # noqa: ANN401  # a tensor of token ids, (num_waveforms, num_tokens)
    """The texts of token ids, special ones left out."""
    return [str(text).strip() for text in loaded.tokenizer.batch_decode(ids, skip_special_tokens=True)]


def best_of(loaded: Loaded, said: Any, texts: Sequence[str]) -> list[Hypothesis]:  # noqa: ANN401  # what generate gave
    """A hypothesis a waveform, with its n best where they were asked for.

    ``texts`` are of all that was returned, those of a waveform together, the likeliest first. Scores are the search's:
    log probabilities, divided by the length. Two that are spelled alike count as one.
    """
    number = loaded.settings.nbest
    if number == 1:
        return [Hypothesis(text) for text in texts]
    scores = said.sequences_scores.tolist()
    found = []
    for first in range(0, len(texts), number):
        likeliest: dict[str, float] = {}
        for text, score in zip(texts[first : first + number], scores[first : first + number], strict=True):
            likeliest.setdefault(text, score)
        found.append(Hypothesis(texts[first], alternatives=tuple(Alternative(*one) for one in likeliest.items())))
    return found
