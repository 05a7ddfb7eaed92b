"""One request to a URL, sent only to an address that a URL may lead to. Knows no file.

Whoever writes a URL must not reach what only this machine can reach (server-side request forgery). So the host is
resolved here, every one of its addresses is checked, and the connection goes to the very address that was checked: a
name server that answers otherwise a second time changes nothing. Each redirect is checked again. Environment variables
for proxies are not followed, since behind a proxy no address can be checked.
"""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from earmark.errors import FetchError, without_secret
from earmark.fetching.names import Place
from earmark.fetching.values import FetchOptions

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

CONNECT_S = 10.0
STALL_S = 30.0
"""A server that says nothing for so long has stalled."""

_MAX_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}


class TransientFault(Exception):  # noqa: N818  # it is no error yet: it is tried again
    """Something that may go well the next time. ``kind`` is a FetchError's; ``wait_s`` is what the server asks for."""

    def __init__(self, kind: str, problem: str, *, wait_s: float | None = None) -> None:
        super().__init__(problem)
        self.kind = kind
        self.problem = problem
        self.wait_s = wait_s


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also by what it wraps (mapped, NAT64, 6to4, Teredo)."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return _is_open(ip)
    if ip.ipv4_mapped is not None:
        return _is_open(ip.ipv4_mapped)
    if ip in _NAT64:
        return _is_open(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    wrapped = [ip.sixtofour, *(ip.teredo or ())]
    return _is_open(ip) and all(_is_open(one) for one in wrapped if one is not None)


def _is_open(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def open_url(place: Place, headers: Mapping[str, str], options: FetchOptions) -> BaseHTTPResponse:
    """The answer to a GET, its body not read yet, after at most ten redirects.

    Raises TransientFault where nothing answers, and FetchError for an address or a redirect that is refused.
    """
    target = _Target.of(place.locator, place)
    user = place.user
    for _ in range(_MAX_REDIRECTS + 1):
        response = _request(target, {**headers, **_authorization(user)}, place, options)
        location = response.headers.get("Location")
        if response.status not in _REDIRECTS or location is None:
            return response
        response.close()
        following = _Target.of(urljoin(target.url, location), place)
        if target.scheme == "https" and following.scheme == "http":
            raise FetchError("address", place.name, "it is redirected from https: to http:, where anyone could answer")
        if following.origin != target.origin:
            user = None  # a password is for the server that it was given for
        target = following
    raise FetchError("server", place.name, f"more than {_MAX_REDIRECTS} redirects")


@dataclass(frozen=True, slots=True)
class _Target:
    url: str
    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str, place: Place) -> _Target:
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").encode("idna").decode(), parts.port
        except ValueError:  # whose words can hold a piece of a password
            raise FetchError("server", place.name, f"it leads to what is no URL: {without_secret(url)}") from None
        if parts.scheme not in _PORTS or not host:
            problem = f"it is redirected to {without_secret(url)}, which is no web address"
            raise FetchError("address", place.name, problem)
        return cls(url, parts.scheme, host, port or _PORTS[parts.scheme])

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def path(self) -> str:
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def _authorization(user: str | None) -> dict[str, str]:
    if user is None:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(unquote(user).encode()).decode()}"}


def _request(target: _Target, headers: Mapping[str, str], place: Place, options: FetchOptions) -> BaseHTTPResponse:
    from urllib3.exceptions import HTTPError, SSLError

    problem = "it has no address"
    for address in _checked_addresses(target, place, options):
        try:
            return _pool(target, address).urlopen(
                "GET",
                target.path,
                headers={**headers, "Host": target.host_header, "Connection": "close"},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                enforce_content_length=False,  # we count ourselves, also what comes after the promised end
            )
        except SSLError as error:
            raise FetchError("server", place.name, f"the certificate of {target.host} does not hold: {error}") from None
        except HTTPError as error:
            problem = f"{target.host}: {_plain(error)}"
    raise TransientFault("unreachable", problem)


def _plain(error: Exception) -> str:
    """The words of an error of urllib3, without the objects that it talks about."""
    return str(error).rpartition(": ")[2] or type(error).__name__


def _checked_addresses(target: _Target, place: Place, options: FetchOptions) -> list[str]:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TransientFault("unreachable", f"{target.host}: {getattr(error, 'strerror', None) or error}") from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not options.allows_private(target.host):
        for address in addresses:
            if not is_public(address):
                where = "" if address == target.host.strip("[]") else f"{address}, which is "
                raise FetchError(
                    "address",
                    place.name,
                    f"{target.host} is {where}no public address",
                    hint=f"EARMARK_ALLOW_PRIVATE={target.host} allows it, if you trust whoever wrote this URL",
                )
    return addresses


def _pool(target: _Target, address: str) -> HTTPConnectionPool:
    """Connections to a checked address that speak as if they were to the host."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout

    timeout = Timeout(connect=CONNECT_S, read=STALL_S)
    if target.scheme == "http":
        return HTTPConnectionPool(address, target.port, timeout=timeout)
    return HTTPSConnectionPool(
        address, target.port, timeout=timeout, server_hostname=target.host, assert_hostname=target.host
    )
