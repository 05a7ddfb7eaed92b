"""Beam search over what a CTC encoder hears, together with a language model: a decoding function for ``EncoderASR``.

Both scores are SpeechBrain's own. Its search is for decoders that attend: without one, SpeechBrain 1.1.2 adds up the
scores of all steps, and ends at the first texts that end. Here the search ends where no other text can be likelier.

Source: Graves, "Supervised sequence labelling with recurrent neural networks" (2012), prefix probabilities; Hori,
Watanabe, Hershey, "Joint CTC/attention decoding for end-to-end speech recognition" (2017), the sum with a language
model's.
"""

from __future__ import annotations

from typing import Any

import torch
from speechbrain.decoders.ctc import CTCPrefixScore
from torch import Tensor
from torch.nn.functional import log_softmax, pad

from earmark.errors import RecognizerError

_NEVER = -1e4
"""The log probability of a label that the encoder has not: none in float32, and still a number."""


def ctc_beam_search(
    log_probs: Tensor,
    lengths: Tensor,
    *,
    lm_scorer: Any,  # noqa: ANN401  # SpeechBrain's
    lm_weight: float,
    beam_size: int,
    blank_id: int,
    bos_id: int,
    eos_id: int,
) -> list[list[int]]:
    """The likeliest labels of each row, by the encoder and ``lm_weight`` times the language model.

    ``log_probs`` (rows, frames, labels) is what the encoder says, ``lengths`` (rows,) the share of the longest that
    counts. ``lm_scorer`` is an RNNLMScorer or a TransformerLMScorer, whose labels are the encoder's and, beyond them,
    the beginning and the end of a text. Raises RecognizerError where they do not fit.
    """
    num_labels = _num_labels(lm_scorer, bos_id, log_probs.device)
    if num_labels <= max(log_probs.shape[-1] - 1, bos_id, eos_id) or len({blank_id, bos_id, eos_id}) < 3:  # noqa: PLR2004
        raise RecognizerError(
            f"the language model has {num_labels} outputs, which do not fit what is heard",
            cause=f"the encoder has {log_probs.shape[-1]} labels, and texts begin with {bos_id} and end with {eos_id}",
        )
    wider = pad(log_softmax(log_probs.float(), dim=-1), (0, num_labels - log_probs.shape[-1]), value=_NEVER)
    num_frames = torch.round(lengths * log_probs.shape[1]).long().clamp(min=1).tolist()
    return [
        _searched(
            row[:number], lm_scorer, lm_weight, beam_size=beam_size, blank_id=blank_id, bos_id=bos_id, eos_id=eos_id
        )
        for row, number in zip(wider, num_frames, strict=True)
    ]


def _searched(
    log_probs: Tensor,
    lm_scorer: Any,  # noqa: ANN401  # SpeechBrain's
    lm_weight: float,
    *,
    beam_size: int,
    blank_id: int,
    bos_id: int,
    eos_id: int,
) -> list[int]:
    """The likeliest labels by ``log_probs`` (frames, labels). A text has at most one label for each frame."""
    device, num_labels = log_probs.device, log_probs.shape[-1]
    heard = CTCPrefixScore(log_probs[None].clone(), torch.tensor([len(log_probs)]), blank_id, eos_id)
    tokens = torch.full((beam_size,), bos_id, device=device)
    scores = torch.full((beam_size,), -torch.inf, device=device)
    scores[0] = 0.0  # all begin alike: one of them goes on
    texts: list[list[int]] = [[] for _ in range(beam_size)]
    best, best_text = -torch.inf, list[int]()
    prefixes = said = None
    for _ in range(len(log_probs) + 1):
        heard_scores, prefixes = heard.forward_step(tokens, prefixes)
        said_scores, said = lm_scorer.score(tokens, said, None, None)
        reached = scores.unsqueeze(1) + heard_scores + lm_weight * said_scores
        ended = reached[:, eos_id]
        if float(ended.max()) > best:
            best, best_text = float(ended.max()), texts[int(ended.argmax())]
        reached[:, [blank_id, bos_id, eos_id]] = -torch.inf
        scores, places = reached.view(-1).topk(beam_size)
        if float(scores[0]) <= best:  # a longer text is never likelier than its beginning
            break
        before, tokens = places // num_labels, places % num_labels
        texts = [[*texts[row], token] for row, token in zip(before.tolist(), tokens.tolist(), strict=True)]
        prefixes, said = heard.permute_mem(prefixes, places[None]), lm_scorer.permute_mem(said, before)
    return best_text


def _num_labels(lm_scorer: Any, bos_id: int, device: torch.device) -> int:  # noqa: ANN401  # SpeechBrain's
    try:
        scores, _ = lm_scorer.score(torch.tensor([bos_id], device=device), None, None, None)
    except (IndexError, RuntimeError) as error:
        raise RecognizerError(f"the language model does not know {bos_id}, with which texts begin") from error
    return int(scores.shape[-1])
