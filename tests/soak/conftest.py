"""A cluster of two nodes with a dashboard, which takes jobs; made once a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines.raylets import two_nodes


@pytest.fixture(scope="module")
def job_cluster() -> Iterator[Any]:
    with two_nodes(include_dashboard=True, dashboard_host="127.0.0.1") as nodes:
        yield nodes


@pytest.fixture
def connected(job_cluster: Any) -> Iterator[Any]:
    """The same, with this process connected to it."""
    import ray

    ray.init(address=job_cluster.address, log_to_driver=False)
    yield job_cluster
    ray.shutdown()


@pytest.fixture
def submit(job_cluster: Any) -> list[str]:
    """The beginning of a line that hands a command to the cluster."""
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    return [*ray, "job", "submit", "--address", f"http://{job_cluster.webui_url}"]
