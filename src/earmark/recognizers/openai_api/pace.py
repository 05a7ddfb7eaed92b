"""When the next call may go, for all callers of one endpoint together. Knows no HTTP.

A rate limit is the server's pace and no fault, so it does not use up the retries of an utterance. It is waited out by
all callers, once, and for as long as the server asks; but not for ever: where nothing got through for ``PATIENCE_S``,
it is more than a limit by the minute, and the utterances fail with that reason.
"""

from __future__ import annotations

import random
import threading
import time

from earmark.recognizers.openai_api.faults import HungUpFault, LimitFault

PATIENCE_S = 120.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


def jittered_s(number: int) -> float:
    """A pause before the ``number``-th repetition, from 1: by chance between nothing and a bound that doubles.

    Full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): callers that were refused
    together do not come back together.
    """
    bound = _FIRST_PAUSE_S * 2.0 ** min(number - 1, 16)
    return random.uniform(0.0, min(_LONGEST_PAUSE_S, bound))  # noqa: S311  # chance, not a secret


class Pace:
    """What the server asked for, and since when it has let nobody through. ``hung_up`` ends every wait."""

    def __init__(self, hung_up: threading.Event) -> None:
        self._hung_up = hung_up
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._closed_since: float | None = None

    def wait(self) -> None:
        """Return when a call may go. Raises LimitFault where that is further off than patience reaches, HungUpFault."""
        while (left_s := self._not_before - time.monotonic()) > 0:
            if left_s > PATIENCE_S:
                raise LimitFault(f"the server takes no calls for another {left_s:,.0f} s", left_s)
            self.pause(left_s)
        self.pause(0.0)

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until all calls are to end. Raises HungUpFault then."""
        if self._hung_up.wait(seconds):
            raise HungUpFault

    def passed(self) -> None:
        """A call got through."""
        with self._lock:
            self._closed_since = None

    def limited(self, limit: LimitFault) -> None:
        """A call was refused for the time being. Raises ``limit`` where waiting is hopeless."""
        now, asked_s = time.monotonic(), limit.wait_s or 0.0
        with self._lock:
            self._not_before = max(self._not_before, now + asked_s)
            self._closed_since = now if self._closed_since is None else self._closed_since
            closed_s = now - self._closed_since
        if asked_s > PATIENCE_S:
            raise LimitFault(f"{limit.problem}; it asks to wait {asked_s:,.0f} s", asked_s)
        if closed_s >= PATIENCE_S:
            raise LimitFault(f"{limit.problem}; nothing got through for {closed_s:,.0f} s", limit.wait_s)
