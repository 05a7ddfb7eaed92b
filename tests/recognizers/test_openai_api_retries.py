"""What is asked again, what is waited for, and what is not: faults that may pass, refusals, rate limits."""

from __future__ import annotations

import threading
from email.utils import formatdate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import RecognizerError
from earmark.recognizers.openai_api import pace
from earmark.recognizers.openai_api.faults import HungUpFault, LimitFault
from earmark.recognizers.openai_api.pace import Pace, jittered_s
from earmark.records import Waveform
from tests.recognizers.asking import (
    TONE_WAVEFORMS,
    answers,
    failing,
    hang_up,
    hold,
    recognizer,
    refused,
    said,
)
from tests.recognizers.transcribing import PATIENCE_S, Call, Handler

pytestmark = pytest.mark.usefixtures("at_once")

TRANSIENT = {str(status): answers(status, {}) for status in (408, 409, 425, 500, 502, 503, 504, 529)}
TRANSIENT |= {"hung up": hang_up, "cut": answers(200, b'{"text": "hello"}', Content_Length="100")}


@pytest.mark.parametrize("name", TRANSIENT)
def test_what_may_pass_is_tried_again_with_the_same_bytes(server, name):
    """Twice it fails, the third time there is a text."""
    server.trick = failing(2, TRANSIENT[name])
    with recognizer(server, retries=2) as one:
        assert one.transcribe([TONE_WAVEFORMS[0]]) == [said(TONE_WAVEFORMS[0])]
    assert len(server.calls) == 3
    assert len({call.file for call in server.calls}) == 1


def test_what_does_not_pass_fails_after_so_many_times(server):
    """The reason says how often."""
    server.trick = answers(500, {"detail": "out of order"})
    reason = refused(server, retries=2)
    assert reason == "the server answered 500 Internal Server Error: out of order (3 times)"
    assert len(server.calls) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 422, 501])
def test_what_another_call_would_not_change_is_not_tried_again(server, status):
    """One call, one reason."""
    server.trick = answers(status, {})
    assert f"the server answered {status}" in refused(server, retries=5)
    assert len(server.calls) == 1


def test_a_server_that_refuses_a_body_before_it_has_read_it_is_heard(server):
    """Its 413 is the reason, not that the road to it was closed."""
    server.is_impatient = True
    noise = np.random.default_rng(0).uniform(-1, 1, 4_000_000).astype(np.float32)  # more than sockets buffer
    assert refused(server, Waveform("long", noise)).startswith("the server answered 413 ")


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405])
def test_a_server_that_wants_nobody_is_not_asked_for_each_utterance(server, status):
    """Before anything was heard from it; a million calls would be refused one by one."""
    server.trick = answers(status, {"error": {"message": "no"}})
    with recognizer(server, concurrency=1) as one:
        for _ in range(3):
            with pytest.raises(RecognizerError, match=f"answered {status}"):
                one.transcribe(TONE_WAVEFORMS)
    assert len(server.calls) == 1


def test_a_refusal_after_a_text_is_that_utterance_s_own(server):
    """It may be one machine of many behind a name."""
    server.trick = lambda handler, call, number: number == 2 and handler.error(404, "gone")
    with recognizer(server, concurrency=1) as one:
        one.transcribe(TONE_WAVEFORMS[:1])
        with pytest.raises(RecognizerError, match="gone"):
            one.transcribe(TONE_WAVEFORMS[1:2])
        assert one.transcribe(TONE_WAVEFORMS[2:3]) == [said(TONE_WAVEFORMS[2])]


def test_of_a_batch_that_failed_nothing_is_asked_twice(server):
    """The worker asks for its halves, down to the one that fails: the others were heard, and are not paid for again."""
    bad = TONE_WAVEFORMS[1]
    server.trick = lambda handler, call, number: len(call.samples) == len(bad.samples) and handler.error(400, "no")
    with recognizer(server) as one:
        for piece in (TONE_WAVEFORMS, TONE_WAVEFORMS[:2], [bad]):
            with pytest.raises(RecognizerError, match="400 Bad Request: no"):
                one.transcribe(piece)
        for piece in (TONE_WAVEFORMS[2:], TONE_WAVEFORMS[:1]):
            assert one.transcribe(piece) == [said(waveform) for waveform in piece]
        assert len(server.calls) == len(TONE_WAVEFORMS)
        with pytest.raises(RecognizerError, match="400 Bad Request: no"):
            one.transcribe([bad])
        assert len(server.calls) == len(TONE_WAVEFORMS) + 1, "asked again, it is called again"


def test_what_was_heard_is_not_kept(server):
    """The same question is a new call where nothing failed."""
    with recognizer(server) as one:
        one.transcribe(TONE_WAVEFORMS[:2])
        one.transcribe(TONE_WAVEFORMS[:1])
    assert len(server.calls) == 3


def test_a_rate_limit_is_waited_out_and_is_no_fault(server):
    """It comes more often than there are retries, in seconds or as a date."""
    limits = [{"Retry_After": "0"}, {"Retry_After": formatdate(0, usegmt=True)}, {"Retry_After": "soon"}, {}]
    server.trick = lambda handler, call, number: (
        number <= len(limits) and handler.error(429, "slower", **limits[number - 1])
    )
    with recognizer(server, retries=0) as one:
        assert one.transcribe([TONE_WAVEFORMS[0]]) == [said(TONE_WAVEFORMS[0])]
    assert len(server.calls) == len(limits) + 1


def test_a_server_in_repair_that_says_for_how_long_is_waited_for(server):
    """A 503 with Retry-After is a limit."""
    server.trick = failing(2, answers(503, {}, Retry_After="0"))
    with recognizer(server, retries=0) as one:
        assert one.transcribe([TONE_WAVEFORMS[0]]) == [said(TONE_WAVEFORMS[0])]


def test_a_limit_that_does_not_end_fails_with_that_reason(server, monkeypatch):
    """Here patience is short."""
    monkeypatch.setattr(pace, "PATIENCE_S", 0.0)
    server.trick = answers(429, {"error": {"message": "slower"}})
    assert refused(server) == "the server answered 429 Too Many Requests: slower; nothing got through for 0 s"


def test_who_asks_for_an_hour_is_not_waited_for_nor_asked_again(server):
    """A quota of the day: the utterances fail at once, for --retry-failed."""
    server.trick = answers(429, {}, Retry_After="3600")
    with recognizer(server) as one:
        with pytest.raises(RecognizerError, match="asks to wait 3,600 s"):
            one.transcribe(TONE_WAVEFORMS[:1])
        with pytest.raises(RecognizerError, match=r"takes no calls for another 3,\d{3} s"):
            one.transcribe(TONE_WAVEFORMS[1:2])
    assert len(server.calls) == 1


def test_a_quota_that_is_used_up_is_no_rate_limit(server):
    """OpenAI says both with 429."""
    server.trick = lambda handler, call, number: handler.error(429, "pay first", "insufficient_quota")
    assert "pay first" in refused(server)
    assert len(server.calls) == 1


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.waited: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.now += seconds
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(pace, "time", one)
    return one


def test_everybody_waits_as_long_as_the_server_asks_and_not_longer(clock):
    """The longest of what it asked for."""
    shared = Pace(clock)  # type: ignore[arg-type]  # it waits as an event does
    for asked_s in (20.0, 5.0, None):
        shared.limited(LimitFault("slower", asked_s))
    shared.wait()
    assert clock.waited == [20.0, 0.0]
    shared.wait()
    assert clock.waited == [20.0, 0.0, 0.0]


def test_patience_ends_for_all_and_begins_again_with_the_first_call_that_passes(clock):
    """Two minutes without any call that got through."""
    shared = Pace(clock)  # type: ignore[arg-type]
    limit = LimitFault("slower", 59.0)
    for _ in range(3):
        shared.limited(limit)
        shared.wait()
    shared.pause(3.0)
    with pytest.raises(LimitFault, match="slower; nothing got through for 180 s"):
        shared.limited(limit)
    shared.passed()
    shared.limited(limit)
    shared.wait()


def test_waiting_ends_when_all_calls_are_to_end():
    """As after a Ctrl-C."""
    hung_up = threading.Event()
    shared = Pace(hung_up)
    shared.limited(LimitFault("slower", 100.0))
    hung_up.set()
    with pytest.raises(HungUpFault):
        shared.wait()


@given(st.integers(1, 10_000))
def test_a_pause_is_chance_between_nothing_and_a_bound(number):
    """Which doubles, up to half a minute; the same callers do not meet again."""
    bound = min(30.0, 0.5 * 2.0 ** min(number - 1, 16))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "_FIRST_PAUSE_S", 0.5)
        found = [jittered_s(number) for _ in range(50)]
    assert all(0.0 <= one <= bound for one in found)
    assert max(found) - min(found) > bound / 4


def test_leaving_it_between_two_calls_of_a_batch_is_said_as_well(server):
    """The threads may have ended before the last call of the batch is given to them."""
    one = recognizer(server, concurrency=2).__enter__()
    one._threads.shutdown()
    with pytest.raises(RecognizerError, match="left before the server answered"):
        one.transcribe(TONE_WAVEFORMS[:2])
    one.__exit__(None, None, None)


@pytest.mark.parametrize("trick", [hold, answers(429, {}, Retry_After="100")], ids=["held", "limited"])
def test_leaving_it_ends_what_is_under_way(server, trick):
    """Calls that the server holds, and calls that wait for its limit to pass."""
    arrived = threading.Semaphore(0)

    def arrive(handler: Handler, call: Call, number: int) -> bool:
        arrived.release()
        return trick(handler, call, number)

    server.trick = arrive
    reasons: list[str] = []
    one = recognizer(server, concurrency=2).__enter__()

    def ask() -> None:
        try:
            one.transcribe(TONE_WAVEFORMS[:2])
        except RecognizerError as error:
            reasons.append(error.what)

    asking = threading.Thread(target=ask)
    asking.start()
    assert arrived.acquire(timeout=PATIENCE_S)
    one.__exit__(None, None, None)
    asking.join(PATIENCE_S)
    assert reasons == ["the recognizer was left before the server answered"]
