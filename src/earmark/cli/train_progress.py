"""Progress of a training on stderr: a bar on a terminal, elsewhere a line now and then; and a line a snapshot."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from earmark.cli.screen import has_colour, say
from earmark.verbs.training_events import Event, Observer, SnapshotKept, TrainingBegan, TrainingProgressed, nobody

_LINE_EVERY_S = 30.0
_MINUTES_FROM_S = 90.0


@contextlib.contextmanager
def training_observer(kind: str) -> Iterator[Observer]:
    """The observer that ``--progress`` names, for the length of the block."""
    if kind == "none":
        yield nobody
    elif kind == "bar" or (kind == "auto" and sys.stderr.isatty()):
        with contextlib.closing(_Bar()) as bar:
            yield bar
    else:
        yield _Lines()


def work(work_s: float) -> str:
    """Minutes or seconds of work, in few characters."""
    return f"{work_s / 60:.1f} min" if work_s >= _MINUTES_FROM_S else f"{work_s:.0f} s"


def _head(event: TrainingBegan) -> list[str]:
    return [
        f"to     {event.out}",
        f"data   {event.num_train:,} made puzzles of {event.size} x {event.size}, and {event.num_test:,} to test with",
        f"work   1 worker, {event.device}",
    ]


def _snapshot(event: SnapshotKept) -> str:
    return f"keep   step_{event.step}: {event.num_exact:,} of {event.num_puzzles:,} test puzzles exact"


def _step(event: TrainingProgressed) -> str:
    return f"step {event.step:,}{f' of {event.num_steps:,}' if event.num_steps else ''}, loss {event.loss:.3f}"


def _told(event: Event) -> list[str]:
    """What to print of anything but a step."""
    if isinstance(event, TrainingBegan):
        return _head(event)
    return [_snapshot(event)] if isinstance(event, SnapshotKept) else []


class _Lines:
    """A line at the beginning, one a snapshot, and one every half minute."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, event: Event) -> None:
        for line in _told(event):
            say(line)
        if isinstance(event, TrainingProgressed) and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            say(_step(event))


class _Bar:
    """A bar that is drawn in place."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._console = Console(stderr=True, no_color=not has_colour(sys.stderr))
        columns = (BarColumn(bar_width=24), TextColumn("{task.fields[facts]}", markup=False))
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._task = self._progress.add_task("", total=None, facts="")

    def __call__(self, event: Event) -> None:
        for line in _told(event):
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        if isinstance(event, TrainingProgressed):
            self._progress.update(self._task, total=event.num_steps, completed=event.step, facts=_step(event))
            self._progress.start()

    def close(self) -> None:
        """Take the bar off the screen."""
        self._progress.stop()
