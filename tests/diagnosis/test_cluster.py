"""An address answers, or it is said within seconds that it does not."""

from __future__ import annotations

import socket

import pytest

from earmark.diagnosis.cluster import cluster_finding


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def silent():
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "http://127.0.0.1:{}"])
def test_an_address_that_answers_is_fine(listening, form):
    """In each form that Ray takes."""
    assert cluster_finding(form.format(listening), asked_by="--address", level="problem").level == "ok"


def test_an_address_that_is_silent_is_told_with_what_to_do(silent):
    """With the level that its asker gives, and without a password."""
    finding = cluster_finding(f"http://me:canary@127.0.0.1:{silent}", asked_by="RAY_ADDRESS", level="warning")
    assert finding.level == "warning"
    assert "cannot be reached" in finding.sentence
    assert "canary" not in f"{finding}"
    assert "RAY_ADDRESS" in finding.mend


@pytest.mark.parametrize("address", ["", ":1", "host:port", "a b:1", "[::1", "x" * 300])
def test_nonsense_is_no_address(address):
    """It is a finding, too."""
    assert cluster_finding(address, asked_by="--address", level="problem").level == "problem"


def test_what_ray_finds_itself_is_not_asked():
    """``auto`` names no host."""
    assert cluster_finding("auto", asked_by="--address", level="problem").level == "ok"
