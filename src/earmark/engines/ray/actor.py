"""What runs on a node of a Ray cluster: one worker, told what to do by calls.

All its calls are done in one thread, since GPU libraries keep a device for each thread; only ``stop`` comes in between,
from another one. Errors of ours are answers and not raised, so that they arrive as they are.
"""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING

from earmark.errors import EarmarkError, EngineError
from earmark.records import Receipt, Shard, Work

if TYPE_CHECKING:
    from earmark.engines.ray.inspection import Expected


class ShardActor:
    """A worker: loaded once, then one shard after the other."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._work: Work | None = None
        self._rank = 0

    def load(self, work: bytes, rank: int, expected: Expected) -> str | EarmarkError:
        """Enter the pickled ``work`` as the worker of ``rank``. Returns the id of the node."""
        if problem := expected.look():
            raise EngineError(f"a node that joined {problem[0]}", hint=problem[1])
        self._rank = rank
        try:
            self._work = pickle.loads(work)  # noqa: S301  # from our own driver
            self._work.__enter__()
        except EarmarkError as error:
            return error
        return self.here()

    def here(self) -> str:
        """The id of the node. Who gives it is alive."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def do(self, shard: Shard) -> Receipt | EarmarkError | None:
        """Do one shard; None where a stop came before its first batch."""
        assert self._work is not None, "load before doing"  # noqa: S101  # a programmer's error
        try:
            return self._work(shard, rank=self._rank, stop=self._stop.is_set)
        except EarmarkError as error:
            return error

    def stop(self) -> None:
        """Finish the batch, commit and return."""
        self._stop.set()

    def leave(self) -> None:
        """Release what was loaded."""
        if self._work is not None:
            self._work.__exit__(None, None, None)
