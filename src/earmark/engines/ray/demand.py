"""What a worker asks of a cluster, and for how many of them there is room. Knows numbers, and does not import Ray."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from earmark.engines.options import EngineOptions
from earmark.errors import UsageError


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster: its id, what to call it, and what Ray may use of it; what GPUs it has, if Ray knows."""

    id: str
    name: str
    num_cpus: int
    num_gpus: int
    gpu_name: str | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """``num_workers`` is None for all that there is room for. Each one takes so many processors or GPUs of one node.

    A worker on a GPU takes no processor's slot: a node with eight GPUs and four slots has room for eight.
    """

    num_workers: int | None
    num_cpus_each: float
    num_gpus_each: float

    @staticmethod
    def check(options: EngineOptions) -> None:
        """Raise UsageError for ``gpus`` that are neither ``auto`` nor a number: Ray says which one a worker gets."""
        if options.gpus is not None and options.gpus != "auto" and not options.gpus.isdecimal():
            raise UsageError(f"--gpus {options.gpus}: Ray chooses which GPUs work", hint="--gpus auto, or how many")

    @classmethod
    def of(cls, options: EngineOptions, nodes: Sequence[Node]) -> Self:
        """What is asked for, on a cluster of ``nodes``. Raises UsageError where it has none of the GPUs asked for."""
        there = sum(node.num_gpus for node in nodes)
        is_any = options.gpus in (None, "auto")
        num_gpus = there if is_any else min(int(options.gpus or 0), there)
        if num_gpus == 0:
            _check_processors(options.gpus, nodes)
            return cls(options.num_workers, 1.0, 0.0)
        num_workers = options.num_workers or (None if is_any else num_gpus)
        # A share may not span two GPUs, so each of them is cut alike.
        return cls(num_workers, 0.0, 1.0 / math.ceil((num_workers or 1) / num_gpus))

    @staticmethod
    def gpu_name(nodes: Sequence[Node]) -> str | None:
        """What most of the GPUs are called; None where no node says it."""
        named: dict[str, int] = {}
        for node in nodes:
            if node.gpu_name is not None:
                named[node.gpu_name] = named.get(node.gpu_name, 0) + node.num_gpus
        return max(sorted(named), key=named.__getitem__, default=None)

    def num_places(self, nodes: Sequence[Node]) -> int:
        """How many workers there are to be: as asked for, else one a GPU or a processor's slot."""
        if self.num_workers is not None:
            return self.num_workers
        return sum(node.num_gpus if self.num_gpus_each else node.num_cpus for node in nodes)


def _check_processors(gpus: str | None, nodes: Sequence[Node]) -> None:
    names = ", ".join(node.name for node in nodes) or "it"
    if gpus not in (None, "0"):
        raise UsageError(
            f"--gpus {gpus}: the Ray cluster has no GPU",
            cause=f"Ray knows of none on {names}",
            hint="--gpus 0 works on processors; a node says what it has by ray start --num-gpus N",
        )
    if not any(node.num_cpus for node in nodes):
        raise UsageError(
            "the Ray cluster has no slot for a worker",
            cause=f"Ray may use no processor of {names}",
            hint="a node says what it has by ray start --num-cpus N",
        )
