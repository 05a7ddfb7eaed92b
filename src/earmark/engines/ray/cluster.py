"""The connection to a Ray cluster: one that is there, or one of this machine's own that ends with the run.

Knows addresses, tokens and nodes. Knows nothing of shards.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from earmark.engines.environment import having
from earmark.engines.ray.demand import Node
from earmark.errors import EngineError, UsageError, first_line

LOCAL = "local"
"""Stands for no address: a cluster is started here."""

_FAILURES = (OSError, RuntimeError, ValueError)  # what ray.init raises, by its documentation and in practice
_ANSWER_S = 5.0
_SETTINGS = b"\x04"
_FRAME_HEAD_BYTES = 9
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00" + _SETTINGS + b"\x00\x00\x00\x00\x00"
_OBJECT_STORE_BYTES = 128 << 20
"""Shards and receipts are small; Ray would take a third of the memory."""


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

    Ray itself tries for minutes. The greeting is that of RFC 9113, section 3.4; an answer begins with SETTINGS. A
    cluster with TLS, of which Ray's own RAY_USE_TLS tells, answers nobody in the clear: there, to listen is enough.
    """
    if address in (LOCAL, "auto"):
        return
    try:
        parts = urlsplit(f"x://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise _no_cluster(address, "it is not HOST:PORT")
    try:
        with socket.create_connection((host, port), timeout=_ANSWER_S) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
                return
            connection.sendall(_GREETING)
            answer = connection.recv(_FRAME_HEAD_BYTES, socket.MSG_WAITALL)
    except OSError as error:
        raise _no_cluster(address, first_line(error)) from error
    if answer[3:4] != _SETTINGS:
        raise _no_cluster(address, "who listens there is no Ray head: it is usually at port 6379")


@contextlib.contextmanager
def connected(address: str, *, num_cpus: int | None, runtime_env: Mapping[str, Any]) -> Iterator[None]:
    """Be connected within the block. A cluster of our own has ``num_cpus`` slots, and ends with the block.

    Raises UsageError where there is no cluster, or one of another version, and EngineError where none can be started.
    """
    common: dict[str, Any] = {
        "runtime_env": dict(runtime_env) or None,
        "log_to_driver": False,  # it would print what workers say to our stdout, which is for results
        "logging_level": logging.ERROR,
    }
    with _of_its_own() if address == LOCAL else contextlib.nullcontext():
        import ray

        with _signals_kept():
            if address == LOCAL:
                _start(num_cpus, common)
            else:
                _join(address, common)
        try:
            _keep_stdout_clean()
            yield
        finally:
            ray.shutdown()


def is_connected() -> bool:
    """Whether this process is connected to a cluster already."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def alive_nodes() -> list[Node]:
    """The nodes that take work, in the order of their names."""
    import ray

    found = []
    for node in ray.nodes():
        if node["Alive"]:
            has = node["Resources"]
            name = node["NodeManagerHostname"] or node["NodeManagerAddress"]
            found.append(Node(node["NodeID"], name, int(has.get("CPU", 0)), int(has.get("GPU", 0))))
    return sorted(found, key=lambda node: (node.name, node.id))


def _start(num_cpus: int | None, common: dict[str, Any]) -> None:
    import ray

    try:
        with _on_loopback():
            ray.init(
                address=LOCAL,
                num_cpus=num_cpus,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                _node_ip_address="127.0.0.1",
                **common,
            )
    except _FAILURES as error:
        ray.shutdown()
        raise EngineError("Ray cannot be started here", cause=first_line(error)) from error


def _join(address: str, common: dict[str, Any]) -> None:
    import ray

    try:
        ray.init(address=address, **common)
    except _FAILURES as error:
        raise _no_cluster(address, first_line(error)) from error


def _no_cluster(address: str, cause: str) -> UsageError:
    return UsageError(
        f"no Ray cluster answers at {address}",
        cause=cause,
        hint="ray start --head prints the address of one; without --address one is started on this machine",
    )


@contextlib.contextmanager
def _of_its_own() -> Iterator[None]:
    """Let Ray use a token that nobody else on this machine knows, and tell nobody of the cluster."""
    own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    try:
        with having(own):
            _read_environment_again()
            yield
    finally:
        _read_environment_again()


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Let Ray keep 127.0.0.1, as it does on macOS. On Linux it would listen on every network for nodes to join."""
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _keep_stdout_clean() -> None:
    """End Ray's thread that prints every death to stdout, which is for results. We say ourselves what a death means."""
    from ray._private.worker import global_worker

    global_worker.threads_stopped.set()
    global_worker.gcs_error_subscriber.close()


def _read_environment_again() -> None:
    """Ray reads its environment when it is imported, and never again by itself."""
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]  # its stub has not all

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself, which the run answers by an orderly stop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
