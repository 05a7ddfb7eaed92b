"""The first signal asks, the second ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from earmark.verbs.interrupt import StopRequest, stop_on_signals

SIGNALS = [signal.SIGINT, signal.SIGTERM]

STUBBORN = """
import sys, time
from earmark.verbs.interrupt import StopRequest, stop_on_signals
with stop_on_signals(StopRequest(lambda: print("asked", flush=True))):
    print("ready", flush=True)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(0.01)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_and_nothing_is_raised(number):
    """The work learns of it when it looks; outside the block the signals mean what they did."""
    before = [signal.getsignal(each) for each in SIGNALS]
    request = StopRequest()
    with stop_on_signals(request):
        assert not request()
        os.kill(os.getpid(), number)
        assert request()
        assert [signal.getsignal(each) for each in SIGNALS] == [signal.SIG_DFL] * 2
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_the_signals_are_given_back_after_an_error():
    """However the block ends."""
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(LookupError), stop_on_signals(StopRequest()):
        raise LookupError
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_a_signal_that_comes_while_the_main_thread_holds_what_telling_needs_waits_for_it():
    """Such as the lock of a stream that is just printed to: the handler returns, and the telling comes after."""
    stream, told = threading.Lock(), threading.Event()

    def tell() -> None:
        with stream:
            told.set()

    with stop_on_signals(StopRequest(tell)):
        with stream:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not told.is_set()
        assert told.wait(30)


def test_asking_twice_tells_once():
    """The user is told when it counts."""
    told = []
    request = StopRequest(lambda: told.append("asked"))
    request.ask()
    request.ask()
    assert told == ["asked"]


def test_another_thread_takes_no_signals():
    """Python gives them to the main thread only: there the block does nothing."""
    before = [signal.getsignal(each) for each in SIGNALS]
    seen = []

    def run() -> None:
        with stop_on_signals(StopRequest()):
            seen.extend(signal.getsignal(each) for each in SIGNALS)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == before


@pytest.mark.parametrize("second", SIGNALS)
def test_the_second_signal_ends_the_process_at_once(second):
    """Also one of the other kind, and also when the work never looks."""
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "asked\n"
            process.send_signal(second)
            assert process.wait(20) == -second
        finally:
            process.kill()
