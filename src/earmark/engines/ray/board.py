"""An actor between a driver and the workers of a group: what they told, whether to stop, and what came of it.

Every word is a call of its own, so that neither waits for the other. It dies with its driver.
"""

from __future__ import annotations


class Board:
    """Keeps the events until the driver takes them, and the first outcome for good."""

    def __init__(self) -> None:
        self._events: list[object] = []
        self._outcome: object = None
        self._is_stopped = False

    def tell(self, event: object) -> None:
        """One more event."""
        self._events.append(event)

    def taken(self) -> list[object]:
        """The events since the last call, in the order in which they came."""
        events, self._events = self._events, []
        return events

    def stop(self) -> None:
        """Let the workers end when they can."""
        self._is_stopped = True

    def is_stopped(self) -> bool:
        """Whether they shall."""
        return self._is_stopped

    def end(self, outcome: object) -> None:
        """What rank 0 returned, or an error of any rank. Only the first one counts: the others follow from it."""
        if self._outcome is None:
            self._outcome = outcome

    def outcome(self) -> object:
        """None before the end."""
        return self._outcome
