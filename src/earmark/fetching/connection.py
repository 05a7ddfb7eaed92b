"""One request to a URL, sent only to an address that a URL may lead to. Knows no file.

Whoever writes a URL must not reach what only this machine can reach (server-side request forgery). So the host is
resolved here, every one of its addresses is checked, and the connection goes to the very address that was checked: a
name server that answers otherwise a second time changes nothing. Each redirect is checked again. Environment variables
for proxies are not followed, since behind a proxy no address can be checked; but for the hub they are, which is the
user's word, as an ``Endpoint`` says.
"""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from earmark.errors import FetchError, without_secret
from earmark.fetching.names import Place
from earmark.fetching.proxies import connections, own_addresses, proxy_for, shown
from earmark.fetching.values import FetchOptions

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager, Timeout

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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """That a URL is of a server which the user named, and not whoever wrote a manifest.

    It may have any address, and is reached through the proxy of the environment, where there is one. ``authorization``
    is a header's value for this server alone: no other that it redirects to gets it.
    """

    authorization: str | None = field(default=None, repr=False)


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


def open_url(
    place: Place, headers: Mapping[str, str], options: FetchOptions, endpoint: Endpoint | None = None
) -> BaseHTTPResponse:
    """The answer to a GET, its body not read yet, after at most ten redirects.

    Raises TransientFault where nothing answers, and FetchError for an address or a redirect that is refused.
    """
    target = _Target.of(place.locator, place)
    authorization = _basic(place.user) if endpoint is None else endpoint.authorization or _basic(place.user)
    is_at_home = True
    for _ in range(_MAX_REDIRECTS + 1):
        ways = _ways(
            target, place, options, by_proxy=endpoint is not None, may_be_private=bool(endpoint) and is_at_home
        )
        own = {"Authorization": authorization} if authorization and is_at_home else {}
        response = _request(target, {**headers, **own}, place, ways)
        location = response.headers.get("Location")
        if response.status not in _REDIRECTS or location is None:
            return response
        response.close()
        following = _Target.of(urljoin(target.url, location), place)
        if target.scheme == "https" and following.scheme == "http":
            raise FetchError("address", place.name, "it is redirected from https: to http:, where anyone could answer")
        # A password is for the server that it was given for, and so is the trust in its address.
        is_at_home = is_at_home and following.is_same_server(target)
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

    def is_same_server(self, before: _Target) -> bool:
        """Whether a redirect from ``before`` to this stays with the server, if only by the same name and by TLS."""
        if (self.scheme, self.host, self.port) == (before.scheme, before.host, before.port):
            return True
        is_upgrade = (before.scheme, self.scheme) == ("http", "https") and before.host == self.host
        return is_upgrade and (self.port == before.port or (before.port, self.port) == (80, 443))

    @property
    def path(self) -> str:
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def _basic(user: str | None) -> str | None:
    return None if user is None else f"Basic {base64.b64encode(unquote(user).encode()).decode()}"


_Way = tuple["HTTPConnectionPool | PoolManager", str]
"""Who takes a request to the target, and the address that it wants to hear."""


def _request(target: _Target, headers: Mapping[str, str], place: Place, ways: Iterable[_Way]) -> BaseHTTPResponse:
    from urllib3.exceptions import HTTPError, SSLError

    problem = "it has no address"
    for opener, address in ways:
        try:
            response = opener.urlopen(
                "GET",
                address,
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
            problem = _said(error, target, place)
        else:
            _check_headers(response)
            return response
    raise TransientFault("unreachable", problem)


def _check_headers(response: BaseHTTPResponse) -> None:
    """Raise TransientFault where a line is broken: the standard library reads none of those behind it, and says so."""
    from urllib3.exceptions import HeaderParsingError
    from urllib3.util.response import assert_header_parsing

    plain = getattr(response, "_original_response", None)
    if plain is None:
        return
    try:
        assert_header_parsing(plain.msg)
    except HeaderParsingError:
        response.close()
        raise TransientFault("server", "the server's headers are broken") from None


def _said(error: Exception, target: _Target, place: Place) -> str:
    """Who did not answer, and why: the words of an error of urllib3, without the objects that it talks about."""
    from urllib3.exceptions import ProxyError

    who = target.host
    if isinstance(error, ProxyError):
        who = f"the proxy {shown(proxy_for(target.scheme, target.host_header, place.name) or '')}"
        error = error.original_error
    return f"{who}: {str(error).rpartition(': ')[2] or type(error).__name__}"


def _ways(target: _Target, place: Place, options: FetchOptions, *, by_proxy: bool, may_be_private: bool) -> list[_Way]:
    """Each way to the target, all of them checked."""
    proxy = proxy_for(target.scheme, target.host_header, place.name) if by_proxy else None
    addresses = _addresses(target) if proxy is None else own_addresses(target.host)
    if not may_be_private and not options.allows_private(target.host):
        _refuse_private(addresses, target, place)
    if proxy is not None:
        return [(connections(proxy, _timeout()), f"{target.scheme}://{target.host_header}{target.path}")]
    return [(_pool(target, address), target.path) for address in addresses]


def _addresses(target: _Target) -> list[str]:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TransientFault("unreachable", f"{target.host}: {getattr(error, 'strerror', None) or error}") from None
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _refuse_private(addresses: Iterable[str], target: _Target, place: Place) -> None:
    for address in addresses:
        if not is_public(address):
            where = "" if address == target.host.strip("[]") else f"{address}, which is "
            problem = f"{target.host} is {where}no public address"
            hint = f"EARMARK_ALLOW_PRIVATE={target.host} allows it, if you trust whoever wrote this URL"
            raise FetchError("address", place.name, problem, hint=hint)


def _pool(target: _Target, address: str) -> HTTPConnectionPool:
    """Connections to a checked address that speak as if they were to the host."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

    if target.scheme == "http":
        return HTTPConnectionPool(address, target.port, timeout=_timeout())
    return HTTPSConnectionPool(
        address, target.port, timeout=_timeout(), server_hostname=target.host, assert_hostname=target.host
    )


def check_proxy(url: str, place: Place) -> None:
    """Raise FetchError where the environment names a proxy for ``url`` that cannot be used."""
    target = _Target.of(url, place)
    proxy_for(target.scheme, target.host_header, place.name)


def _timeout() -> Timeout:
    from urllib3 import Timeout

    return Timeout(connect=CONNECT_S, read=STALL_S)
