"""Stopping a run politely: the first Ctrl-C or SIGTERM asks, the second one ends the process at once."""

from __future__ import annotations

import _thread
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether somebody asked to stop. Call it to know."""

    def __init__(self, on_request: Callable[[], None] | None = None) -> None:
        self._asked = threading.Event()
        self._on_request = on_request

    def __call__(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        """Finish the batch, commit, and return."""
        if self._is_first() and self._on_request is not None:
            self._on_request()

    def ask_by_signal(self) -> None:
        """Ask from a signal's handler: the main thread may just be printing, and whoever is told may print, too."""
        if self._is_first() and self._on_request is not None:
            _thread.start_new_thread(self._on_request, ())  # a bare thread takes no lock to start

    def _is_first(self) -> bool:
        is_first = not self._asked.is_set()
        self._asked.set()
        return is_first


@contextlib.contextmanager
def stop_on_signals(request: StopRequest) -> Iterator[None]:
    """Within the block a first signal asks ``request`` to stop, and gives the signals back their deadly meaning.

    Does nothing outside the main thread, where Python takes no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def ask(number: int, frame: FrameType | None) -> None:
        del number, frame
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        request.ask_by_signal()

    for number in _SIGNALS:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
