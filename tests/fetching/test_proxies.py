"""Proxies of the environment, which are used for a server that the user named."""

from __future__ import annotations

import os
import socket

import pytest

from earmark.errors import FetchError
from earmark.fetching import FetchOptions, connection
from earmark.fetching.connection import Endpoint, TransientFault, open_url
from earmark.fetching.names import resolve
from tests.fetching.servers import Server

URL = "http://hub.invalid/x"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def opened(url: str = URL) -> bytes:
    response = open_url(resolve(url), {}, FetchOptions(), Endpoint())
    body = response.read()
    response.close()
    return bytes(body)


@pytest.mark.parametrize("scheme", ["http://", ""])
@pytest.mark.parametrize("name", ["HTTP_PROXY", "all_proxy"])
def test_a_proxy_without_a_scheme_speaks_http(server: Server, monkeypatch: pytest.MonkeyPatch, scheme: str, name: str):
    """As the hub's client takes it, which is asked just before."""
    server.files[URL] = b"x"
    monkeypatch.setenv(name, f"{scheme}127.0.0.1:{server.port}")
    assert opened() == b"x"
    assert server.asked(URL)[0].headers["host"] == "hub.invalid"


@pytest.mark.parametrize(
    "proxy",
    ["socks5://me:canary@127.0.0.1:1080", "socks5h://me:canary@[::1", "http://me:canary@127.0.0.1:x", "http://"],
)
def test_a_proxy_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch, proxy: str):
    """With what to set instead, and without its password."""
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(FetchError) as refused:
        opened()
    assert refused.value.kind == "unreachable"
    assert "HTTP_PROXY=HOST:PORT" in str(refused.value.hint)
    assert "NO_PROXY=hub.invalid" in str(refused.value.hint)
    assert "canary" not in f"{refused.value} {refused.value.cause} {refused.value.hint}"


@pytest.mark.parametrize("url", [URL, "https://hub.invalid/x"])
def test_a_proxy_that_does_not_answer_is_blamed_itself(monkeypatch: pytest.MonkeyPatch, url: str):
    """And not the host, which nobody asked."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://me:canary@127.0.0.1:{port}")
    with pytest.raises(TransientFault) as fault:
        opened(url)
    assert fault.value.problem.startswith(f"the proxy 127.0.0.1:{port}: ")
    assert fault.value.problem.endswith("Connection refused")


@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254",
        "localhost", "LOCALHOST.", "a.localhost", "a.localhost.",
    ],
)  # fmt: skip
def test_no_redirect_behind_a_proxy_leads_to_a_machine_itself(
    server: Server, monkeypatch: pytest.MonkeyPatch, host: str
):
    """However its address is written: the proxy would take it for its own."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.port}")
    server.tricks[URL] = lambda handler, _: handler.answer(302, Location=f"http://{host}/x")
    with pytest.raises(FetchError) as refused:
        opened()
    assert refused.value.kind == "address"
    assert len(server.requests) == 1


def test_a_redirect_behind_a_proxy_to_a_name_is_followed(server: Server, monkeypatch: pytest.MonkeyPatch):
    """Whom it reaches, the proxy alone knows."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.port}")
    server.tricks[URL] = lambda handler, _: handler.answer(302, Location="http://files.invalid/x")
    server.files["http://files.invalid/x"] = b"x"
    assert opened() == b"x"


def test_the_default_ports_are_one_server_for_an_upgrade_only():
    """Whether a redirect keeps the token: to TLS on the same host yes, to another host or port no."""
    place = resolve(URL)

    def is_kept(before: str, after: str) -> bool:
        target = connection._Target.of
        return target(after, place).is_same_server(target(before, place))

    assert is_kept("http://hub.invalid/a", "https://hub.invalid/b")
    assert is_kept("http://hub.invalid:8080/a", "https://hub.invalid:8080/b")
    assert not is_kept("http://hub.invalid/a", "https://hub.invalid:8443/b")
    assert not is_kept("http://hub.invalid:8080/a", "https://hub.invalid/b")
    assert not is_kept("http://hub.invalid/a", "https://other.invalid/b")
    assert not is_kept("https://hub.invalid:8080/a", "http://hub.invalid:8080/b")
