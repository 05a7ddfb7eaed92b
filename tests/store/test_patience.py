"""A store that is out of reach for a while: waited for where it answered before, said at once where it never did."""

from __future__ import annotations

import logging
import time
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from earmark.errors import StoreError
from earmark.store import object_folder
from earmark.store.folder import open_folder
from earmark.store.object_folder import ObjectFolder

UNREACHABLE = "AWS Error NETWORK_CONNECTION during PutObject operation: curlCode: 7, Couldn't connect to server"


class Flaky:
    """A file system that raises for its next ``num_failures`` calls."""

    def __init__(self, problem: str = UNREACHABLE) -> None:
        self.filesystem, self.path = fs.FileSystem.from_uri("mock:///bucket/run")
        self.problem = problem
        self.num_failures = 0

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if self.num_failures:
                self.num_failures -= 1
                raise OSError(self.problem)
            return getattr(self.filesystem, name)(*arguments, **options)

        return call


@pytest.fixture(autouse=True)
def _without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_folder, "_PAUSE_S", 0.0)


def folder_on(flaky: Flaky) -> ObjectFolder:
    return ObjectFolder("s3://bucket/run", flaky, flaky.path)


OPERATIONS = {
    "names": lambda folder: folder.names(),
    "entries": lambda folder: folder.entries(),
    "has": lambda folder: folder.has("x"),
    "open": lambda folder: folder.open("x"),
    "read": lambda folder: folder.read("x"),
    "write": lambda folder: folder.write("x", b"2"),
    "create": lambda folder: folder.create("y", b"2"),
    "remove": lambda folder: folder.remove("x"),
    "below": lambda folder: folder.folder("parts").names(),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_store_that_answered_before_is_waited_for(name):
    """Three failures in a row, whatever is done."""
    flaky = Flaky()
    folder = folder_on(flaky)
    folder.write("x", b"1")
    flaky.num_failures = 3
    OPERATIONS[name](folder)
    assert flaky.num_failures == 0


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_store_that_never_answered_is_said_to_be_out_of_reach(name):
    """A wrong address is not waited for."""
    flaky = Flaky()
    flaky.num_failures = 1
    with pytest.raises(StoreError) as raised:
        OPERATIONS[name](folder_on(flaky))
    assert raised.value.cause == "its server does not answer"


def test_what_a_store_refuses_is_not_tried_again():
    """It answers, and says no."""
    flaky = Flaky("AWS Error ACCESS_DENIED during PutObject operation: no")
    folder = folder_on(flaky)
    folder.write("x", b"1")
    flaky.num_failures = 2
    with pytest.raises(StoreError, match="cannot write"):
        folder.write("x", b"2")
    assert flaky.num_failures == 1


def test_patience_has_an_end(monkeypatch):
    """A store that is gone for good ends the run."""
    monkeypatch.setattr(object_folder, "_PATIENCE_S", 0.0)
    flaky = Flaky()
    folder = folder_on(flaky)
    folder.write("x", b"1")
    flaky.num_failures = 1
    with pytest.raises(StoreError):
        folder.write("x", b"2")


def test_a_real_server_goes_away_and_comes_back(monkeypatch):
    """The client gives up after some seconds; the server is back when it is tried again."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    for name, value in (
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="patience")
    folder = open_folder("s3://patience/run")
    folder.write("before", b"1")
    server.stop()
    again = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    pauses = []

    def pause(_: float) -> None:
        pauses.append(1)
        if len(pauses) == 1:
            again.start()

    monkeypatch.setattr(object_folder, "time", SimpleNamespace(monotonic=time.monotonic, sleep=pause))
    try:
        folder.write("after", b"2")
        assert folder.names() == ["after", "before"]
    finally:
        if pauses:
            again.stop()
    assert pauses
