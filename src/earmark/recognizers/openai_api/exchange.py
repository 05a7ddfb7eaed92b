"""One request and its answer, over a connection of its own, within one deadline. Knows nothing of speech.

A connection of its own, because on a shared one the rest of a wrong answer would be read as the next one's, and an
utterance would be given the words of another. One deadline, because the timeout of a socket starts anew with every
byte: a server that drips would hold a call for ever. No redirect is followed, since the key and the audio would go to
wherever it leads. Variables for proxies are not followed.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

from earmark.errors import RecognizerError
from earmark.recognizers.openai_api.endpoint import Endpoint
from earmark.recognizers.openai_api.faults import Fault, HungUpFault, RefusalFault, TransientFault

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection

CONNECT_S = 10.0
_BLOCK_BYTES = 1 << 16
_LONGEST_LINE = 300
MAX_ANSWER_BYTES = 16 << 20
"""Ten minutes of speech with the times of all words are about a hundredth of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. ``headers`` are under their names in small letters; ``body`` is as it came."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class _Watch:
    sock: socket.socket
    is_late: bool = False

    def cut(self) -> None:
        """End what another thread reads or writes there."""
        with contextlib.suppress(OSError):  # it may have ended by itself
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # of a TLS socket, too, the one underneath

    def be_late(self) -> None:
        self.is_late = True
        self.cut()


class Exchange:
    """Asks an endpoint, from several threads at once, each call within ``timeout_s`` after it is connected."""

    def __init__(self, endpoint: Endpoint, key: str | None, timeout_s: float) -> None:
        self.endpoint = endpoint
        self._key = key
        self._timeout_s = timeout_s
        self._watches: dict[int, _Watch] = {}
        self._lock = threading.Lock()
        # Once for all connections: to read the authorities that are trusted takes longer than a call.
        self._trusted = ssl.create_default_context() if endpoint.scheme == "https" else None
        self.hung_up = threading.Event()

    def ask(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> Answer:
        """The answer, whatever its status. ``path`` begins after the endpoint's.

        Raises TransientFault where no whole answer came, RefusalFault where the server is not who it says, HungUpFault,
        and RecognizerError where the answer does not end.
        """
        connection = self._connected()
        try:
            with self._watched(connection) as watch:
                try:
                    answer = self._exchange(connection, method, path, body, content_type)
                except (OSError, HTTPException, ValueError, _http_error()) as error:
                    raise self._fault(watch, error) from None
                # A connection that was cut looks like one that the server has closed after its last byte.
                if watch.is_late or self.hung_up.is_set():
                    raise self._fault(watch, TimeoutError())
                return answer
        finally:
            connection.close()

    def hang_up(self) -> None:
        """End all calls that are under way, and begin no other."""
        self.hung_up.set()
        with self._lock:
            watches = list(self._watches.values())
        for watch in watches:
            watch.cut()

    def _connected(self) -> HTTPConnection:
        if self.hung_up.is_set():
            raise HungUpFault
        connection = self._unconnected(min(CONNECT_S, self._timeout_s))
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise RefusalFault(
                f"the certificate of {self.endpoint.host} does not hold: {error.verify_message}"
            ) from None
        except (OSError, _http_error()) as error:
            raise TransientFault(f"{self.endpoint.url} cannot be reached: {_plain(error)}") from None
        connection.timeout = self._timeout_s
        return connection

    def _unconnected(self, timeout_s: float) -> HTTPConnection:
        from urllib3.connection import HTTPConnection, HTTPSConnection

        host, port = self.endpoint.host, self.endpoint.port
        if self._trusted is None:
            return HTTPConnection(host, port, timeout=timeout_s)
        return HTTPSConnection(host, port, timeout=timeout_s, ssl_context=self._trusted)

    @contextlib.contextmanager
    def _watched(self, connection: HTTPConnection) -> Iterator[_Watch]:
        """Within the block the connection is cut when its time is over, or when all calls are to end."""
        watch = _Watch(connection.sock)
        timer = threading.Timer(self._timeout_s, watch.be_late)
        timer.daemon = True
        with self._lock:
            self._watches[id(watch)] = watch
        timer.start()
        try:
            if self.hung_up.is_set():  # since it was connected
                raise HungUpFault
            yield watch
        finally:
            timer.cancel()
            with self._lock:
                del self._watches[id(watch)]

    def _exchange(
        self, connection: HTTPConnection, method: str, path: str, body: bytes | None, content_type: str
    ) -> Answer:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "earmark"}
        headers |= {"Connection": "close"} | ({"Content-Type": content_type} if content_type else {})
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        # A server that refuses a body may say so and close before it has read all of it.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(
                method, self.endpoint.path + path, body, headers, preload_content=False, decode_content=False
            )
        response = connection.getresponse()
        with contextlib.closing(response):
            heard = bytearray()
            # To the very end, where urllib3 compares the length with what was promised.
            while block := response.read(_BLOCK_BYTES):
                heard += block
                if len(heard) > MAX_ANSWER_BYTES:
                    raise RecognizerError(f"the server's answer is longer than {MAX_ANSWER_BYTES >> 20} MiB")
            told = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, response.reason or "", told, bytes(heard))

    def _fault(self, watch: _Watch, error: Exception) -> Fault:
        if self.hung_up.is_set():
            return HungUpFault()
        if watch.is_late or isinstance(error, TimeoutError):
            return TransientFault(f"the server gave no whole answer within {self._timeout_s:g} s")
        return TransientFault(f"the answer broke off: {one_line(_plain(error), self._key)}")  # it may quote the server


def one_line(text: str, key: str | None) -> str:
    """What a server says as people may see it: one printable line that is not too long, and without the key."""
    hidden = text.replace(key, "***") if key else text
    line = " ".join("".join(character if character.isprintable() else " " for character in hidden).split())
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."


def _http_error() -> type[Exception]:
    from urllib3.exceptions import HTTPError

    return HTTPError


def _plain(error: Exception) -> str:
    """The words of an error, without the objects that it talks about."""
    return str(error).rpartition(": ")[2].strip("'\"()") or type(error).__name__
