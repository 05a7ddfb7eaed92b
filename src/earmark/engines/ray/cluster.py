"""The connection to a Ray cluster: one that is there, or one of this machine's own that ends with the run.

Knows tokens and nodes; which addresses lead to a cluster is known to ``address``. Knows nothing of shards.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from earmark.engines.environment import having
from earmark.engines.ray.address import LOCAL, check_admits, no_cluster
from earmark.engines.ray.demand import Node
from earmark.errors import EngineError, first_line

_FAILURES = (OSError, RuntimeError, ValueError)  # what ray.init raises, by its documentation and in practice
_KIND = "accelerator_type:"
"""What Ray puts before the kind of a node's GPUs, among its resources."""
_OBJECT_STORE_BYTES = 128 << 20
"""Shards and receipts are small; Ray would take a third of the memory."""


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
            gpus = [key.removeprefix(_KIND) for key in sorted(has) if key.startswith(_KIND)]
            kind = gpus[0] if gpus else None
            found.append(Node(node["NodeID"], name, int(has.get("CPU", 0)), int(has.get("GPU", 0)), kind))
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

    check_admits(address)
    try:
        ray.init(address=address, **common)
    except _FAILURES as error:
        raise no_cluster(address, first_line(error)) from error


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
