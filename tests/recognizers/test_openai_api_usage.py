"""What calls used, what they cost at a price that the user states, and the end of a run whose key is revoked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from earmark.cli.main import run
from earmark.errors import RecognizerError, RecognizerGoneError, UsageError
from earmark.recognizers.base import UnansweredError
from earmark.recognizers.openai_api import OpenAI
from earmark.recognizers.openai_api.usage import usage_of
from earmark.records import Price, Usage
from earmark.store import layout
from tests.recognizers.asking import TONE_WAVEFORMS, answers, failing, recognizer
from tests.recognizers.transcribing import Call, Handler, Server, Trick, said_of, transcribing
from tests.toys import toy_source, write_manifest

pytestmark = pytest.mark.usefixtures("at_once")

NUM_UTTERANCES = 24
LENGTH_S = 1.0
TOKENS = {"type": "tokens", "input_tokens": 90, "output_tokens": 12, "total_tokens": 102}


def stating(usage: Any) -> Trick:
    """A server that is honest, and says that a call used so much."""
    return lambda handler, call, number: handler.answer(200, {"text": said_of(call.samples), "usage": usage})


def test_an_answer_that_states_seconds_is_billed_by_them():
    """Not by what was sent."""
    found = usage_of({"text": "", "usage": {"type": "duration", "seconds": 7}}, 0.5, is_good=True)
    assert found == Usage(num_calls=1, num_calls_with_seconds=1, stated_s=7.0)


def test_an_answer_that_states_tokens_keeps_the_audio_that_was_sent():
    """A host that bills by the minute may state tokens all the same."""
    found = usage_of({"usage": TOKENS}, 0.5, is_good=True)
    assert found == Usage(num_calls=1, num_calls_with_tokens=1, unstated_s=0.5, input_tokens=90, output_tokens=12)


def test_a_refusal_is_billed_only_where_it_says_so():
    """A 500 that states what it used counts; one that does not, and a 429, are nobody's bill."""
    assert usage_of({"error": "no"}, 0.5, is_good=False) is None
    found = usage_of({"usage": {"seconds": 1.5}}, 0.5, is_good=False)
    assert found == Usage(num_calls=1, num_calls_with_seconds=1, stated_s=1.5)


HOSTILE = {
    "negative": b'{"seconds": -1, "input_tokens": -5}',
    "not a number": b'{"seconds": NaN, "input_tokens": NaN}',
    "infinite": b'{"seconds": Infinity, "output_tokens": 1e999}',
    "huge": b'{"seconds": 1e300, "input_tokens": 9%s}' % (b"9" * 400),
    "text": b'{"seconds": "12", "input_tokens": "x"}',
    "true": b'{"seconds": true, "output_tokens": true}',
    "nested": b'{"seconds": {"seconds": 1}, "input_tokens": [1]}',
    "half a token": b'{"input_tokens": 1.5}',
    "a list": b"[1, 2]",
    "a word": b'"much"',
    "nothing": b"null",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_numbers_that_no_call_can_have_used_are_left_out(server, name):
    """The text stands, and the call counts as one that states nothing."""
    server.trick = answers(200, b'{"text": "hello", "usage": ' + HOSTILE[name] + b"}")
    with recognizer(server) as one:
        [heard] = one.transcribe(TONE_WAVEFORMS[:1])
    assert (heard.text, heard.usage) == ("hello", Usage(num_calls=1, unstated_s=0.25))


def test_calls_that_were_thrown_away_are_added_to_the_one_that_counts(server):
    """Those of which it is known what they used."""
    busy = failing(2, answers(500, {"usage": {"seconds": 2}}))
    good = stating({"type": "duration", "seconds": 3})
    server.trick = lambda handler, call, number: busy(handler, call, number) or good(handler, call, number)
    with recognizer(server, retries=2) as one:
        [heard] = one.transcribe(TONE_WAVEFORMS[:1])
    assert heard.usage == Usage(num_calls=3, num_calls_with_seconds=3, stated_s=7.0)


def test_a_call_without_a_text_says_what_it_used(server):
    """Its utterance fails, and is billed."""
    server.trick = answers(200, {"usage": {"seconds": 4}})
    with recognizer(server) as one, pytest.raises(UnansweredError, match="no text") as error:
        one.transcribe(TONE_WAVEFORMS[:1])
    assert error.value.usage == Usage(num_calls=1, num_calls_with_seconds=1, stated_s=4.0)


def test_a_price_is_no_part_of_the_identity():
    """It changes no answer."""
    plain, priced = OpenAI(model="m"), OpenAI(model="m", price_per_minute=0.006, currency="USD")
    assert plain.spec == priced.spec
    assert (plain.price, priced.price) == (None, Price(per_minute=0.006, currency="USD"))


@pytest.mark.parametrize(
    "options",
    [
        {"price_per_minute": -1.0},
        {"price_per_minute": "cheap"},
        {"price_per_minute": 10**400},
        {"price_per_minute": True},
        {"price_per_minute": float("nan")},
        {"price_per_million_output_tokens": float("inf")},
        {"price_per_minute": 1.0, "price_per_million_input_tokens": 1.0},
        {"currency": "USD"},
        {"price_per_minute": 1.0, "currency": 5},
    ],
)
def test_what_is_no_price_is_refused(options):
    """Before anything is sent."""
    with pytest.raises(UsageError):
        OpenAI(model="m", **options)


def refuse(handler: Handler, call: Call, number: int) -> bool:
    return handler.error(401, "the key was revoked")


def test_a_server_that_took_calls_and_then_refuses_them_all_ends_it(server):
    """After ten refusals in a row, before another batch is begun; one answer in between begins the count anew."""
    with recognizer(server, concurrency=1) as one:
        one.transcribe(TONE_WAVEFORMS[:1])
        server.trick = lambda handler, call, number: number != 10 and refuse(handler, call, number)
        for _ in range(8):
            with pytest.raises(RecognizerError, match="revoked"):
                one.transcribe(TONE_WAVEFORMS[1:2])
        one.transcribe(TONE_WAVEFORMS[:1])
        for _ in range(10):
            with pytest.raises(UnansweredError, match="revoked"):
                one.transcribe(TONE_WAVEFORMS[1:2])
        num_calls = len(server.calls)
        with pytest.raises(RecognizerGoneError, match="refuses every call, 10 in a row") as error:
            one.transcribe(TONE_WAVEFORMS[1:2])
        assert len(server.calls) == num_calls
    assert "--retry-failed" in (error.value.hint or "")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    source = toy_source(folder, NUM_UTTERANCES, durations_s=[LENGTH_S] * NUM_UTTERANCES)
    return write_manifest(folder / "manifest.jsonl", source)


def evaluate(server: Server, manifest: Path, out: Path, *more: str) -> int:
    """The exit code. Four utterances meet in a batch."""
    sets = [f"url={server.url}", "model=tone", "retries=0", "concurrency=1"]
    words = ["eval", "openai", "--data", str(manifest), "--out", str(out), "--max-batch-seconds", "4.5"]
    engine = [] if "--engine" in more else ["--engine", "inline"]
    return run([*words, *engine, *(word for one in sets for word in ("--set", one)), *more])


def summary_of(out: Path) -> dict[str, Any]:
    return json.loads((out / layout.SUMMARY).read_text())


def test_a_run_says_what_it_used_and_what_that_costs(server, manifest, tmp_path, capsys):
    """In the rows, in the summary and on the screen; a run without a price has a usage and no cost."""
    server.trick = stating({"type": "duration", "seconds": 5})
    out = tmp_path / "run"
    assert evaluate(server, manifest, out) == 0
    assert summary_of(out)["cost"] is None
    assert "usage 24 calls, 2.00 min of audio\n" in capsys.readouterr().out
    assert evaluate(server, manifest, out, "--set", "price_per_minute=0.25", "--set", "currency=EUR") == 0
    assert len(server.calls) == NUM_UTTERANCES, "a price that is stated later needs no call"
    found = summary_of(out)
    assert found["usage"]["num_calls"] == found["usage"]["num_calls_with_seconds"] == NUM_UTTERANCES
    assert found["usage"]["billed_s"] == found["usage"]["stated_s"] == 5.0 * NUM_UTTERANCES
    assert found["cost"] == {"amount": 0.5, "currency": "EUR", "basis": "audio minutes stated by the server"}
    cost = "cost 0.5000 EUR (audio minutes stated by the server)"
    assert cost in " ".join(capsys.readouterr().out.split())
    rows = [row for path in (out / layout.PARTS).iterdir() for row in pq.read_table(path)["usage"].to_pylist()]
    assert [row["stated_s"] for row in rows] == [5.0] * NUM_UTTERANCES


def test_a_server_that_states_nothing_is_billed_by_what_was_sent(server, manifest, tmp_path):
    """The basis says so; a price may be a whole number."""
    assert evaluate(server, manifest, tmp_path / "run", "--set", "price_per_minute=1") == 0
    cost = summary_of(tmp_path / "run")["cost"]
    assert cost["amount"] == pytest.approx(LENGTH_S * NUM_UTTERANCES / 60)
    assert (cost["currency"], cost["basis"]) == (None, "audio minutes sent, the server states none")


def test_what_failed_and_what_was_done_again_is_all_paid(server, manifest, tmp_path):
    """The first attempt's failed calls were answered and stated what they used; so do the repeated ones."""
    good = stating(TOKENS)
    server.trick = lambda handler, call, number: (
        handler.answer(200, {"usage": TOKENS}) if number % 4 == 0 else good(handler, call, number)
    )
    out = tmp_path / "run"
    price = ("--set", "price_per_million_input_tokens=10", "--set", "price_per_million_output_tokens=100")
    assert evaluate(server, manifest, out, *price) == 3
    first = summary_of(out)
    assert (first["num_failed"], first["usage"]["num_calls"]) == (6, NUM_UTTERANCES)
    server.trick = good
    assert evaluate(server, manifest, out, "--retry-failed") == 0
    found = summary_of(out)
    num_calls = len(server.calls)
    assert num_calls > NUM_UTTERANCES
    assert found["usage"]["num_calls"] == num_calls
    assert found["usage"]["input_tokens"] == 90 * num_calls
    assert found["cost"]["amount"] == pytest.approx(num_calls * (90 * 10 + 12 * 100) / 1e6)
    assert found["cost"]["basis"] == "input and output tokens stated by the server"


def test_usage_and_price_leave_the_scores_as_they_are(manifest, tmp_path):
    """Two servers that say the same and state another usage have one hash."""
    hashes = set()
    for name, trick in {"silent": None, "stating": stating(TOKENS)}.items():
        with transcribing() as server:
            server.trick = trick
            assert evaluate(server, manifest, tmp_path / name, "--set", "price_per_minute=1.5") == 0
        hashes.add(summary_of(tmp_path / name)["scores_hash"])
    assert len(hashes) == 1


@pytest.mark.parametrize("engine", ["inline", "processes"])
def test_a_run_whose_key_is_revoked_ends_and_can_go_on(server, manifest, tmp_path, capsys, engine):
    """One sentence and what to type; the batches that were heard whole before are not paid for again."""
    server.trick = lambda handler, call, number: number > 6 and refuse(handler, call, number)
    out = tmp_path / "run"
    assert evaluate(server, manifest, out, "--workers", "1", "--engine", engine) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("error:") == 1
    assert "refuses every call" in said
    assert "the key was revoked" in said
    assert "--retry-failed" in said
    first = len(server.calls)
    assert first < NUM_UTTERANCES
    server.trick = None
    assert evaluate(server, manifest, out, "--retry-failed") == 0
    found = summary_of(out)
    assert found["num_scored"] == NUM_UTTERANCES
    assert found["usage"]["num_calls"] == 6 + len(server.calls) - first
    assert len(server.calls) - first == NUM_UTTERANCES - 4
