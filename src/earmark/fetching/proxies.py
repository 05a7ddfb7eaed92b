"""Proxies: which one the environment names for a server, connections by way of it, and what may be asked of it.

Whom a proxy reaches by a name, the proxy alone knows. But some names lead to a machine itself wherever they are asked
for, and some numbers are written so that a resolver alone takes them for addresses: both are told here.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from earmark.errors import FetchError, without_secret

if TYPE_CHECKING:
    from urllib3 import PoolManager, Timeout

_SCHEMES = ("http", "https")
_THIS_MACHINE = "127.0.0.1"


def proxy_for(scheme: str, server: str, name: str) -> str | None:
    """The URL of the proxy for ``server`` (HOST or HOST:PORT), as the hub's client finds it; None: there is none.

    One without a scheme speaks HTTP. Raises FetchError, which says what is wanted by ``name``, for one of another kind
    (SOCKS, say), and for what is no URL.
    """
    if proxy_bypass(server):
        return None
    known = getproxies()
    stated = known.get(scheme) or known.get("all")
    if not stated:
        return None
    proxy = stated if "://" in stated else f"http://{stated}"
    with contextlib.suppress(ValueError):  # whose words can hold a piece of a password
        parts = urlsplit(proxy)
        if parts.scheme in _SCHEMES and parts.hostname and parts.port != 0:
            return proxy
    problem = f"the proxy of the environment, {without_secret(proxy)}, is none that HTTP can go through"
    hint = f"{scheme.upper()}_PROXY=HOST:PORT names one, and NO_PROXY={server.partition(':')[0]} goes without."
    raise FetchError("unreachable", name, problem, hint=hint)


def shown(proxy: str) -> str:
    """Its host and port, without its user and its password."""
    return urlsplit(proxy).netloc.rpartition("@")[2]


def connections(proxy: str, timeout: Timeout) -> PoolManager:
    """Connections by way of a proxy, whose URL may hold its password."""
    from urllib3 import ProxyManager, make_headers

    user = urlsplit(proxy).netloc.rpartition("@")[0]
    headers = make_headers(proxy_basic_auth=unquote(user)) if user else None
    return ProxyManager(proxy, proxy_headers=headers, timeout=timeout)


def own_addresses(host: str) -> list[str]:
    """The address that the host itself is, however it is written (``127.1``, ``0x7f.1``); none where it is a name.

    ``localhost`` and all below it are this machine (RFC 6761, 6.3).
    """
    bare = host.rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return [_THIS_MACHINE]
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(bare))]
    with contextlib.suppress(OSError):
        return [socket.inet_ntoa(socket.inet_aton(bare))]
    return []
