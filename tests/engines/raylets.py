"""A Ray cluster of two nodes on this machine, and what is left of it when it ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from tests.diary import is_running, wait_until

MARK = "EARMARK_TEST_MARK"
STORE_BYTES = 80 << 20
NODE = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "node_ip_address": "127.0.0.1"}
"""What each node is."""
QUICK_DEATHS = {f"health_check_{name}": value for name, value in (("initial_delay_ms", 1000), ("period_ms", 500))}
"""A lost node is noticed in seconds."""

OF_NOBODY = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hunter2hunter2", "AWS_REGION": "us-east-1"}
"""What a node needs for an object store of a test."""


def marked(mark: str) -> list[int]:
    """The processes, but this one, whose environment has the mark: it is handed on to every child."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return [pid for pid in found if is_running(pid)]


def end_all(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def two_nodes(**head: Any) -> Iterator[Any]:
    """A cluster of two raylets with a processor each, on loopback; none of its processes is left after the block."""
    from ray.cluster_utils import Cluster

    mark = secrets.token_hex(8)
    folder = tempfile.mkdtemp(prefix="rays")  # short: the paths of its sockets may have 107 bytes
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    theirs = {MARK: mark, **quiet, **OF_NOBODY}
    # The variable, and the patch where it was read already, keep Ray on loopback, as on macOS; else it listens to all.
    with mock.patch.dict(os.environ, theirs), mock.patch("ray._private.ray_constants.ENABLE_RAY_CLUSTER", new=False):
        os.environ.pop("RAY_ADDRESS", None)
        args = {**NODE, "include_dashboard": False, "temp_dir": folder, "_system_config": QUICK_DEATHS, **head}
        cluster = None
        try:
            cluster = Cluster(initialize_head=True, head_node_args=args, shutdown_at_exit=False)
            cluster.add_node(**NODE)
            cluster.wait_for_nodes()
            yield cluster
        finally:
            if cluster is not None:
                cluster.shutdown()
            else:  # a head that does not come up in Ray's time, on a very busy machine, leaves processes
                end_all(marked(mark))
            assert wait_until(lambda: not marked(mark)), [
                Path(f"/proc/{pid}/cmdline").read_bytes() for pid in marked(mark)
            ]
            shutil.rmtree(folder, ignore_errors=True)
