"""The recognizer behind an API: order, what is sent, answers that are none, options."""

from __future__ import annotations

import gzip
import io
import threading

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from earmark.errors import UsageError
from earmark.recognizers.openai_api import OpenAI, exchange
from earmark.recognizers.openai_api.calls import flac_of
from earmark.records import Hypothesis, Waveform
from tests.recognizers.asking import (
    TONE_WAVEFORMS,
    answers,
    drip,
    drip_headers,
    endless,
    hang_up,
    hold,
    recognizer,
    refused,
    said,
)
from tests.recognizers.transcribing import PATIENCE_S, Call, Handler, Trick

pytestmark = pytest.mark.usefixtures("at_once")


def test_each_text_is_that_of_its_own_sound_whoever_is_answered_first(server):
    """The first call is answered last, after all the others."""
    num_others = threading.Semaphore(0)

    def last(handler: Handler, call: Call, number: int) -> bool:
        if len(call.samples) == 4_000:
            for _ in TONE_WAVEFORMS[1:]:
                assert num_others.acquire(timeout=PATIENCE_S)
        handler.honest(call)
        num_others.release()
        return True

    server.trick = last
    with recognizer(server) as one:
        assert one.transcribe(TONE_WAVEFORMS) == [said(waveform) for waveform in TONE_WAVEFORMS]
    assert len({said(waveform).text for waveform in TONE_WAVEFORMS}) == len(TONE_WAVEFORMS)


def test_so_many_calls_are_out_at_a_time_and_no_more(server):
    """Three meet in the server, again and again, and never four."""
    meeting = threading.Barrier(3)

    def meet(handler: Handler, call: Call, number: int) -> bool:
        meeting.wait(PATIENCE_S)
        return False

    server.trick = meet
    with recognizer(server, concurrency=3) as one:
        assert one.transcribe(TONE_WAVEFORMS[:3] * 4) == [said(waveform) for waveform in TONE_WAVEFORMS[:3]] * 4
    assert server.most_at_once == 3


@given(arrays(np.int16, st.integers(1, 200)))
def test_samples_of_16_bits_are_sent_as_they_are(integers):
    """The file decodes to the very samples, also to the largest and the least."""
    sent, rate_hz = soundfile.read(io.BytesIO(flac_of((integers / 32_768).astype(np.float32))), dtype="int16")
    assert rate_hz == 16_000
    assert np.array_equal(sent, integers)


@given(arrays(np.float32, st.integers(1, 200), elements=st.floats(-1.5, 1.5, width=32)))
def test_other_samples_are_sent_as_the_nearest_of_16_bits(samples):
    """Half a step off at most, and cut at full scale."""
    data = flac_of(samples)
    assert soundfile.info(io.BytesIO(data)).subtype == "PCM_16"
    sent, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    assert np.max(np.abs(sent - np.clip(samples, -1.0, 1.0 - 2.0**-15))) <= 2.0**-16


def test_what_is_asked_is_sent_and_nothing_that_the_id_says(server):
    """The options as fields of the form; a file name of our own; no field that is not set."""
    with recognizer(server, language="en", prompt="two\nlines: ä", temperature=0.25) as one:
        one.transcribe([TONE_WAVEFORMS[0]])
    with recognizer(server, response_format="verbose_json") as one:
        one.transcribe([TONE_WAVEFORMS[0]])
    asked = {"model": "tone", "temperature": "0.25", "response_format": "json"}
    assert server.calls[0].fields == {**asked, "language": "en", "prompt": "two\nlines: ä"}
    assert server.calls[1].fields == {**asked, "temperature": "0", "response_format": "verbose_json"}
    assert server.calls[0].file_name == "audio.flac"
    assert "authorization" not in server.calls[0].headers
    assert np.array_equal(server.calls[0].samples, np.rint(TONE_WAVEFORMS[0].samples * 32_768))


def test_no_samples_are_not_sent_and_have_no_text(server):
    """Nothing was asked, so nothing was answered."""
    assert refused(server, Waveform("none", np.zeros(0, np.float32))) == "there are no samples to send"
    assert not server.calls


TEXT = b'{"text": "hello"}'
LIES: dict[str, tuple[Trick, str]] = {
    "HTML": (answers(200, b"<html>busy</html>", Content_Type="text/html"), "it says that it is text/html"),
    "nothing": (answers(200, b""), "it is empty"),
    "not JSON": (answers(200, b'{"text": "hel'), "not a JSON object"),
    "a plain text": (answers(200, b"hello", Content_Type="text/plain"), "not a JSON object: it says that it is text/p"),
    "not UTF-8": (answers(200, b'{"text": "\xff"}'), "not a JSON object"),
    "a list": (answers(200, ["hello"]), "not a JSON object"),
    "brackets without end": (answers(200, b"[" * 100_000), "not a JSON object"),
    "no text": (answers(200, {"texts": "hello"}), "holds no text"),
    "null": (answers(200, {"text": None}), "holds no text"),
    "a number": (answers(200, {"text": 1}), "holds no text"),
    "an error as a success": (answers(200, {"error": {"message": "model is asleep"}}), "no text: model is asleep"),
    "compressed": (answers(200, gzip.compress(TEXT), Content_Encoding="gzip"), "compressed"),
    "a length too small": (answers(200, TEXT, Content_Length="8"), "not a JSON object"),
    "a length too large": (answers(200, TEXT, Content_Length="100"), "the answer broke off"),
    "no HTTP": (lambda handler, call, number: bool(handler.wfile.write(b"hello\r\n\r\n")), "the answer broke off"),
    "no answer": (hang_up, "the answer broke off"),
    "no content": (answers(204, b""), "answered 204 No Content"),
    "no end": (endless, "longer than 1 MiB"),
}


@pytest.mark.parametrize("name", LIES)
def test_an_answer_that_is_none_fails_the_utterance_with_its_reason(server, monkeypatch, name):
    """And is never an empty text, nor half a one."""
    monkeypatch.setattr(exchange, "MAX_ANSWER_BYTES", 1 << 20)
    server.trick, reason = LIES[name]
    assert reason in refused(server)


@pytest.mark.parametrize("trick", [hold, drip, drip_headers], ids=["silent", "dripping", "dripping headers"])
def test_a_call_has_one_deadline_however_its_bytes_come(server, trick):
    """A socket's own timeout would begin anew with every byte."""
    server.trick = trick
    assert refused(server, timeout_s=0.3) == "the server gave no whole answer within 0.3 s"


def test_an_empty_text_of_the_server_is_an_answer(server):
    """It heard silence."""
    server.trick = answers(200, {"text": ""})
    with recognizer(server) as one:
        assert one.transcribe([TONE_WAVEFORMS[0]]) == [Hypothesis("")]


def test_what_a_server_says_is_one_printable_line(server):
    """It goes to screens and tables."""
    server.trick = lambda handler, call, number: handler.error(400, "a\x1b[2J\nb\u202ec" + "d" * 1_000)
    reason = refused(server)
    assert reason.startswith("the server answered 400 Bad Request: a [2J b c")
    assert reason.isprintable()
    assert len(reason) < 400


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "too short"}}, ": too short"),
        ({"error": "too short"}, ": too short"),
        ({"detail": [{"loc": ["file"], "msg": "bad"}]}, ': [{"loc": ["file"], "msg": "bad"}]'),
        ({"message": "too short"}, ": too short"),
        ({"error": {"message": None}}, ""),
        (b"<html>", ""),
    ],
)
def test_the_message_of_an_error_is_found_where_servers_put_it(server, body, message):
    """OpenAI, FastAPI and others; of what is no JSON nothing."""
    server.trick = answers(400, body)
    assert refused(server) == f"the server answered 400 Bad Request{message}"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "needs the name of a model"),
        ({"model": 1}, "model is a text"),
        ({"model": "m", "prompt": "\udcff"}, "prompt is no text"),
        ({"model": "m", "url": 8000}, "url is a text"),
        ({"model": "m", "response_format": "text"}, "json or verbose_json"),
        ({"model": "m", "temperature": -0.1}, "temperature is at least 0"),
        ({"model": "m", "temperature": float("nan")}, "temperature is at least 0"),
        ({"model": "m", "concurrency": 0}, "concurrency is at least 1"),
        ({"model": "m", "retries": -1}, "retries is at least 0"),
        ({"model": "m", "timeout_s": 0.0}, "timeout_s is a number of seconds above 0"),
        ({"model": "m", "max_audio_s": float("inf")}, "max_audio_s is a number of seconds above 0"),
        *(
            ({"model": "m", "url": url}, "url names no endpoint")
            for url in (
                "",
                "localhost:8000/v1",
                "ftp://host/v1",
                "http:///v1",
                "http://host:port/v1",
                "https://me:hunter2@host/v1",
                "https://host/v1?key=hunter2",
                "https://host/v1#hunter2",
                "https://host/v 1\x1b",
                "https://[::1/v1",
                f"https://{'a' * 64}.org/v1",
            )
        ),
    ],
)
def test_options_that_cannot_be_are_bad_usage(options, problem):
    """Said before anything is sent, and without a secret that stands in a URL."""
    with pytest.raises(UsageError, match=problem) as error:
        OpenAI(**options)
    assert "hunter2" not in str(vars(error.value))
    assert error.value.__cause__ is None or "hunter2" not in str(error.value.__cause__)


def test_the_identity_is_what_is_asked_of_whom():
    """Not how fast, nor how the URL is spelt; and nothing that is not sent."""
    one = OpenAI(model="m", url="https://Host.example:443/v1/")
    assert one.spec == OpenAI(model="m", url="https://host.example/v1", concurrency=1, timeout_s=1, retries=0).spec
    assert one.spec.options["url"] == "https://host.example/v1"
    assert one.spec.batching == "any"
    others = [{"model": "n"}, {"url": "https://host.example/v2"}, {"url": "http://host.example/v1"}, {"prompt": "p"}]
    others += [{"language": "en"}, {"temperature": 0.5}, {"response_format": "verbose_json"}, {"max_audio_s": 30.0}]
    for changes in others:
        assert OpenAI(**{"model": "m", "url": "https://host.example/v1", **changes}).spec != one.spec
