"""Files on their way to this machine, on stderr: a bar each on a terminal, and elsewhere a line at either end.

A data set can be a million small files: only those that take a while are shown.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from earmark.cli.screen import say, visible
from earmark.verbs.events import FileProgressed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

_SHOWN_FROM_BYTES = 1_000_000
_LONGEST_NAME = 60


class FetchLines:
    """``fetch  NAME, 30 MB`` when it begins, ``got    NAME`` when it is here."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, event: FileProgressed) -> None:
        with self._lock:
            if event.is_done and event.name in self._begun:
                self._begun.discard(event.name)
                say(f"got    {event.name}, {size(event.done_bytes)}")
            elif not event.is_done and event.name not in self._begun and is_shown(event):
                self._begun.add(event.name)
                of = f", {size(event.total_bytes)}" if event.total_bytes is not None else ""
                say(f"fetch  {event.name}{of}")


class FetchBar:
    """A bar for each file, taken off the screen when it is here, and a line that stays."""

    def __init__(self, console: Console) -> None:
        from rich.markup import escape
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        self._console = console
        self._escape = escape
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __call__(self, event: FileProgressed) -> None:
        with self._lock:
            if event.is_done:
                self._end(event)
            elif is_shown(event):
                self._draw(event)

    def close(self) -> None:
        """Take the bars off the screen."""
        self._progress.stop()

    def _draw(self, event: FileProgressed) -> None:
        if event.name not in self._tasks:
            name = event.name if len(event.name) <= _LONGEST_NAME else f"...{event.name[-_LONGEST_NAME:]}"
            self._tasks[event.name] = self._progress.add_task(self._escape(visible(name)), total=event.total_bytes)
            self._progress.start()
        self._progress.update(self._tasks[event.name], completed=event.done_bytes)

    def _end(self, event: FileProgressed) -> None:
        task = self._tasks.pop(event.name, None)
        if task is None:
            return
        self._progress.remove_task(task)
        line = f"got    {event.name}, {size(event.done_bytes)}"
        self._console.print(visible(line), markup=False, highlight=False, soft_wrap=True)
        if not self._tasks:
            self._progress.stop()


def is_shown(event: FileProgressed) -> bool:
    """Whether a file is worth a line."""
    return max(event.total_bytes or 0, event.done_bytes) >= _SHOWN_FROM_BYTES


def size(num_bytes: int) -> str:
    """``27.2 MB``."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if num_bytes >= scale:
            return f"{num_bytes / scale:.1f} {unit}"
    return f"{num_bytes / 1e3:.1f} kB"
