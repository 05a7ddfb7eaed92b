"""What a run takes for a cluster's address is fine, and what it refuses is told, by the run's own check."""

from __future__ import annotations

import socket

import pytest

from earmark.diagnosis import cluster
from earmark.diagnosis.cluster import cluster_finding
from earmark.errors import UsageError
from tests.engines.test_ray_alone import SETTINGS, Listener


@pytest.fixture
def silent() -> str:
    """An address that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("has_ray", [True, False])
def test_a_head_that_lets_a_driver_in_is_fine(monkeypatch, has_ray):
    """Where Ray is not installed, it is enough that it answers as a head does."""
    admitted: list[str] = []
    monkeypatch.setattr(cluster, "check_admits", admitted.append)
    monkeypatch.setattr(cluster, "find_spec", lambda name: object() if has_ray else None)
    with Listener(SETTINGS).port() as port:
        finding = cluster_finding(f"127.0.0.1:{port}", asked_by="--address", level="problem")
    assert finding.level == "ok"
    assert admitted == [f"127.0.0.1:{port}"] * has_ray
    assert ("lets a driver in" in finding.sentence) is has_ray or "not known" in finding.sentence


def test_a_head_that_lets_nobody_in_is_not_fine(monkeypatch):
    """With the reason and what to do."""

    def refuse(address: str) -> None:
        raise UsageError(f"no Ray cluster answers at {address}", cause="Version mismatch", hint="ray start --head")

    monkeypatch.setattr(cluster, "check_admits", refuse)
    monkeypatch.setattr(cluster, "find_spec", lambda name: object())
    with Listener(SETTINGS).port() as port:
        finding = cluster_finding(f"127.0.0.1:{port}", asked_by="--address", level="problem")
    assert (finding.level, finding.mend) == ("problem", "ray start --head")
    assert "Version mismatch" in finding.sentence


def test_an_address_that_is_silent_is_told_with_what_to_do(silent):
    """With the level that its asker gives."""
    finding = cluster_finding(silent, asked_by="RAY_ADDRESS", level="warning")
    assert finding.level == "warning"
    assert finding.sentence.startswith(f"RAY_ADDRESS: no Ray cluster answers at {silent}: ")
    assert "ray start --head" in finding.mend


@pytest.mark.parametrize("form", ["http://me:canary@{}", "ray://me:canary@{}"])
def test_an_address_that_a_run_refuses_is_no_cluster(silent, form):
    """Whoever listens there; and a password is not shown."""
    finding = cluster_finding(form.format(silent), asked_by="--address", level="problem")
    assert finding.level == "problem"
    assert "ray job submit" in finding.mend
    assert "canary" not in f"{finding}"


@pytest.mark.parametrize("address", [":1", "host:port", "a b:1", "[::1", "x" * 300])
def test_nonsense_is_no_address(address):
    """It is a finding, too."""
    assert cluster_finding(address, asked_by="--address", level="problem").level == "problem"


def test_a_cluster_that_is_yet_to_be_started_is_not_asked():
    """``local`` is one of the run's own."""
    assert cluster_finding("local", asked_by="--address", level="problem").level == "ok"
