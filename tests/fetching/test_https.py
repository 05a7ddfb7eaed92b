"""HTTPS to the checked address: the certificate is of the host that was asked for, and nobody else's will do."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from earmark.errors import FetchError
from earmark.fetching import FetchOptions, fetch
from tests.fetching import servers
from tests.fetching.servers import Server


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a key and a certificate for ``localhost`` only, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(certificate: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    class SecureServer(ThreadingHTTPServer):
        def get_request(self):
            connection, address = super().get_request()
            return context.wrap_socket(connection, server_side=True), address

        def handle_error(self, request, client_address) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setattr(servers, "ThreadingHTTPServer", SecureServer)
    with servers.serving() as found:
        yield found


def test_the_certificate_must_be_the_hosts(secure: Server, options: FetchOptions, certificate: Path, monkeypatch):
    """Not trusted by itself; trusted for its host; never for another name of the same address."""
    secure.files["/x"] = b"x"
    url = f"https://localhost:{secure.port}/x"
    with pytest.raises(FetchError) as refused:
        fetch(url, options=options)
    assert "certificate" in str(refused.value.cause)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert fetch(url, options=options).path.read_bytes() == b"x"
    with pytest.raises(FetchError) as refused:
        fetch(f"https://127.0.0.1:{secure.port}/x", options=options)
    assert "certificate" in str(refused.value.cause)


def test_https_is_never_left_for_http(
    secure: Server, server: Server, options: FetchOptions, certificate: Path, monkeypatch
):
    """By a redirect, where anyone on the way could answer."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    secure.tricks["/x"] = lambda handler, _: handler.answer(302, Location=f"{server.url}/x")
    server.files["/x"] = b"x"
    with pytest.raises(FetchError) as refused:
        fetch(f"https://localhost:{secure.port}/x", options=options)
    assert refused.value.kind == "address"
    assert not server.requests


def test_a_password_goes_along_to_https_on_the_same_server(
    server: Server, options: FetchOptions, certificate: Path, monkeypatch
):
    """One port that speaks both: who trusts it in the clear trusts it by TLS."""

    class BothServer(ThreadingHTTPServer):
        def get_request(self):
            connection, address = super().get_request()
            if connection.recv(1, socket.MSG_PEEK) == b"\x16":  # the beginning of TLS
                connection = context.wrap_socket(connection, server_side=True)
            return connection, address

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setattr(servers, "ThreadingHTTPServer", BothServer)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with servers.serving() as both:
        both.files["/b"] = b"x"
        both.tricks["/a"] = lambda handler, _: handler.answer(302, Location=f"https://localhost:{both.port}/b")
        assert fetch(f"http://me:word@localhost:{both.port}/a", options=options).path.read_bytes() == b"x"
        (first,), (second,) = both.asked("/a"), both.asked("/b")
        assert second.headers["authorization"] == first.headers["authorization"] != ""
