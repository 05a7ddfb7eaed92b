"""When a model of each family said its tokens, and how sure it was. Numbers only: it knows no torch.

Frames are those at the output of the encoder. Whisper's times come from its cross-attention, by Transformers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import accumulate, groupby

from earmark.recognizers.transformers.frames import frame_s
from earmark.recognizers.transformers.loading import Loaded
from earmark.recognizers.word_times import Token, mean_confidence, words_from
from earmark.records import Hypothesis


def timed(loaded: Loaded, text: str, tokens: Sequence[Token], **decoding: bool) -> Hypothesis:
    """The hypothesis ``text`` with the words that ``tokens`` say; ``decoding`` is what its tokenizer was told."""

    def decode(ids: Sequence[int]) -> str:
        return str(loaded.tokenizer.decode(ids, **decoding))

    words = words_from(text, tokens, decode)
    return Hypothesis(text, words=words, confidence=mean_confidence(words))


def ctc_runs(row: Sequence[int], blank: int) -> list[tuple[int, int, int]]:
    """The tokens of a row of frames, each with its first frame and the one behind its last.

    Equal ones that follow each other are one, and blanks are none: so a letter said twice has a blank between.
    """
    ends = accumulate(len(list(frames)) for _, frames in groupby(row))
    runs = [(token, end) for (token, _), end in zip(groupby(row), ends, strict=True)]
    starts = [0, *(end for _, end in runs)]
    return [(token, start, end) for (token, end), start in zip(runs, starts, strict=False) if token != blank]


def ctc_tokens(runs: Sequence[tuple[int, int, int]], posteriors: Sequence[float], loaded: Loaded) -> list[Token]:
    """The same with times; ``posteriors`` are the probabilities of what each frame says, a token's is their mean."""
    length_s = frame_s(loaded.model.config)
    return [
        Token(token, start * length_s, end * length_s, sum(posteriors[start:end]) / (end - start))
        for token, start, end in runs
    ]


def transducer_tokens(row: Sequence[int], steps: Sequence[int], loaded: Loaded) -> list[Token]:
    """The tokens of a row of a transducer; ``steps`` are the frames by which each moved on.

    A token of TDT lasts as long as it moves on; of RNN-T, which stays at a frame to say it, one frame.
    """
    config = loaded.model.config
    length_s = frame_s(config)
    has_durations = bool(getattr(config, "durations", None))
    unsaid = {config.pad_token_id, config.blank_token_id}
    ends = accumulate(steps)
    return [
        Token(token, (end - step) * length_s, (end - step + max(1, step if has_durations else 1)) * length_s)
        for token, step, end in zip(row, steps, ends, strict=True)
        if token not in unsaid
    ]


def attended_tokens(row: Sequence[int], starts_s: Sequence[float], special: Collection[int]) -> list[Token]:
    """The tokens of a row of Whisper. Each lasts until the next begins, the last one to the end of the audio."""
    said = [(token, start_s) for token, start_s in zip(row, starts_s, strict=True) if token not in special]
    ends_s = [*(start_s for _, start_s in said[1:]), float("inf")]
    return [Token(token, start_s, end_s) for (token, start_s), end_s in zip(said, ends_s, strict=True)]
