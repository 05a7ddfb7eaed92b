"""The trackers that something goes to while it goes on, and what is said of them: their failures are not its own.

Knows neither runs nor trainings: whoever has one says what is sent, and what is advised where a tracker fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from earmark.errors import EarmarkError
from earmark.store.run import RunStore
from earmark.tracking import TRACKERS
from earmark.tracking.base import Point, Result, RunCard
from earmark.tracking.kept import keep_id
from earmark.tracking.sink import Sink
from earmark.verbs.events import Tracked, Warned


class Sinks:
    """Those of these names. ``store`` keeps their ids; ``say`` hears where it can be found, and each problem once."""

    def __init__(
        self,
        names: Sequence[str],
        store: RunStore,
        say: Callable[[Tracked | Warned], None],
        advice: Callable[[str, EarmarkError], str],
    ) -> None:
        self._names, self._store, self._say, self._advice = names, store, say, advice
        self._sinks: list[Sink] = []
        self._told: set[str] = set()

    def begin(self, card: Callable[[str], RunCard]) -> None:
        """Tell each who it is; a second call does nothing."""
        for name in () if self._sinks or self._told else self._names:
            try:
                tracker, told = TRACKERS.load(name)(), card(name)
            except EarmarkError as error:
                self._warn(name, error)
            else:
                self._sinks.append(Sink(name, tracker, told, partial(keep_id, self._store, name)))

    def offer(self, point: Point) -> None:
        """Send it when there is time for it."""
        for sink in self._sinks:
            sink.offer([point])
        self._tell_problems()

    def end(self, result: Callable[[], Result]) -> None:
        """Send what came of it, and wait for the trackers as long as they may take.

        Where that cannot be read it is a failure without numbers, which closes the trackers' runs.
        """
        waiting = [sink for sink in self._sinks if sink.error is None]
        if waiting:
            found = self._result(waiting, result)
            for sink in waiting:
                sink.finish(found)
            for sink in waiting:
                sink.wait()
        self._tell_problems()
        for sink in waiting:
            if sink.name not in self._told:
                self._say(Tracked(tracker=sink.name, place=sink.place))

    def _result(self, waiting: Sequence[Sink], result: Callable[[], Result]) -> Result:
        """The run's own numbers are safe where there are none here, or it says so itself."""
        try:
            return result()
        except EarmarkError as error:
            for sink in waiting:
                self._warn(sink.name, error)
            return Result(outcome="failed", numbers={}, facts={}, tables=())

    def _tell_problems(self) -> None:
        for sink in self._sinks:
            if sink.error is not None:
                self._warn(sink.name, sink.error)

    def _warn(self, name: str, error: EarmarkError) -> None:
        if name not in self._told:
            self._told.add(name)
            what = error.what if error.cause is None else f"{error.what}: {error.cause}"
            self._say(Warned(sentence=f"{what}\n{self._advice(name, error)}"))
