"""A run that trackers follow while it goes on: an observer beside the caller's, which hears everything first.

Only the driver has one, so whatever the engine, one process speaks. What a tracker does, or fails to do, is the run's
neither success nor failure: it is told once, with the line that sends the run again.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from earmark.errors import EarmarkError, InterruptedRunError, UnknownNameError
from earmark.spec import RunSpec
from earmark.store.run import RunStore
from earmark.tracking import TRACKERS
from earmark.tracking.base import Outcome, Point, Result
from earmark.tracking.facts import card_of, result_of
from earmark.tracking.kept import keep_id
from earmark.tracking.sink import Sink
from earmark.verbs.curve import curve_point
from earmark.verbs.events import Event, Observer, RunBegan, RunProgressed, Tracked, Warned


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
        self._store = store
        self._names = names
        self._observer = observer
        self._texts = texts
        self._sinks: list[Sink] = []
        self._told: set[str] = set()

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunBegan):
            self._begin()
        elif isinstance(event, RunProgressed):
            self._progress(event)
        self._observer(event)

    def end(self, outcome: Outcome) -> None:
        """Send what the run came to, and wait for the trackers as long as they may take."""
        waiting = [sink for sink in self._sinks if sink.error is None]
        if waiting:
            result = self._result(waiting, outcome)
            for sink in waiting:
                sink.finish(result)
            for sink in waiting:
                sink.wait()
        self._tell_problems()
        for sink in waiting:
            if sink.name not in self._told:
                self._observer(Tracked(tracker=sink.name, place=sink.place))

    def _result(self, waiting: Sequence[Sink], outcome: Outcome) -> Result:
        """What the run came to; where that cannot be read, a failure without numbers, which closes the trackers' runs.

        The run's own numbers are safe then, or it says so itself.
        """
        try:
            return result_of(self._store, self._spec(), outcome, texts=self._texts)
        except EarmarkError as error:
            for sink in waiting:
                self._warn(sink.name, error)
            return Result(outcome="failed", numbers={}, facts={}, tables=())

    def _spec(self) -> RunSpec:
        spec = self._store.spec()
        assert spec is not None, "a run that began has a spec"  # noqa: S101  # a programmer's error
        return spec

    def _begin(self) -> None:
        for name in self._names:
            try:
                tracker = TRACKERS.load(name)()
                card = card_of(self._store, self._spec(), name)
            except EarmarkError as error:
                self._warn(name, error)
            else:
                self._sinks.append(Sink(name, tracker, card, partial(keep_id, self._store, name)))

    def _progress(self, event: RunProgressed) -> None:
        step, unix_ms, numbers = curve_point(event)
        for sink in self._sinks:
            sink.offer([Point(step=step, unix_ms=unix_ms, numbers=numbers)])
        self._tell_problems()

    def _tell_problems(self) -> None:
        for sink in self._sinks:
            if sink.error is not None:
                self._warn(sink.name, sink.error)

    def _warn(self, name: str, error: EarmarkError) -> None:
        if name in self._told:
            return
        self._told.add(name)
        what = error.what if error.cause is None else f"{error.what}: {error.cause}"
        again = f"earmark track {shlex.quote(self._store.url)} --to {name}{' --track-texts' if self._texts else ''}"
        first = f"{error.hint}; then: " if error.hint else ""
        self._observer(Warned(sentence=f"{what}\nthe run goes on without it; to send it later: {first}{again}"))
