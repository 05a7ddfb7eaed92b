"""Where the calls go, and the key that may go there. Sends nothing.

A key is never an option: options are recorded. It is taken from the environment of the process that makes the calls.
``EARMARK_API_KEY`` is for whatever endpoint is named; ``OPENAI_API_KEY`` goes to api.openai.com alone, so that a server
in the next room is not told a key that was never meant for it.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from earmark.errors import UsageError
from earmark.fetching.connection import is_public

OPENAI_HOST = "api.openai.com"
_PORTS = {"http": 80, "https": 443}
_PATH = re.compile(r"[!-~]*")
_KEY = re.compile(r"[!#-\[\]-~]+")  # neither a quote nor a backslash, which JSON would spell in another way


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The base of an API: ``https://api.openai.com/v1`` is scheme, host, port and path (``/v1``)."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Endpoint:
        """The endpoint at ``url``. Raises UsageError, without any password that the URL may hold."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").encode("idna").decode(), parts.port
        except (ValueError, UnicodeError):
            raise _no_endpoint("it is no URL") from None
        if problem := _problem(parts, host):
            raise _no_endpoint(problem)
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], parts.path.rstrip("/"))

    @property
    def url(self) -> str:
        """The URL in its one spelling, without a secret: part of the recognizer's identity."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def key(self) -> str | None:
        """The key that goes to this endpoint, None where the environment holds none for it. Raises UsageError."""
        name = next((name for name in self._key_names() if os.environ.get(name, "").strip()), None)
        if name is None:
            return None
        key = os.environ[name].strip()
        if not _KEY.fullmatch(key):
            raise UsageError(f"the key in {name} holds characters that no key has", hint=f"export {name}=...")
        if self.scheme == "http" and self._is_far():
            raise UsageError(
                f"{name} would travel over the open internet unencrypted, to {self.url}",
                hint="name the endpoint as https:, or unset the key",
            )
        return key

    def key_hint(self) -> str:
        """What to type where the server wants a key, or another one."""
        if self.host == OPENAI_HOST:
            return "export OPENAI_API_KEY=... (a key is never an option)"
        return "export EARMARK_API_KEY=... (a key is never an option, and OPENAI_API_KEY is for api.openai.com alone)"

    def _key_names(self) -> tuple[str, ...]:
        return ("EARMARK_API_KEY", "OPENAI_API_KEY") if self.host == OPENAI_HOST else ("EARMARK_API_KEY",)

    def _is_far(self) -> bool:
        """Whether an address of the host is one of the open internet. One that has no address is nowhere."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return False
        return any(is_public(str(one[4][0]).partition("%")[0]) for one in found)


def _problem(parts: SplitResult, host: str) -> str | None:
    if parts.scheme not in _PORTS or not host:
        return "it does not begin with https://HOST or http://HOST"
    if "@" in parts.netloc:
        return "it holds a user or a password, which would be recorded"
    if parts.query or parts.fragment:
        return "it holds a query or a fragment, where a secret could be"
    return None if _PATH.fullmatch(parts.path) else "its path holds characters that no URL can"


def _no_endpoint(problem: str) -> UsageError:
    hint = "--set url=https://HOST/v1; a key is taken from the variable EARMARK_API_KEY"
    return UsageError("openai option url names no endpoint", cause=problem, hint=hint)
