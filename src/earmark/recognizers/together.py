"""Which utterances a model may hear together, and how long they may be: what its spec declares, kept at each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from earmark.errors import RecognizerError
from earmark.recognizers.base import LENGTH_TOLERANCE_S
from earmark.spec import BatchingKind

Heard = TypeVar("Heard")
Answer = TypeVar("Answer")


def asked_together(
    batch: Sequence[Heard],
    lengths: Sequence[int],
    batching: BatchingKind,
    ask: Callable[[Sequence[Heard]], Sequence[Answer]],
) -> list[Answer]:
    """What ``ask`` answers, in the order of ``batch``, asked in pieces whose members may meet.

    ``lengths`` are the numbers of samples, one for each of ``batch``.
    """
    answers: dict[int, Answer] = {}
    for piece in pieces_of(lengths, batching):
        answers.update(zip(piece, ask([batch[position] for position in piece]), strict=True))
    return [answers[position] for position in range(len(batch))]


def pieces_of(lengths: Sequence[int], batching: BatchingKind) -> list[list[int]]:
    """The positions of a batch that may be asked together, in order of the first of each piece."""
    alike: dict[int, list[int]] = {}
    for position, length in enumerate(lengths):
        key = {"single": position, "equal_length": length}.get(batching, 0)
        alike.setdefault(key, []).append(position)
    return list(alike.values())


def check_fits(longest_s: float, most_s: float) -> None:
    """Raise RecognizerError where the longest of a batch is more than the model hears: a library would cut it."""
    if longest_s > most_s + LENGTH_TOLERANCE_S:
        raise RecognizerError(
            f"{longest_s:.2f} s do not fit into {most_s:g} s", cause="the rest would be left out in silence"
        )
