"""What every model that generates is told, and what becomes of what it gave: texts, and the n best of a search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.recognizers.transformers.loading import Loaded
from earmark.records import SAMPLE_RATE_HZ, Alternative, Hypothesis

if TYPE_CHECKING:
    import torch

_LEAST_LIMIT_TOKENS = 448
_TOKENS_A_SECOND = 20  # several times what fast speech needs, in pieces of words or in letters


def generation_options(loaded: Loaded, num_samples: int) -> dict[str, Any]:
    """What every call of ``generate`` is told: beams, how many of them to return, never sampling, where to stop.

    ``num_samples`` are those of the longest waveform of the batch.
    """
    settings, stated = loaded.settings, loaded.checkpoint.generation
    options: dict[str, Any] = {"num_beams": settings.beams, "do_sample": False}
    if settings.nbest > 1:
        options |= {"num_return_sequences": settings.nbest, "return_dict_in_generate": True, "output_scores": True}
    if settings.max_new_tokens is not None:
        options["max_new_tokens"] = settings.max_new_tokens
    elif stated.get("max_length") is None and stated.get("max_new_tokens") is None:
        options |= _unstated_limit(loaded, num_samples)
    return options


def _unstated_limit(loaded: Loaded, num_samples: int) -> dict[str, int]:
    """Where to stop when the checkpoint says nothing: Transformers itself would after 20 tokens.

    Where lengths meet in a batch it is the limit of the longest that the model takes, so that no text ends by what its
    neighbours are. Whisper has a place for each token, and no more of them.
    """
    family = loaded.checkpoint.family
    if family.kind == "whisper":
        return {"max_length": int(loaded.model.config.max_target_positions)}
    longest_s = family.max_audio_s if family.batching == "masked" else num_samples / SAMPLE_RATE_HZ
    return {"max_new_tokens": max(_LEAST_LIMIT_TOKENS, math.ceil(_TOKENS_A_SECOND * longest_s))}


@dataclass(frozen=True, slots=True)
class Generated:
    """What a model generated, off its device: token ids, ``(num_rows, num_tokens)``, without those that it was given.

    Where the n best were asked for, the search's score of each row too: log probabilities, divided by the length.
    """

    ids: torch.Tensor
    scores: torch.Tensor | None


def generated(said: Any, num_given: int) -> Generated:  # noqa: ANN401  # a tensor of token ids, or what holds one
    """Of what ``generate`` gave, that which texts are made of; ``num_given`` tokens of each row were not generated."""
    scores = getattr(said, "sequences_scores", None)
    return Generated(getattr(said, "sequences", said)[:, num_given:].cpu(), None if scores is None else scores.cpu())


def decoded(loaded: Loaded, ids: Any) -> list[str]:  # noqa: ANN401  # a tensor of token ids, (num_waveforms, num_tokens)
    """The texts of token ids, special ones left out."""
    return [str(text).strip() for text in loaded.tokenizer.batch_decode(ids, skip_special_tokens=True)]


def unfinished(loaded: Loaded, ids: Any) -> list[bool | None]:  # noqa: ANN401  # a tensor of token ids
    """Whether each row ended at the limit: it has no end token, and no padding either, since none is longer.

    ``ids``, shape ``(num_rows, num_tokens)``, are what was generated, without what the model was given to begin with.
    """
    stated = loaded.model.generation_config.eos_token_id
    if stated is None:
        return [None] * len(ids)
    ends = {stated} if isinstance(stated, int) else set(stated)
    return [ends.isdisjoint(row) for row in ids.tolist()]


def whisper_unfinished(loaded: Loaded, ids: Any, num_prompt_tokens: int) -> list[bool | None]:  # noqa: ANN401  # as above
    """The same for Whisper, whose generation takes the end token off: whether a row has as many tokens as it may.

    It begins with the prompt, then two tokens, or four that say the language and the task; ``ids`` has none of them.
    """
    config, stated, asked = loaded.model.config, loaded.checkpoint.generation, loaded.settings.max_new_tokens
    num_given = num_prompt_tokens + (4 if stated.get("lang_to_id") else 2)
    most = asked or stated.get("max_new_tokens") or stated.get("max_length") or config.max_target_positions
    limit = min(most, config.max_target_positions - num_given)
    padding = config.pad_token_id
    return [sum(token != padding for token in row) >= limit for row in ids.tolist()]


def best_of(loaded: Loaded, found: Generated, texts: Sequence[str]) -> list[Hypothesis]:
    """A hypothesis a waveform, with its n best where they were asked for.

    ``texts`` are of all that was generated, those of a waveform together, the likeliest first. Two that are spelled
    alike count as one.
    """
    number, cut = loaded.settings.nbest, unfinished(loaded, found.ids)
    if number == 1 or found.scores is None:
        return [Hypothesis(text, is_unfinished=one) for text, one in zip(texts, cut, strict=True)]
    scores = found.scores.tolist()
    best = []
    for first in range(0, len(texts), number):
        likeliest: dict[str, float] = {}
        for text, score in zip(texts[first : first + number], scores[first : first + number], strict=True):
            likeliest.setdefault(text, score)
        alternatives = tuple(Alternative(*one) for one in likeliest.items())
        best.append(Hypothesis(texts[first], alternatives=alternatives, is_unfinished=cut[first]))
    return best
