"""What tests of the API recognizer share: sounds, how they are asked for, and ways to misbehave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from earmark.errors import RecognizerError
from earmark.recognizers.openai_api import OpenAI
from earmark.records import Hypothesis, Waveform
from tests.recognizers.transcribing import PATIENCE_S, TONES, Call, Handler, Server, Trick, said_of

KEY = "sk-canary-0123456789"


def tone(name: str, num_samples: int = 4_000, level: float = 0.3) -> Waveform:
    time_s = np.arange(num_samples) / 16_000
    samples = np.rint(32_768 * level * np.sin(2 * np.pi * TONES[name] * time_s)) / 32_768
    return Waveform(f"../{name}\r\n{num_samples}", samples.astype(np.float32))


def said(waveform: Waveform) -> Hypothesis:
    """What an honest server says to it."""
    return Hypothesis(said_of(np.rint(waveform.samples * 32_768).astype(np.int16)))


TONE_WAVEFORMS = [tone("low"), tone("high", 3_000), tone("middle", 5_000), tone("low", 2_000)]


def recognizer(server: Server, **options: Any) -> OpenAI:
    return OpenAI(**{"model": "tone", "url": server.url, "retries": 0, **options})


def refused(server: Server, waveform: Waveform = TONE_WAVEFORMS[0], **options: Any) -> str:
    """The reason why an utterance has no text."""
    with recognizer(server, **options) as one, pytest.raises(RecognizerError) as error:
        one.transcribe([waveform])
    return error.value.what


def answers(status: int, body: Any, **headers: str) -> Trick:
    return lambda handler, call, number: handler.answer(status, body, **headers)


def endless(handler: Handler, call: Call, number: int) -> bool:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1_000):
        handler.wfile.write(b'{"text": "' + b"a" * 100_000)
    return True


def drip(handler: Handler, call: Call, number: int) -> bool:
    """A byte every now and then, so that no single wait is long."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(10_000):
        if handler.state.release.wait(0.02):
            break
        handler.wfile.write(b" ")
        handler.wfile.flush()
    return True


def drip_headers(handler: Handler, call: Call, number: int) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    return drip_bytes(handler)


def drip_bytes(handler: Handler) -> bool:
    for _ in range(10_000):
        if handler.state.release.wait(0.02):
            break
        handler.wfile.write(b"x")
        handler.wfile.flush()
    return True


def hold(handler: Handler, call: Call, number: int) -> bool:
    handler.state.release.wait(PATIENCE_S)
    return True


def hang_up(handler: Handler, call: Call, number: int) -> bool:
    return True


def failing(num_times: int, trick: Trick) -> Trick:
    return lambda handler, call, number: number <= num_times and trick(handler, call, number)
