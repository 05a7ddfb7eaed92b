"""What the engine knows before it has a cluster: addresses, demands, and what a runtime environment may hold."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from earmark.engines.options import EngineOptions
from earmark.engines.ray import RayEngine
from earmark.engines.ray import address as addresses
from earmark.engines.ray.address import LOCAL, address_of, check_admits, check_answers
from earmark.engines.ray.demand import Demand, Node
from earmark.engines.ray.inspection import looker
from earmark.engines.ray.runtime_env import read_runtime_env
from earmark.errors import MissingExtraError, UsageError

PROCESSORS = (Node("a", "one", 4, 0), Node("b", "two", 2, 0))
GPUS = (Node("a", "one", 4, 2), Node("b", "two", 2, 1))
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


@dataclass
class Listener:
    """A server that says one thing to whoever connects."""

    says: bytes
    heard: list[bytes] = field(default_factory=list)

    @contextmanager
    def port(self) -> Iterator[int]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=self._serve, args=(server,))
            thread.start()
            yield server.getsockname()[1]
            thread.join()

    def _serve(self, server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            self.heard.append(connection.recv(100))
            connection.sendall(self.says)


def test_an_address_is_the_one_asked_for_then_that_of_the_environment(monkeypatch):
    """Without either a cluster is started here."""
    monkeypatch.setenv("RAY_ADDRESS", "head:1")
    assert address_of("node:2") == "node:2"
    assert address_of(None) == "head:1"
    monkeypatch.delenv("RAY_ADDRESS")
    assert address_of(None) == LOCAL


@pytest.mark.parametrize("address", ["ray://head:10001", "http://head:8265"])
def test_an_address_of_another_kind_is_refused_with_the_line_that_works(address):
    """A client of Ray's cannot drive from afar: the driver must see the results."""
    with pytest.raises(UsageError) as raised:
        address_of(address)
    assert "ray job submit" in raised.value.hint


def test_a_head_that_answers_is_accepted():
    """It is greeted as HTTP/2 is, and answers with its settings."""
    head = Listener(SETTINGS)
    with head.port() as port:
        check_answers(f"127.0.0.1:{port}")
    assert head.heard[0].startswith(b"PRI * HTTP/2.0")


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["nothing", "HTTP"])
def test_who_is_no_head_is_said_to_be_none(says):
    """A dashboard, say, at which Ray itself would try for minutes."""
    with Listener(says).port() as port, pytest.raises(UsageError, match="no Ray cluster answers") as raised:
        check_answers(f"127.0.0.1:{port}")
    assert "6379" in raised.value.cause


@pytest.mark.parametrize("said", ["1", "true"])
def test_a_cluster_with_tls_is_not_spoken_to_in_the_clear(monkeypatch, said):
    """It would answer with an alert, which is no greeting; that somebody listens there is all that can be known."""
    head = Listener(b"\x15\x03\x03\x00\x02\x02\x46")
    with head.port() as port, pytest.raises(UsageError, match="no Ray cluster answers"):
        check_answers(f"127.0.0.1:{port}")
    monkeypatch.setenv("RAY_USE_TLS", said)
    with head.port() as port:
        check_answers(f"127.0.0.1:{port}")
    assert head.heard[1] == b""
    with pytest.raises(UsageError, match="no Ray cluster answers"):
        check_answers(f"127.0.0.1:{port}")


def test_who_listens_and_is_silent_costs_no_more_than_the_patience(monkeypatch):
    """The deadline is ours."""
    monkeypatch.setattr("earmark.engines.ray.address._ANSWER_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(UsageError, match="no Ray cluster answers"):
        check_answers(f"127.0.0.1:{server.getsockname()[1]}")


def finding(monkeypatch: pytest.MonkeyPatch, found: str | None) -> None:
    """Let Ray find this for ``auto``."""
    services = ModuleType("ray._private.services")

    def canonicalize(asked: str) -> str:
        assert asked == "auto"
        if found is None:
            raise ConnectionError("Could not find any running Ray instance.\nMore of it.")
        return found

    services.canonicalize_bootstrap_address = canonicalize
    monkeypatch.setitem(sys.modules, "ray._private.services", services)


def test_auto_is_asked_at_the_address_that_ray_finds(monkeypatch):
    """A file that a dead cluster left is no cluster: Ray would try there for a minute."""
    with Listener(SETTINGS).port() as port:
        finding(monkeypatch, f"127.0.0.1:{port}")
        check_answers("auto")
    with pytest.raises(UsageError, match="no Ray cluster answers at auto") as raised:
        check_answers("auto")
    assert f"127.0.0.1:{port}" in raised.value.cause


def test_auto_without_any_cluster_is_said_at_once(monkeypatch):
    """In Ray's words, one line of them."""
    finding(monkeypatch, None)
    with pytest.raises(UsageError, match="no Ray cluster answers at auto") as raised:
        RayEngine(EngineOptions(address="auto"))
    assert raised.value.cause == "Could not find any running Ray instance."


@pytest.mark.parametrize(
    ("does", "cause"),
    [
        ("time.sleep(1000)", "Ray did not get in within 0.05 s"),
        ("sys.exit('Version mismatch: 2.1 and 2.2')", "Version mismatch: 2.1 and 2.2"),
    ],
)
def test_who_answers_and_lets_nobody_in_costs_no_more_than_the_patience(monkeypatch, does, cause):
    """The process that asks is ended at the deadline, and its reason is the cause."""
    monkeypatch.setattr(addresses, "_ADMITTED_S", 0.05)
    monkeypatch.setattr(addresses, "_ASK", f"import sys, time; print(flush=True); {does}")
    with pytest.raises(UsageError, match="no Ray cluster answers at head:6379") as raised:
        check_admits("head:6379")
    assert raised.value.cause.startswith(cause)


def test_who_is_let_in_goes_on(monkeypatch):
    """What the process that asks may not have is the job that this one may be."""
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    monkeypatch.setattr(addresses, "_ASK", "import os; assert 'RAY_JOB_CONFIG_JSON_ENV_VAR' not in os.environ")
    check_admits("head:6379")


@pytest.mark.soak
def test_another_server_that_speaks_http_2_is_no_cluster(monkeypatch):
    """Ray's own server for clients speaks gRPC as its head does, and Ray tries there for more than a minute."""
    grpc = pytest.importorskip("grpc")
    monkeypatch.setattr(addresses, "_ADMITTED_S", 3.0)
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        check_answers(f"127.0.0.1:{port}")
        with pytest.raises(UsageError, match="no Ray cluster answers") as raised:
            check_admits(f"127.0.0.1:{port}")
        assert "within 3 s" in raised.value.cause
    finally:
        server.stop(0).wait()


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:port", "head:99999", "[::1"])
def test_what_is_no_address_is_refused_before_anybody_is_asked(address):
    """It must be HOST:PORT."""
    with pytest.raises(UsageError) as raised:
        check_answers(address)
    assert raised.value.cause == "it is not HOST:PORT"


def test_a_closed_port_is_refused_when_the_engine_is_made():
    """Before any data are read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UsageError, match=f"no Ray cluster answers at 127.0.0.1:{port}"):
        RayEngine(EngineOptions(address=f"127.0.0.1:{port}"))


@pytest.mark.parametrize(
    ("asked", "nodes", "demand", "num_places"),
    [
        ({}, PROCESSORS, (None, 1.0, 0.0), 6),
        ({"num_workers": 9}, PROCESSORS, (9, 1.0, 0.0), 9),
        ({}, GPUS, (None, 0.0, 1.0), 3),
        ({"gpus": "auto"}, GPUS, (None, 0.0, 1.0), 3),
        ({"gpus": "2"}, GPUS, (2, 0.0, 1.0), 2),
        ({"gpus": "9"}, GPUS, (3, 0.0, 1.0), 3),
        ({"gpus": "0"}, GPUS, (None, 1.0, 0.0), 6),
        ({"gpus": "2", "num_workers": 8}, GPUS, (8, 0.0, 0.25), 8),
        ({"gpus": "auto", "num_workers": 4}, GPUS, (4, 0.0, 0.5), 4),
        ({"num_workers": 2}, GPUS, (2, 0.0, 1.0), 2),
    ],
)
def test_a_worker_takes_a_gpu_or_a_slot_or_a_share(asked, nodes, demand, num_places):
    """A share is the same on every GPU, since none may span two."""
    found = Demand.of(EngineOptions(**asked), nodes)
    assert (found.num_workers, found.num_cpus_each, found.num_gpus_each) == demand
    assert found.num_places(nodes) == num_places


@pytest.mark.parametrize(
    ("asked", "nodes", "has_gpus"),
    [({}, GPUS, True), ({}, PROCESSORS, False), ({"gpus": "0"}, GPUS, False), ({"gpus": "auto"}, GPUS, True),
     ({"gpus": "2"}, GPUS, True), ({"num_workers": 1}, GPUS, True), ({}, None, None)],
)  # fmt: skip
def test_the_engine_knows_whether_its_workers_have_gpus(monkeypatch, asked, nodes, has_gpus):
    """By what is asked for, else by the cluster; the driver's own devices mean nothing."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("earmark.engines.ray.is_connected", lambda: nodes is not None)
    monkeypatch.setattr("earmark.engines.ray.alive_nodes", lambda: nodes)
    assert RayEngine(EngineOptions(**asked)).has_gpus is has_gpus


def test_a_cluster_that_has_one_slot_works_by_one_and_may_grow(monkeypatch):
    """A forecast is of those that would work now; files are named for several."""
    monkeypatch.setattr("earmark.engines.ray.is_connected", lambda: True)
    monkeypatch.setattr("earmark.engines.ray.alive_nodes", lambda: (Node("a", "one", 1, 0),))
    assert (RayEngine(EngineOptions()).num_places, RayEngine(EngineOptions()).num_workers) == (1, 2)
    assert RayEngine(EngineOptions(num_workers=5)).num_places == 5


def test_gpus_are_called_what_the_cluster_calls_them(monkeypatch):
    """What most of them are; and never what the driver's machine has."""
    nodes = (Node("a", "one", 4, 2, "T4"), Node("b", "two", 2, 8, "L4"), Node("c", "three", 2, 0))
    monkeypatch.setattr("earmark.engines.ray.is_connected", lambda: True)
    monkeypatch.setattr("earmark.engines.ray.alive_nodes", lambda: nodes)
    assert RayEngine(EngineOptions()).gpu_name == "L4"
    monkeypatch.setattr("earmark.engines.ray.alive_nodes", lambda: GPUS)
    assert RayEngine(EngineOptions()).gpu_name == "cuda"
    monkeypatch.setattr("earmark.engines.ray.is_connected", lambda: False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert RayEngine(EngineOptions()).gpu_name is None


def test_gpus_that_nobody_has_are_refused_with_the_nodes():
    """And no slot at all likewise."""
    with pytest.raises(UsageError, match="no GPU") as raised:
        Demand.of(EngineOptions(gpus="2"), PROCESSORS)
    assert "one, two" in raised.value.cause
    with pytest.raises(UsageError, match="no slot"):
        Demand.of(EngineOptions(), [Node("a", "one", 0, 0)])


def test_ids_of_gpus_are_refused():
    """Ray says which one a worker gets."""
    with pytest.raises(UsageError, match="Ray chooses") as raised:
        RayEngine(EngineOptions(gpus="0,2"))
    assert "--gpus auto" in raised.value.hint


def test_a_missing_package_is_one_sentence(monkeypatch):
    """With the line that installs it."""
    monkeypatch.setattr("earmark.engines.ray.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as raised:
        RayEngine(EngineOptions())
    assert raised.value.hint == "pip install 'earmark[ray]'"


def test_a_runtime_environment_is_passed_on_as_it_is(tmp_path):
    """Whatever it holds is Ray's to understand."""
    wanted = {"pip": ["jiwer"], "working_dir": ".", "env_vars": {"TOKENIZERS_PARALLELISM": "false", "LANG": "C"}}
    file = tmp_path / "env.json"
    file.write_text(json.dumps(wanted))
    assert read_runtime_env(file) == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_TOKEN", "canary-1"),
        ("AWS_SECRET_ACCESS_KEY", "canary-1"),
        ("OPENAI_API_KEY", "canary-1"),
        ("PGPASSWORD", "canary-1"),
        ("ENDPOINT", "https://me:canary-1@host/x"),
    ],
)
def test_a_secret_in_a_runtime_environment_is_refused_and_not_shown(tmp_path, name, value):
    """Ray would show it on its dashboard."""
    file = tmp_path / "env.json"
    file.write_text(json.dumps({"env_vars": {name: value}}))
    with pytest.raises(UsageError, match=f"{name} .* looks like a secret") as raised:
        RayEngine(EngineOptions(runtime_env=str(file)))
    assert "canary" not in f"{raised.value} {raised.value.cause} {raised.value.hint}"


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"pip": ["jiwer", "--find-links https://bob:canary-1@pypi.example/wheels"]}, "pip"),
        ({"pip": {"packages": ["earmark @ git+https://canary-1@git.example/a.git"]}}, "packages"),
        ({"uv": {"uv_pip_install_options": ["--find-links=https://__token__:canary-1@pypi.example/"]}}, "uv_pip"),
        ({"working_dir": "https://canary-1@git.example/a/b/archive/main.zip"}, "working_dir"),
        ({"py_modules": ["s3://bucket/a.zip?X-Amz-Signature=canary-1"]}, "py_modules"),
        ({"config": {"eager": [{"registry_password": "canary-1"}]}}, "registry_password"),
        ({"conda": {"https://bob:canary-1@conda.example": 1}}, "https://conda.example"),
    ],
)
def test_a_secret_anywhere_else_in_a_runtime_environment_is_refused_and_not_shown(tmp_path, environment, name):
    """All of it is shown, and not only the variables."""
    file = tmp_path / "env.json"
    file.write_text(json.dumps(environment))
    with pytest.raises(UsageError, match=f"^{name}.* looks like a secret") as raised:
        read_runtime_env(file)
    assert "canary" not in f"{raised.value} {raised.value.cause} {raised.value.hint}"


def test_what_pip_s_requirements_say_behind_a_url_is_no_secret(tmp_path):
    """A package in a folder of a repository, or of a certain content."""
    wanted = {
        "pip": ["git+https://git.example/a/b.git@v1#subdirectory=src/b", f"https://a.example/b.whl#sha256={'0' * 64}"],
        "working_dir": "s3://bucket/folder/code.zip",
        "eager_install": True,
    }
    file = tmp_path / "env.json"
    file.write_text(json.dumps(wanted))
    assert read_runtime_env(file) == wanted


@pytest.mark.parametrize("text", ["", "[]", "{", '{"env_vars": []}', '{"env_vars": {"A": 1}}', "[" * 100_000])
def test_what_is_no_runtime_environment_is_refused(tmp_path, text):
    """Neither JSON nor an object, or variables that are no texts."""
    file = tmp_path / "env.json"
    file.write_text(text)
    with pytest.raises(UsageError):
        read_runtime_env(file)


def test_a_runtime_environment_that_is_not_there_or_too_large_is_refused(tmp_path):
    """With its name."""
    with pytest.raises(UsageError, match=r"none\.json cannot be read"):
        read_runtime_env(tmp_path / "none.json")
    (tmp_path / "large.json").write_text(" " * (1 << 21))
    with pytest.raises(UsageError, match="larger"):
        read_runtime_env(tmp_path / "large.json")


def test_a_node_without_earmark_says_so(monkeypatch):
    """It cannot import what is not there, and has none of it."""
    monkeypatch.setitem(sys.modules, "earmark", None)
    ray = pytest.importorskip("ray")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    what, hint = looker()({"Python": python, "ray": ray.__version__, "earmark": "1.0"}, b"", ".")
    assert what == "has earmark none (the driver: 1.0)"
    assert "--runtime-env" in hint


def test_paths_are_relative_to_the_folder_of_the_driver(tmp_path, monkeypatch):
    """A node that has it goes there before it looks."""
    import pickle
    from importlib.metadata import version

    monkeypatch.chdir(Path("/"))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    from earmark import __version__

    versions = {"Python": python, "ray": version("ray"), "earmark": __version__}
    (tmp_path / "seen").touch()
    assert looker()(versions, pickle.dumps(Here()), str(tmp_path)) is None


@dataclass
class Here:
    """A probe that wants a file in the folder that it is asked in."""

    def __call__(self) -> str | None:
        return None if Path("seen").exists() else "is elsewhere"
