"""How an attempt went on, thinned out as it grows: kept with the attempt, so that a tracker can be told of it later."""

from __future__ import annotations

from dataclasses import dataclass, field

from earmark.verbs.events import RunProgressed

MOST_POINTS = 256
"""With more, every other one is dropped; the last one stays."""

CurvePoint = tuple[int, int, dict[str, float]]
"""Utterances done, milliseconds since 1970, and the numbers by name."""


@dataclass
class Curve:
    """Takes what an attempt tells while it goes on."""

    _points: list[CurvePoint] = field(default_factory=list)
    _last: CurvePoint | None = None
    _num_taken: int = 0
    _every: int = 1

    def take(self, event: RunProgressed) -> None:
        """Keep the event's numbers, or not: every second one, fourth one and so on, as there are more."""
        self._last = curve_point(event)
        if self._num_taken % self._every == 0:
            self._points.append(self._last)
        self._num_taken += 1
        if len(self._points) > MOST_POINTS:
            self._points = self._points[::2]
            self._every *= 2

    def points(self) -> tuple[CurvePoint, ...]:
        """What is kept, in the order in which it came."""
        if self._last is None or self._points[-1] is self._last:
            return tuple(self._points)
        return (*self._points, self._last)


def curve_point(event: RunProgressed) -> CurvePoint:
    """The numbers of an event that are followed over time: errors and speed of the attempt so far, and failures."""
    numbers = {"live/num_failed": float(event.num_failed)}
    if event.wer is not None:
        numbers["live/wer"] = event.wer
    if event.elapsed_s > 0:
        numbers["live/rtfx_wall"] = event.audio_s / event.elapsed_s
    return event.num_utterances_done, event.unix_ms, numbers
