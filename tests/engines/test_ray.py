"""The engine on a real cluster of two nodes, and on one of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import earmark
from earmark.engines.options import EngineOptions
from earmark.engines.ray import RayEngine
from earmark.engines.ray.address import check_admits, check_answers
from earmark.errors import EngineError, UnknownNameError, UsageError
from earmark.records import Receipt, Shard
from tests.contracts.test_engines import (
    test_every_shard_is_done_and_has_one_receipt,
    test_nothing_is_loaded_without_work,
)
from tests.diary import Diary, is_running, never, plain_shards, run, shard, wait_until
from tests.engines.raylets import MARK, marked, two_nodes
from tests.test_golden_matrix import RECOGNIZERS, scores, stop_early
from tests.toys import toy_source

ROOT = Path(__file__).parents[2]
# The rest of the contract is in the soak: an actor takes seconds to start.
CONTRACT = (test_every_shard_is_done_and_has_one_receipt, test_nothing_is_loaded_without_work)

# One process of pytest-xdist takes all of them, so that one cluster is started.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning:ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes, and this process connected to them, since connecting takes seconds."""
    import ray

    with two_nodes() as nodes:
        ray.init(address=nodes.address, log_to_driver=False)
        yield nodes
        ray.shutdown()


@dataclass
class Sight:
    """A probe that is not seen on one node."""

    blind_node: str

    def __call__(self) -> str | None:
        import ray

        is_blind = ray.get_runtime_context().get_node_id() == self.blind_node
        return "does not see shared-folder" if is_blind else None


@dataclass
class Traveller(Diary):
    """A diary that holds fast to a shard on the third place, once; and one node may see other folders."""

    blind_node: str = ""
    rank: int = 0

    @contextmanager
    def probing(self):
        yield Sight(self.blind_node)

    def __call__(self, shard, *, rank, stop):
        self.rank = rank
        return super().__call__(shard, rank=rank, stop=stop)

    def do(self, action, word, stop):
        if action == "hold" and self.rank == 2:
            self.note(f"held {word}")
            super().do("forever", word, stop)
        elif action == "stoppable":
            assert wait_until(stop)
        super().do(action, word, stop)


@pytest.fixture
def diary(tmp_path: Path) -> Traveller:
    return Traveller(str(tmp_path))


@pytest.fixture
def engine(cluster: Any) -> RayEngine:
    return RayEngine(EngineOptions(num_workers=2))


def parts(receipts: list[Receipt]) -> list[str]:
    return sorted(receipt.part for receipt in receipts)


@pytest.mark.soak
def test_a_cluster_that_lives_answers_and_lets_a_driver_in(cluster):
    """As a process of this machine asks it, before the run's own connects."""
    check_answers(cluster.address)
    check_admits(cluster.address)


@pytest.mark.soak
def test_both_nodes_work_at_the_same_time(engine, diary):
    """Two shards that wait for each other both end."""
    receipts = run(engine, diary, [shard("together-a"), shard("together-b")])
    assert {receipt.rank for receipt in receipts} == {0, 1}


@pytest.mark.soak
def test_more_workers_than_work_or_room_hold_nobody_up(cluster, diary):
    """No actor is started for which there is no shard, and one that has no room is not waited for."""
    receipts = run(RayEngine(EngineOptions(num_workers=9)), diary, plain_shards(4))
    assert parts(receipts) == ["s0", "s1", "s2", "s3"]
    assert len(diary.noted("entered")) <= 4
    receipts = run(RayEngine(EngineOptions(num_workers=9)), diary, plain_shards(1))
    assert parts(receipts) == ["s0"]


@pytest.mark.soak
def test_a_consumer_that_goes_away_leaves_no_worker(engine, diary):
    """The generator closed in the middle ends the actors, also those in the middle of a shard."""
    receipts = engine.run(diary, iter([shard("forever"), shard("quick"), shard("quick")]), stop=never)
    assert next(receipts).part == "quick"
    assert wait_until(lambda: bool(diary.noted("began forever")))
    receipts.close()
    assert wait_until(lambda: not any(is_running(pid) for pid in diary.pids("entered")))


@pytest.mark.soak
def test_a_stop_is_heard_in_the_middle_of_a_shard(engine, diary):
    """The worker that has it is told, and gives the receipt of what it did."""
    receipts = list(
        engine.run(diary, iter([shard("stoppable-a"), *plain_shards(9)]), stop=lambda: bool(diary.noted("began stop")))
    )
    assert "stoppable-a" in parts(receipts)


def test_a_killed_actor_is_replaced_in_its_place_and_its_shard_done_again(cluster, diary):
    """The shard is done in the end, by another process of the same rank."""
    receipts = run(RayEngine(EngineOptions(num_workers=1)), diary, [shard("s0"), shard("once-a s1"), shard("s2")])
    assert parts(receipts) == ["once-a s1", "s0", "s2"]
    assert diary.noted("began once-a") == ["began once-a on 0"] * 2
    assert len(set(diary.pids("entered"))) == 2


@pytest.mark.soak
def test_an_idle_actor_that_dies_costs_nothing(cluster, diary, monkeypatch):
    """Killed between two shards, it is replaced, and none of them counts a death."""
    monkeypatch.setattr("earmark.engines.jobs._DEATHS_PER_SHARD", 1)
    received = []
    for receipt in RayEngine(EngineOptions(num_workers=1)).run(diary, iter(plain_shards(3)), stop=never):
        received.append(receipt)
        if len(received) == 1:
            [pid] = diary.pids("entered")
            os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda pid=pid: not is_running(pid))
    assert parts(received) == ["s0", "s1", "s2"]
    assert diary.noted("gave up") == []
    assert len(diary.noted("entered")) == 2


@pytest.mark.soak
@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("SIGKILL-a", "1 workers died of it: was lost: its worker process has died"),
        pytest.param("surprise-a", "1 workers died of it: raised LookupError: surprise-a", marks=pytest.mark.soak),
        ("forever-a", "1 workers died of it: timed out after 1 s"),
    ],
)
def test_a_guilty_segment_is_found_and_only_it_is_given_up(cluster, diary, monkeypatch, word, reason):
    """Shard, batch, segment; its reason says how the workers were lost."""
    monkeypatch.setattr("earmark.engines.jobs._DEATHS_PER_SHARD", 1)
    patient = RayEngine(EngineOptions(num_workers=2, shard_timeout_s=1.0 if "forever" in word else None))
    receipts = run(patient, diary, [shard(f"s0 {word}"), *plain_shards(2)])
    [given_up] = [receipt for receipt in receipts if receipt.num_failed]
    assert given_up.part == word
    assert given_up.device.startswith(reason)
    assert Counter(" ".join(parts(receipts)).split()) == {"s0": 2, "s1": 1, word: 1}


@pytest.mark.soak
def test_workers_that_die_while_loading_end_the_run_and_fail_nothing(cluster, tmp_path, monkeypatch):
    """An error of the engine, not an endless loop; nobody tried the utterances, so none is given up."""
    monkeypatch.setattr("earmark.engines.ray.crew._FAILED_STARTS", 1)
    work = Traveller(str(tmp_path), entering="exit")
    with pytest.raises(EngineError, match="no worker can load") as raised:
        run(RayEngine(EngineOptions(num_workers=2)), work, plain_shards(3))
    assert raised.value.cause.startswith("the last one was lost")
    assert work.noted("gave up") == []


@pytest.mark.soak
def test_an_error_of_one_worker_ends_the_run_after_the_others_committed(engine, diary):
    """What another one has under way is finished, told to stop, and its receipt given."""
    receipts = []
    with pytest.raises(UnknownNameError):
        receipts += engine.run(diary, iter([shard("stoppable-a"), shard("raise-b"), *plain_shards(3)]), stop=never)
    assert diary.noted("done stoppable-a") == ["done stoppable-a"]


@pytest.mark.soak
def test_a_node_that_joins_works_and_when_it_is_killed_its_shard_goes_to_another(cluster, diary):
    """Nothing is lost, nothing done twice, nothing given up, and no death counted."""
    received: list[Receipt] = []
    asked: list[str] = []

    def queue() -> Iterator[Shard]:
        while not (held() and held()[0] in {receipt.part for receipt in received}):
            asked.append(f"hold-{len(asked)}")
            yield shard(asked[-1])

    def held() -> list[str]:
        return [words.split()[1] for words in diary.noted("held")]

    third: Any = None
    is_killed = False
    for receipt in RayEngine(EngineOptions()).run(diary, queue(), stop=never):
        received.append(receipt)
        if third is None:
            third = cluster.add_node(num_cpus=1, object_store_memory=80 << 20, node_ip_address="127.0.0.1")
        elif held() and not is_killed:
            cluster.remove_node(third, allow_graceful=False)
            is_killed = True
    assert len(held()) == 1
    assert parts(received) == sorted(asked)
    assert diary.noted("gave up") == []
    assert {receipt.rank for receipt in received} >= {0, 1}


def test_a_node_with_another_version_is_named_before_any_work(engine, diary, monkeypatch):
    """With both versions, and nothing is loaded."""
    monkeypatch.setattr(earmark, "__version__", "99.0")
    with pytest.raises(UsageError, match=r"the Ray node .* cannot work for this run") as raised:
        run(engine, diary, plain_shards(2))
    assert re.search(r"has earmark \d\S* \(the driver: 99\.0\)", raised.value.cause)
    assert diary.noted("entered") == []


def test_a_node_that_sees_another_folder_is_named_before_any_work(cluster, tmp_path):
    """With the folder, and what to give instead."""
    import ray

    cluster.wait_for_nodes()  # one that a test before this killed may still be believed to live
    here = ray.get_runtime_context().get_node_id()
    [other] = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["NodeID"] != here]
    work = Traveller(str(tmp_path), blind_node=other)
    with pytest.raises(UsageError) as raised:
        run(RayEngine(EngineOptions(num_workers=2)), work, plain_shards(2))
    assert raised.value.cause == "it does not see shared-folder"
    assert "s3://" in raised.value.hint
    assert work.noted("entered") == []


def test_gpus_of_a_cluster_that_has_none_are_refused(cluster, diary):
    """Never a silent run on processors."""
    with pytest.raises(UsageError, match="no GPU"):
        run(RayEngine(EngineOptions(gpus="auto")), diary, plain_shards(2))
    assert diary.noted("entered") == []


def test_the_number_of_workers_is_the_number_of_slots(cluster):
    """One a processor of each node, unless a number is asked for."""
    assert RayEngine(EngineOptions()).num_workers == 2
    assert RayEngine(EngineOptions(num_workers=7)).num_workers == 7


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return toy_source(tmp_path_factory.mktemp("audio"), 12)


# One of them in every test run; the others differ in what a worker does, which the engine does not see.
LONG = [name if name == "split batches" else pytest.param(name, marks=pytest.mark.soak) for name in RECOGNIZERS]


@pytest.mark.parametrize("name", LONG)
def test_the_scores_of_a_resumed_run_are_the_same_bytes(cluster, source, tmp_path, name):
    """Begun inline, interrupted, and finished by two workers of a cluster."""
    make = RECOGNIZERS[name]
    truth = scores(make(source.texts), source, tmp_path / "truth")
    stop_early(make(source.texts), source, tmp_path / "run")
    assert scores(make(source.texts), source, tmp_path / "run", engine="ray", workers=2) == truth


def listening(pids: list[int]) -> set[str]:
    """The addresses that the processes listen at, as the kernel writes them."""
    theirs = set()
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for file in Path(f"/proc/{pid}/fd").iterdir():
                theirs.add(re.sub(r"\D", "", str(file.readlink())) if file.is_symlink() else "")
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in theirs:
                found.add(fields[1].partition(":")[0])
    return found


def drive_alone(folder: str) -> None:
    """A driver with a cluster of its own: says what it sees of it, on stdout."""
    receipts = RayEngine(EngineOptions(num_workers=2)).run(Diary(folder), iter(plain_shards(4)), stop=never)
    got = [next(receipts).part]
    servers = lasting_servers(os.environ[MARK])
    told = {name_of(pid): variables for pid, variables in servers.items() if variables}
    seen = {
        "addresses": sorted(listening(list(servers))),
        "modes": {name: variables.get("RAY_AUTH_MODE") for name, variables in told.items()},
        "tokens": sorted({variables.get("RAY_AUTH_TOKEN", "") for variables in told.values()}),
    }
    got += [receipt.part for receipt in receipts]
    print(json.dumps({**seen, "parts": got, "left": [name for name in os.environ if name.startswith("RAY_AUTH")]}))  # noqa: T201


def lasting_servers(mark: str) -> dict[int, dict[str, str]]:
    """The processes that ask others in, as two looks in a row find them, each with its variables as it began.

    One that is just forked has its parent's servers and variables, one that is ending has none: neither lasts.
    """
    before: dict[int, dict[str, str]] = {}
    for _ in range(60):
        seen = {pid: environment(pid) for pid in marked(mark) if listening([pid])}
        if seen and seen == before:
            break
        before = seen
        time.sleep(0.5)
    return before


def environment(pid: int) -> dict[str, str]:
    """Empty where it cannot be known: a process that gave itself a title wrote over the first of its variables."""
    with contextlib.suppress(OSError):  # it has ended meanwhile
        pairs = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
        if re.match(r"\w+=", pairs[0]):
            return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return {}


def name_of(pid: int) -> str:
    with contextlib.suppress(OSError):  # likewise
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")[:200]
    return str(pid)


LOOPBACK = re.compile(r"0100007F|0000000000000000FFFF00000100007F|00000000000000000000000001000000")


def test_a_cluster_of_its_own_is_closed_to_others_and_ends_with_the_run(tmp_path):
    """It listens on loopback alone, wants a token that is drawn for it, leaves no process, and says nothing."""
    mark = secrets.token_hex(8)
    command = f"from tests.engines.test_ray import drive_alone; drive_alone({str(tmp_path)!r})"
    variables = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", command],
        cwd=ROOT, env={**variables, MARK: mark}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert sorted(seen["parts"]) == ["s0", "s1", "s2", "s3"]
    assert seen["addresses"]
    assert all(LOOPBACK.fullmatch(address) for address in seen["addresses"])
    assert {*seen["modes"].values()} == {"token"}, seen["modes"]
    assert all(any(name in one for one in seen["modes"]) for name in ("/gcs_server ", "/raylet ")), seen["modes"]
    assert [len(token) for token in seen["tokens"]] == [64]
    assert seen["left"] == []
    assert done.stderr == ""
    assert wait_until(lambda: not marked(mark))
