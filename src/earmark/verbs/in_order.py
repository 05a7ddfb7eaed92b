"""A function over many things in several threads, its answers in their order, with few of them in hand at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Thing = TypeVar("Thing")
Answer = TypeVar("Answer")

_IN_HAND_EACH = 8


def in_order(
    function: Callable[[Thing], Answer], things: Iterable[Thing], threads: int, *, at_once: int = 1
) -> Iterator[Answer]:
    """Yield ``function`` of each thing, in order; a thread takes ``at_once`` of them at a time.

    More than one is for things that take little: handing one over costs about as much as opening a file. At most eight
    times so many for each thread are begun before the first is asked for. What the function, or the iteration over
    ``things``, raises is raised here.
    """

    def answers(some: list[Thing]) -> list[Answer]:
        return [function(thing) for thing in some]

    waiting: deque[Future[list[Answer]]] = deque()
    left = iter(things)
    with ThreadPoolExecutor(threads) as pool:
        try:
            while some := list(islice(left, at_once)):
                waiting.append(pool.submit(answers, some))
                if len(waiting) >= _IN_HAND_EACH * threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def num_threads() -> int:
    """One for each processor that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
