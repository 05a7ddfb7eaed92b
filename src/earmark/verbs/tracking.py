"""A run that trackers follow while it goes on: an observer beside the caller's, which hears everything first.

Only the driver has one, so whatever the engine, one process speaks. What a tracker does, or fails to do, is the run's
neither success nor failure: it is told once, with the line that sends the run again.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from earmark.errors import EarmarkError, InterruptedRunError, UnknownNameError
from earmark.spec import RunSpec
from earmark.store.run import RunStore
from earmark.tracking import TRACKERS
from earmark.tracking.base import Outcome, Point
from earmark.tracking.facts import card_of, result_of
from earmark.verbs.curve import curve_point
from earmark.verbs.events import Event, Observer, RunBegan, RunProgressed
from earmark.verbs.sinks import Sinks


def check_trackers(names: Sequence[str]) -> tuple[str, ...]:
    """Each name once. Raises UnknownNameError. A missing package is found out later, and is no error of the run."""
    known = TRACKERS.entries()
    for name in names:
        if name not in known:
            raise UnknownNameError("tracker", name, known)
    return tuple(dict.fromkeys(names))


@contextmanager
def tracked(store: RunStore, names: Sequence[str], observer: Observer, *, texts: bool) -> Iterator[Observer]:
    """Within the block the run in ``store`` is tracked by what it tells the observer that this gives.

    The end of the block is the end of the run. It waits for each tracker no longer than its deadline allows.
    """
    if not names:
        yield observer
        return
    following = _Following(store, check_trackers(names), observer, texts=texts)
    outcome: Outcome = "failed"
    try:
        yield following
        outcome = "finished"
    except InterruptedRunError:
        outcome = "interrupted"
        raise
    finally:
        following.end(outcome)


class _Following:
    def __init__(self, store: RunStore, names: Sequence[str], observer: Observer, *, texts: bool) -> None:
        self._store, self._observer, self._texts = store, observer, texts
        self._sinks = Sinks(names, store, observer, self._advice)

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunBegan):
            self._sinks.begin(lambda name: card_of(self._store, self._spec(), name))
        elif isinstance(event, RunProgressed):
            step, unix_ms, numbers = curve_point(event)
            self._sinks.offer(Point(step=step, unix_ms=unix_ms, numbers=numbers))
        self._observer(event)

    def end(self, outcome: Outcome) -> None:
        """Send what the run came to."""
        self._sinks.end(lambda: result_of(self._store, self._spec(), outcome, texts=self._texts))

    def _spec(self) -> RunSpec:
        spec = self._store.spec()
        assert spec is not None, "a run that began has a spec"  # noqa: S101  # a programmer's error
        return spec

    def _advice(self, name: str, error: EarmarkError) -> str:
        again = f"earmark track {shlex.quote(self._store.url)} --to {name}{' --track-texts' if self._texts else ''}"
        first = f"{error.hint}; then: " if error.hint else ""
        return f"the run goes on without it; to send it later: {first}{again}"
