"""The processes that train one model together: what each knows of the others, alone or started by somebody else.

A training is no set of shards: its ranks meet in every step. The collective operations are torch.distributed's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed
from torch.distributed.rendezvous import rendezvous

from earmark.errors import EngineError, LostRankError, UsageError, first_line
from earmark.recognizers.on_torch import prepared_device
from earmark.training.threads import one_thread

Value = TypeVar("Value")
_LINE = "torchrun --nproc-per-node=2 -m earmark train CONFIG --engine torchrun --out DIR"
_LATEST = timedelta(minutes=30)
"""How long ranks wait for one that prepares, evaluates, or died without torchrun seeing it."""


class Ranks:
    """This process, the only one, number 0 of 1, and the device that it computes on."""

    rank = 0
    num_ranks = 1

    def __init__(self, device: torch.device) -> None:
        self.device = device

    @property
    def is_main(self) -> bool:
        """Whether this process prepares, writes and speaks for all."""
        return self.rank == 0

    def gathered(self, value: Value) -> list[Value]:
        """The values of all ranks, in their order, on each of them."""
        return [value]

    def from_main(self, value: Value | None) -> Value:
        """What rank 0 says."""
        return value  # type: ignore[return-value]  # alone it is always said

    @contextmanager
    def meeting(self) -> Iterator[None]:
        """A block in which ranks meet. Raises LostRankError where another one is not there any more."""
        yield


class TorchRanks(Ranks):
    """One of several processes in a process group."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.rank = torch.distributed.get_rank()
        self.num_ranks = torch.distributed.get_world_size()

    def gathered(self, value: Value) -> list[Value]:
        """As above; the value travels by pickle, between processes of one command."""
        found: list[Any] = [None] * self.num_ranks
        with self.meeting():
            torch.distributed.all_gather_object(found, value)
        return found

    def from_main(self, value: Value | None) -> Value:
        """As above."""
        said: list[Any] = [value]
        with self.meeting():
            torch.distributed.broadcast_object_list(said, src=0)
        return said[0]  # type: ignore[no-any-return]  # what rank 0 put in

    @contextmanager
    def meeting(self) -> Iterator[None]:
        """As above. Gloo says that a peer is gone by a plain RuntimeError that has its name in it."""
        try:
            yield
        except RuntimeError as error:
            if isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower():
                raise LostRankError(first_line(error)) from error
            raise


@contextmanager
def joined(device: str, *, is_torchrun: bool) -> Iterator[Ranks]:
    """For the length of the block: this process alone, or the group that torchrun started.

    ``device`` is auto, cpu, cuda or cuda:N; under torchrun each rank has the GPU of its number on its machine. Tensors
    on processors travel by gloo, those on GPUs by NCCL. Raises UsageError outside torchrun and for a device that is not
    there, and EngineError where the ranks do not find each other.
    """
    if not is_torchrun:
        place = prepared_device(device, None)
        with one_thread(place):
            yield Ranks(place)
        return
    if not {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
        raise UsageError("torchrun did not start this process", hint=_LINE)
    is_on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    place = prepared_device(f"cuda:{os.environ['LOCAL_RANK']}" if is_on_gpu else device, None)
    try:
        store, rank, num_ranks = next(rendezvous("env://", timeout=_LATEST))
        # Where torchrun starts all ranks again it keeps the store, in which the addresses of the dead ones stand.
        own = torch.distributed.PrefixStore(  # type: ignore[attr-defined]  # its stub has not all
            f"start {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store
        )
        backend = "gloo" if place.type == "cpu" else "cpu:gloo,cuda:nccl"
        torch.distributed.init_process_group(backend, store=own, rank=rank, world_size=num_ranks, timeout=_LATEST)
    except (RuntimeError, ValueError) as error:
        raise EngineError("the ranks do not find each other", cause=first_line(error)) from error
    try:
        with one_thread(place):
            yield TorchRanks(place)
    finally:
        torch.distributed.destroy_process_group()


@contextmanager
def in_group(device: str) -> Iterator[Ranks]:
    """For the length of the block: one process of a group that somebody else made, and will end."""
    place = prepared_device(device, None)
    with one_thread(place):
        yield TorchRanks(place)
