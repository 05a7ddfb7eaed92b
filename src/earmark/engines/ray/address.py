"""Which address leads to a Ray cluster, and whether one is there: said in seconds, where Ray itself tries for minutes.

The engine and ``earmark doctor`` ask here, so that neither takes what the other refuses.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from urllib.parse import urlsplit

from earmark.errors import MissingExtraError, UsageError, first_line

LOCAL = "local"
"""Stands for no address: a cluster is started here."""
_AUTO = "auto"

_ANSWER_S = 5.0
_ADMITTED_S = 20.0
_SETTINGS = b"\x04"
_FRAME_HEAD_BYTES = 9
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00" + _SETTINGS + b"\x00\x00\x00\x00\x00"

_ASK = """
import sys
import ray
print(flush=True)
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="CRITICAL")
except Exception as error:
    sys.exit((str(error).strip().splitlines() or [type(error).__name__])[0])
ray.shutdown()
"""
"""What the process that asks does: an empty line on stdout when Ray is loaded, and why it may not join on stderr."""
_NOT_OF_THE_ASKER = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Of a job that was submitted. It is the driver's: who only asks is no driver of it."""


def address_of(asked: str | None) -> str:
    """``asked``, else the environment's RAY_ADDRESS, else LOCAL. Raises UsageError for what leads to no cluster."""
    address = asked or os.environ.get("RAY_ADDRESS") or LOCAL
    if "://" in address:
        raise UsageError(
            f"{address} is no address of a cluster that a driver can join",
            hint="start on the cluster: ray job submit --working-dir . -- earmark eval ... --engine ray --address auto",
        )
    return address


def check_answers(address: str) -> None:
    """Raise UsageError where nobody at ``HOST:PORT`` speaks HTTP/2, as Ray's head does, within seconds.

    ``auto`` is the address that Ray finds for it: of a cluster that was started on this machine. The greeting is that
    of RFC 9113, section 3.4; an answer begins with SETTINGS. A cluster with TLS, of which Ray's own RAY_USE_TLS tells,
    answers nobody in the clear: there, to listen is enough.
    """
    if address == LOCAL:
        return
    host, port = _place(address, _found() if address == _AUTO else address)
    try:
        with socket.create_connection((host, port), timeout=_ANSWER_S) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
                return
            connection.sendall(_GREETING)
            answer = connection.recv(_FRAME_HEAD_BYTES, socket.MSG_WAITALL)
    except OSError as error:
        raise no_cluster(address, f"{host}:{port}: {first_line(error)}") from error
    if answer[3:4] != _SETTINGS:
        raise no_cluster(address, f"who listens at {host}:{port} is no Ray head: it is usually at port 6379")


def check_admits(address: str) -> None:
    """Raise UsageError where the cluster lets no driver of this machine in, within seconds after Ray is loaded.

    It is tried in a process of its own, since nothing else can end Ray's attempt: another server that speaks HTTP/2,
    such as Ray's own for clients (port 10001), or a cluster that this machine is no node of, would hold up the run.
    """
    variables = {name: value for name, value in os.environ.items() if name != _NOT_OF_THE_ASKER}
    words = [sys.executable, "-c", _ASK, address]
    asking = subprocess.Popen(  # noqa: S603  # this Python, with lines of our own; the address is no shell's
        words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with asking:
        assert asking.stdout is not None, "it is a pipe"  # noqa: S101  # a programmer's error
        asking.stdout.readline()
        deadline = threading.Timer(_ADMITTED_S, asking.kill)
        deadline.start()
        try:
            _, said = asking.communicate()
        finally:
            deadline.cancel()
            asking.kill()
    if asking.returncode > 0:
        raise no_cluster(address, (said.strip().splitlines() or ["Ray does not say why"])[-1])
    if asking.returncode < 0:
        cause = f"Ray did not get in within {_ADMITTED_S:g} s"
        raise no_cluster(address, f"{cause}: is this machine a node of it, and the port that of its head (6379)?")


def no_cluster(address: str, cause: str) -> UsageError:
    """The error of an address that leads to no cluster."""
    return UsageError(
        f"no Ray cluster answers at {address}",
        cause=cause,
        hint="ray start --head prints the address of one; without --address one is started on this machine",
    )


def _place(asked: str, address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"x://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise no_cluster(asked, "it is not HOST:PORT")
    return host, port


def _found() -> str:
    """What ``auto`` stands for, as Ray finds it. Raises MissingExtraError, and UsageError where it finds none."""
    try:
        from ray._private.services import canonicalize_bootstrap_address
    except ModuleNotFoundError as error:
        raise MissingExtraError("engine", "ray", "ray", error.name or "ray") from error
    try:
        found = canonicalize_bootstrap_address(_AUTO)
    except (OSError, RuntimeError, ValueError) as error:
        raise no_cluster(_AUTO, first_line(error)) from error
    return str(found) if found is not None else ""
