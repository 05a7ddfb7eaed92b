"""The line to the containers: tasks go in as the driver has them, answers come out as they come.

Modal's map runs in a thread of its own, with an event loop, so that the driver can wait for an answer and for a stop at
once, also where a loop runs already (a notebook). It knows no shard.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from earmark.engines.modal.container import Answer, Task

if TYPE_CHECKING:
    from modal import Function

Heard = Answer | Exception
"""An answer, or what the last attempt ended with where none gave one: nobody knows whose it was."""


class Line:
    """One map of ``function`` over the tasks that are sent, until it is closed."""

    def __init__(self, function: Function) -> None:  # type: ignore[type-arg]  # its parameters are the container's
        self._function = function
        self._answers: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._tasks: asyncio.Queue[Task] = asyncio.Queue()
        self._loop = asyncio.new_event_loop()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="earmark-modal")
        self._pump = self._loop.create_task(self._map())
        self._end: Future[None] = self._threads.submit(self._run)

    def send(self, task: Task) -> None:
        """Have it done by whatever container is free."""
        self._loop.call_soon_threadsafe(self._tasks.put_nowait, task)

    def hear(self, timeout_s: float) -> Heard | None:
        """The next answer, or None where there is none within the time. Raises what ended the map."""
        try:
            return self._answers.get(timeout=timeout_s)
        except queue.Empty:
            if self._end.done():
                self._end.result()
            return None

    def num_containers(self) -> int:
        """How many containers there are now: none while the cloud has no room for one."""
        return self._function.get_current_stats().num_total_runners

    def close(self) -> None:
        """Give up what is under way."""
        if not self._end.done():
            self._loop.call_soon_threadsafe(self._pump.cancel)
        self._threads.shutdown(wait=True)
        self._loop.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._pump)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    async def _map(self) -> None:
        found = self._function.map.aio(self._sent(), order_outputs=False, return_exceptions=True)
        async for answer in found:
            self._answers.put(answer)

    async def _sent(self) -> AsyncIterator[Task]:
        while True:
            yield await self._tasks.get()
