"""How many tokens a search of SpeechBrain can give of what it heard: a text with so many did not end by itself.

The limit is a share of the frames that the encoder gives, which only the search is told, so it is listened to. What a
transducer or an encoder alone says has no such limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def limited_search(asr: Any) -> Any:  # noqa: ANN401  # SpeechBrain's
    """The search of an interface of SpeechBrain, where it is one with a limit; None for others."""
    from speechbrain.decoders.seq2seq import S2SBaseSearcher

    found = getattr(asr.mods, "decoder", None)
    return found if isinstance(found, S2SBaseSearcher) else None


@contextmanager
def frames_given(search: Any) -> Iterator[list[int]]:  # noqa: ANN401  # a module of torch, or None
    """The number of frames in each call of ``search`` within the block."""
    found: list[int] = []
    if search is None:
        yield found
        return
    hook = search.register_forward_pre_hook(lambda _, given: found.append(int(given[0].shape[1])))
    try:
        yield found
    finally:
        hook.remove()


def most_tokens(search: Any, num_frames: int) -> int:  # noqa: ANN401  # a module of torch
    """The tokens, without the end token, that fill all the places there are for what has so many frames.

    A search with beams puts an end token in the last place of what did not end, and takes it off again. Whisper's stop
    also where the decoder has no more positions.
    """
    from speechbrain.decoders.seq2seq import S2SBeamSearcher

    least, most = search.change_max_decoding_length(
        int(num_frames * search.min_decode_ratio), int(num_frames * search.max_decode_ratio)
    )
    has_beams = isinstance(search, S2SBeamSearcher)
    num_steps: int = most if has_beams else most - least
    if hasattr(search, "max_attn_tokens"):
        begun = search.sample_begin if has_beams else 2 * search.sample_begin - 1
        num_steps = min(num_steps, search.max_attn_tokens - begun)
    return num_steps - 1 if has_beams else num_steps
