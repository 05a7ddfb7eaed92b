"""The thread that speaks to a tracker, so that a run never waits for one: not for a slow, a dead or an absent one.

The driver only puts values into a queue with a bound. Each call of the tracker has a deadline. A tracker that raises or
misses one is given up: its thread is left behind (nothing can end a Python thread, and a daemon holds up no exit), and
the driver is told why.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import ParamSpec, TypeVar

from earmark.errors import EarmarkError
from earmark.tracking.base import Point, Result, RunCard, Tracker
from earmark.tracking.refusals import refusal

PATIENCE_S = 5.0
"""How long one call may take while a run goes on, and how long the run's end waits for it."""
LOADING_PATIENCE_S = 30.0
"""The same for importing a tracker's package and making its database, which no server can hold up."""
MOST_WAITING = 4096
"""Points in the queue; with more, the oldest are left out."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _GivenUpError(Exception):
    """The driver no longer listens: the thread ends."""


class Sink:
    """One tracker and its thread. All methods are the driver's; none waits but ``wait``."""

    def __init__(
        self,
        name: str,
        tracker: Tracker,
        card: RunCard,
        keep: Callable[[str], None],
        *,
        patience_s: float | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self.name = name
        self.error: EarmarkError | None = None
        self._tracker = tracker
        self._card = card
        self._keep = keep
        self._patience_s = PATIENCE_S if patience_s is None else patience_s
        self._points: deque[Point] = deque(maxlen=most_waiting)
        self._result: Result | None = None
        self._place: str | None = None
        self._overdue_at: float | None = None  # of the call that goes on
        self._allowed_s = self._patience_s  # likewise
        self._has_ended = False
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name=f"track-{name}", daemon=True).start()

    def offer(self, points: Iterable[Point]) -> None:
        """Send points when there is time for it; and give the tracker up, if its call takes too long."""
        with self._changed:
            if not self._has_ended:
                self._points.extend(points)
                self._give_up_if_overdue()
                self._changed.notify_all()

    def finish(self, result: Result) -> None:
        """Send the end of the run, after all points."""
        with self._changed:
            self._result = result
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until all is sent or the tracker is given up: each call of it until its own deadline, and no longer."""
        with self._changed:
            while not self._has_ended:
                left_s = self._patience_s if self._overdue_at is None else self._overdue_at - time.monotonic()
                self._changed.wait(max(0.0, left_s))
                self._give_up_if_overdue()

    @property
    def place(self) -> str | None:
        """Where a person finds the run; None where it did not begin, or there is nothing to open."""
        with self._changed:
            return self._place

    def _give_up_if_overdue(self) -> None:
        if self._overdue_at is not None and time.monotonic() >= self._overdue_at and not self._has_ended:
            self._end(EarmarkError(f"{self.name} did not answer in {self._allowed_s:g} s"))

    def _end(self, error: EarmarkError | None) -> None:
        self.error = error
        self._has_ended = True
        self._points.clear()
        self._changed.notify_all()

    def _work(self) -> None:
        problem: EarmarkError | None = EarmarkError(f"{self.name} ended its thread")
        try:
            self._speak()
            problem = None
        except _GivenUpError:
            return
        except EarmarkError as error:
            problem = error
        except Exception as error:  # noqa: BLE001  # a tracker's package may raise anything, and no run fails of it
            problem = refusal(self.name, error)
        finally:
            with self._changed:
                if not self._has_ended:
                    self._end(problem)

    def _speak(self) -> None:
        self._call(LOADING_PATIENCE_S, self._tracker.load)
        self._call(self._patience_s, self._keep, self._call(self._patience_s, self._tracker.begin, self._card))
        with self._changed:
            self._place = self._tracker.place
        while True:
            points, result = self._next()
            if points:
                self._call(self._patience_s, self._tracker.log, points)
            if result is not None:
                self._call(self._patience_s, self._tracker.finish, result)
                return

    def _next(self) -> tuple[Sequence[Point], Result | None]:
        """All points that wait, and the result if it is there: then no point comes after them."""
        with self._changed:
            while not self._points and self._result is None and not self._has_ended:
                self._changed.wait()
            points = list(self._points)
            self._points.clear()
            return points, self._result

    def _call(self, patience_s: float, call: Callable[_P, _R], *arguments: _P.args, **named: _P.kwargs) -> _R:
        with self._changed:
            if self._has_ended:
                raise _GivenUpError
            self._allowed_s = patience_s
            self._overdue_at = time.monotonic() + patience_s
            self._changed.notify_all()
        answer = call(*arguments, **named)
        with self._changed:
            self._overdue_at = None
            if self._has_ended:
                raise _GivenUpError
        return answer
