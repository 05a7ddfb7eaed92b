"""A transcription server on loopback that answers by the sound itself, and that can be told to misbehave."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

MOST_BYTES = 32 << 20
TONES = {"low": 300.0, "middle": 900.0, "high": 2_700.0}
PATIENCE_S = 30.0
"""How long a server that holds a call holds it where nobody ends it: longer than any test."""


def said_of(samples: np.ndarray) -> str:
    """The text for samples of 16 bits: a word for the loudest tone, their number, and a word of their sum."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64), n=16_000))
    heard_hz = float(np.argmax(spectrum))
    tone = min(TONES, key=lambda name: abs(TONES[name] - heard_hz))
    return f"{tone} {len(samples)} sum {int(samples.astype(np.int64).sum()) % 1_000}"


@dataclass
class Call:
    """One request for a transcription, as it came."""

    headers: dict[str, str]
    fields: dict[str, str]
    file: bytes
    file_name: str

    @property
    def samples(self) -> np.ndarray:
        return soundfile.read(io.BytesIO(self.file), dtype="int16")[0]


Trick = Callable[["Handler", Call, int], bool]
"""Is given the call and its number, from 1; says whether it has answered it."""


@dataclass
class Server:
    """What a test sees of a server: where it is, what was asked, and how it misbehaves."""

    url: str = ""
    key: str | None = None
    calls: list[Call] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    trick: Trick | None = None
    models_trick: Callable[[Handler], bool] | None = None
    is_impatient: bool = False
    """It refuses a call before it has read it, and closes."""
    release: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    at_once: int = 0
    most_at_once: int = 0


class _Waiting(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # with five, a burst of calls waits a second for the next try
    security: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self.security is not None:
            connection = self.security.wrap_socket(connection, server_side=True)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up, or did not trust us."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_S
    state: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.begin()
        if self.state.models_trick is not None and self.state.models_trick(self):
            return
        if self.path != "/v1/models":
            self.error(404, "no such page")
        elif self.has_key():
            self.answer(200, {"object": "list", "data": [{"id": "tone", "object": "model"}]})

    def do_POST(self) -> None:
        self.begin()
        with self.state.lock:
            self.state.at_once += 1
            self.state.most_at_once = max(self.state.most_at_once, self.state.at_once)
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.transcribe()
        finally:
            with self.state.lock:
                self.state.at_once -= 1

    def begin(self) -> None:
        self.close_connection = True
        with self.state.lock:
            self.state.asked.append(f"{self.command} {self.path}")

    def transcribe(self) -> None:
        if self.state.is_impatient:
            self.error(413, "too large")
            return
        call = self.call(self.rfile.read(min(int(self.headers["Content-Length"]), MOST_BYTES)))
        with self.state.lock:
            self.state.calls.append(call)
            number = len(self.state.calls)
        if self.state.trick is not None and self.state.trick(self, call, number):
            return
        if self.path != "/v1/audio/transcriptions":
            self.error(404, "no such page")
        elif self.has_key():
            self.honest(call)

    def call(self, body: bytes) -> Call:
        boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
        fields, file, file_name = {}, b"", ""
        for part in body.split(b"--" + boundary)[1:-1]:
            head, _, content = part[2:].partition(b"\r\n\r\n")
            words = dict(word.split("=") for word in head.splitlines()[0].decode().split("; ")[1:])
            if "filename" in words:
                file, file_name = content[:-2], words["filename"].strip('"')
            else:
                fields[words["name"].strip('"')] = content[:-2].decode()
        return Call({name.lower(): value for name, value in self.headers.items()}, fields, file, file_name)

    def has_key(self) -> bool:
        given = self.headers.get("Authorization")
        if self.state.key is None or given == f"Bearer {self.state.key}":
            return True
        self.error(401, f"Incorrect API key provided: {given}")  # a server that repeats what it was told
        return False

    def honest(self, call: Call) -> None:
        self.answer(200, {"text": said_of(call.samples)})

    def error(self, status: int, message: str, code: str | None = None, **headers: str) -> bool:
        return self.answer(status, {"error": {"message": message, "code": code}}, **headers)

    def answer(self, status: int, body: Any, **headers: str) -> bool:
        """JSON, or bytes as they are. True, so that a trick can end with it."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **told}.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(raw)
        return True


@contextlib.contextmanager
def transcribing(*, key: str | None = None, certificate: Path | None = None) -> Iterator[Server]:
    """A server for the length of the block; its URL is what ``--set url=`` takes. With a certificate it is HTTPS."""
    state = Server(key=key)
    server = _Waiting(("127.0.0.1", 0), type("Bound", (Handler,), {"state": state}))
    if certificate is not None:
        server.security = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.security.load_cert_chain(certificate)
    state.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
