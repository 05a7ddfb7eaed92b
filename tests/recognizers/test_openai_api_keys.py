"""Where the calls go, and who gets to see the key."""

from __future__ import annotations

import pickle
import threading

import pytest

from earmark.errors import RecognizerError, UsageError
from earmark.recognizers.openai_api import OpenAI
from earmark.recognizers.openai_api.endpoint import Endpoint
from tests.fetching.test_https import certificate  # noqa: F401  # a fixture
from tests.recognizers.asking import (
    KEY,
    TONE_WAVEFORMS,
    drip,
    recognizer,
    refused,
    said,
)
from tests.recognizers.transcribing import transcribing

pytestmark = pytest.mark.usefixtures("at_once")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server, monkeypatch, status):
    """The key and the audio stay with the server that was named; also where the list of models is."""
    monkeypatch.setenv("EARMARK_API_KEY", KEY)
    with transcribing() as other:
        server.trick = lambda handler, call, number: handler.answer(
            status, {}, Location=f"{other.url}/audio/transcriptions?token=secret"
        )
        reason = refused(server)
        assert f"redirects to {other.url}/audio/transcriptions?..." in reason
        assert len(server.calls) == 1
        server.models_trick = lambda handler: handler.answer(status, {}, Location=f"{other.url}/models")
        with pytest.raises(RecognizerError, match="cannot be used") as error:
            recognizer(server).__enter__()
        assert "not followed" in (error.value.cause or "")
        assert not other.asked


def test_a_server_that_wants_a_key_gets_it_in_its_header_only(monkeypatch):
    """From the environment."""
    monkeypatch.setenv("EARMARK_API_KEY", f" {KEY}\n")  # as `export KEY=$(cat file)` may leave it
    with transcribing(key=KEY) as server, recognizer(server) as one:
        assert one.transcribe(TONE_WAVEFORMS) == [said(waveform) for waveform in TONE_WAVEFORMS]
        assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"
        rest = str([(call.fields, call.file_name, server.asked) for call in server.calls])
        assert KEY not in rest
        assert KEY not in repr(one.spec) + repr(vars(one)) + repr(one)


@pytest.mark.parametrize("given_key", [None, "sk-wrong-0123456789"])
def test_a_server_that_does_not_take_the_key_ends_the_run_at_its_start(monkeypatch, given_key):
    """With one error that says what to type, and never the key, though the server repeats it."""
    if given_key:
        monkeypatch.setenv("EARMARK_API_KEY", given_key)
    with transcribing(key=KEY) as server:
        with pytest.raises(RecognizerError, match="cannot be used") as error:
            recognizer(server).__enter__()
        assert not server.calls
    assert "answered 401 Unauthorized: Incorrect API key provided: " in (error.value.cause or "")
    assert "export EARMARK_API_KEY" in (error.value.hint or "")
    assert given_key is None or given_key not in str(vars(error.value))


def test_the_key_of_openai_goes_to_openai_only(monkeypatch):
    """A server in the next room is not told it."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with transcribing() as server, recognizer(server) as one:
        one.transcribe(TONE_WAVEFORMS[:1])
        assert "authorization" not in server.calls[0].headers
    assert Endpoint.of("https://api.openai.com/v1").key() == KEY
    assert Endpoint.of("https://api.openai.com.example.org/v1").key() is None
    monkeypatch.setenv("EARMARK_API_KEY", "another")
    assert Endpoint.of("https://api.openai.com/v1").key() == "another"


@pytest.mark.parametrize("bad", [f"{KEY}\r\nX-Evil: 1", f"{KEY} {KEY}", f"{KEY}ä"])
def test_a_key_that_no_header_can_hold_is_refused_unseen(server, monkeypatch, bad):
    """The HTTP library would show it in its error."""
    monkeypatch.setenv("EARMARK_API_KEY", bad)
    with pytest.raises(UsageError, match="the key in EARMARK_API_KEY") as error:
        recognizer(server).__enter__()
    assert KEY not in str(vars(error.value))
    assert not server.asked


def test_a_key_does_not_travel_unencrypted_over_the_open_internet(monkeypatch):
    """Found before anything is sent; without a key, or encrypted, nothing is to be seen."""
    assert Endpoint.of("http://1.1.1.1/v1").key() is None
    monkeypatch.setenv("EARMARK_API_KEY", KEY)
    assert Endpoint.of("https://1.1.1.1/v1").key() == KEY
    assert Endpoint.of("http://10.0.0.7:8000/v1").key() == KEY
    assert Endpoint.of("http://[::1]:8000/v1").key() == KEY
    with pytest.raises(UsageError, match="unencrypted"):
        OpenAI(model="m", url="http://1.1.1.1/v1").__enter__()


@pytest.mark.parametrize(
    "trick",
    [
        lambda handler, call, number: handler.error(400, f"your header was {call.headers['authorization']}"),
        lambda handler, call, number: handler.answer(200, {"text": f"you are {call.headers['authorization']}"}),
        lambda handler, call, number: handler.answer(307, {}, Location=f"/{call.headers['authorization'][7:]}"),
    ],
    ids=["error", "text", "redirect"],
)
def test_a_server_that_repeats_the_key_does_not_get_it_written_down(server, monkeypatch, trick):
    """Not in a reason, and not as a text."""
    monkeypatch.setenv("EARMARK_API_KEY", KEY)
    server.trick = trick
    reason = refused(server)
    assert KEY not in reason
    assert "***" in reason or "repeats the key" in reason


@pytest.mark.parametrize(
    "bad_line", ["HTTP/1.1 {} \x1b[2J", "{}", "HTTP/1.1 400 {}", "HTTP/1.1 200 OK\r\nContent-Type: {}"]
)
def test_nor_where_it_repeats_it_beside_the_answer(server, monkeypatch, bad_line):
    """In the status, in its reason, and in a header."""
    monkeypatch.setenv("EARMARK_API_KEY", KEY)
    raw = bad_line.format(KEY).encode() + b"\r\n\r\nno JSON"
    server.trick = lambda handler, call, number: bool(handler.wfile.write(raw))
    reason = refused(server)
    assert KEY not in reason
    assert "***" in reason
    assert reason.isprintable()


def test_a_key_that_is_a_word_may_be_said(monkeypatch, at_once):
    """As `--api-key low` of a server in the next room."""
    monkeypatch.setenv("EARMARK_API_KEY", "low")
    with transcribing(key="low") as server, recognizer(server) as one:
        assert one.transcribe(TONE_WAVEFORMS[:1]) == [said(TONE_WAVEFORMS[0])]
        assert "low" in said(TONE_WAVEFORMS[0]).text


def test_nothing_is_sent_to_a_server_whose_certificate_is_not_its_own(monkeypatch, certificate):  # noqa: F811
    """It must be trusted, and of the very host that was named; and a deadline holds through TLS as well."""
    monkeypatch.setenv("EARMARK_API_KEY", KEY)
    with transcribing(certificate=certificate) as server:
        named = server.url.replace("127.0.0.1", "localhost")
        for trusted, url in ((False, named), (True, server.url)):
            if trusted:
                monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            with pytest.raises(RecognizerError, match="cannot be used") as error:
                recognizer(server, url=url).__enter__()
            assert "certificate" in (error.value.cause or "")
        assert not server.asked
        with recognizer(server, url=named) as one:
            assert one.transcribe(TONE_WAVEFORMS) == [said(waveform) for waveform in TONE_WAVEFORMS]
        server.trick = drip
        assert "no whole answer within 0.3 s" in refused(server, url=named, timeout_s=0.3)


def test_it_travels_without_its_key(server, monkeypatch):
    """Before it was entered and after it was left."""
    monkeypatch.setenv("EARMARK_API_KEY", KEY)
    one = recognizer(server)
    assert KEY.encode() not in pickle.dumps(one)
    with one:
        one.transcribe(TONE_WAVEFORMS[:1])
    assert KEY.encode() not in pickle.dumps(one)


@pytest.mark.parametrize("status", [200, 400, 403, 404, 405, 429, 500, 503])
def test_a_server_without_a_list_of_models_may_transcribe(server, status):
    """Only what would fail every utterance ends the run at its start."""
    server.models_trick = lambda handler: handler.answer(status, {})
    with recognizer(server) as one:
        assert one.transcribe(TONE_WAVEFORMS[:1]) == [said(TONE_WAVEFORMS[0])]


def test_a_key_for_transcriptions_alone_is_good_enough(server):
    """It is told that it must not list models."""
    server.models_trick = lambda handler: handler.error(401, "Missing scopes: api.model.read")
    with recognizer(server) as one:
        assert one.transcribe(TONE_WAVEFORMS[:1]) == [said(TONE_WAVEFORMS[0])]


def test_a_server_that_is_not_there_ends_the_run_at_its_start(server):
    """It is tried again first: it may just be starting."""
    with transcribing() as gone:
        url = gone.url
    with pytest.raises(RecognizerError, match=f"{url} cannot be used") as error:
        OpenAI(model="m", url=url, retries=2).__enter__()
    assert "cannot be reached: " in (error.value.cause or "")
    assert "is the server up" in (error.value.hint or "")
    calm = threading.Semaphore(2)
    server.models_trick = lambda handler: calm.acquire(blocking=False)  # twice it hangs up
    with recognizer(server, retries=2):
        assert server.asked == ["GET /v1/models"] * 3
