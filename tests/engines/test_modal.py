"""Modal's containers: their bodies on real audio, the driver's bookkeeping, whole runs on a control plane of ours."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark import evaluate
from earmark.engines import mounts
from earmark.engines.distant import MovableWork
from earmark.engines.modal import container
from earmark.engines.modal.container import Answer, Task
from earmark.engines.modal.crew import Crew
from earmark.engines.modal.image import is_from_index, requirements
from earmark.errors import EngineError, UnknownNameError, UsageError
from earmark.recognizers import load_recognizer
from earmark.records import AudioRef, Batch, Receipt, Segment, Shard
from earmark.spec import BatchingSpec, DataSpec, RunSpec
from earmark.store.folder import LocalFolder
from earmark.store.parts import read_part
from earmark.worker import Transcription

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "src" / "earmark" / "demo"
PATIENCE_S = 300.0


def never() -> bool:
    return False


def shard_of(*ids: str, number: int = 0) -> Shard:
    batches = [Batch(number + place, (Segment(0, 0, 1, one, AudioRef(one)),)) for place, one in enumerate(ids)]
    return Shard(tuple(batches))


def transcription(folder: Path, *, recognizer: str = "pocketsphinx", **options: Any) -> Transcription:
    made = load_recognizer(recognizer, options)
    data = DataSpec(name="", fingerprint="", audio_sample="", num_utterances=1)
    spec = RunSpec(recognizer=made.spec, data=data, batching=BatchingSpec(max_batch_s=30.0))
    return Transcription(made, spec, LocalFolder(folder), "attempt", key="0123456789abcdef")


class TestBodies:
    """What runs in a container, run here by Modal's own ``local()``: no account, no network."""

    @pytest.fixture
    def body(self):
        modal = pytest.importorskip("modal", reason="the extra modal is not installed")
        app = modal.App("earmark-test", include_source=False)
        yield app.function(serialized=True, name="do")(container.do)
        container.leave()

    def test_a_container_gives_the_part_that_it_made_durable(self, body, tmp_path):
        """The bytes that travel are those of the file, and hold what the recognizer heard in a real clip."""
        work = transcription(tmp_path / "driver", grammar=str(DEMO / "commands.gram"))
        shard = shard_of(str(DEMO / "clips" / "pause-the-music.flac"))
        answer = body.local(Task(7, pickled(work, tmp_path / "there"), shard, 1, str(tmp_path / "there")))
        assert (answer.ticket, answer.error, answer.receipt.rank) == (7, None, 1)
        assert (tmp_path / "there" / answer.receipt.part).read_bytes() == answer.part
        assert not (tmp_path / "driver").exists()
        work.keep(answer.receipt, answer.part)
        assert read_part(work.folder, answer.receipt.part)["hypothesis"].to_pylist() == ["pause the music"]

    @pytest.mark.soak
    def test_it_hears_in_real_data_what_a_worker_here_hears(self, body, tmp_path, open_data):
        """The same rows for the same utterance, whoever does it."""
        row = json.loads((open_data / "manifest.jsonl").read_text(encoding="utf-8").splitlines()[0])
        audio = row.get("audio_filepath") or row.get("audio")
        work, shard = transcription(tmp_path / "here"), shard_of(str(open_data / audio))
        answer = body.local(Task(0, pickled(work, tmp_path / "there"), shard, 0, str(tmp_path / "there")))
        with work:
            receipt = work(shard, rank=0, stop=never)
        assert answer.receipt.part == receipt.part
        texts = [read_part(LocalFolder(tmp_path / where), receipt.part)["hypothesis"] for where in ("here", "there")]
        assert texts[0] == texts[1]

    def test_a_recognizer_stays_loaded_from_one_shard_to_the_next(self, body, tmp_path):
        """The second task finds the work of the first."""
        work = pickled(transcription(tmp_path / "driver", recognizer="echo"), tmp_path / "there")
        loaded = []
        for ticket in range(2):
            body.local(Task(ticket, work, shard_of(f"{ticket}.wav"), 0, str(tmp_path / "there")))
            loaded.append(container._loaded._work)
        assert loaded[0] is loaded[1]

    def test_an_error_of_ours_is_an_answer(self, body, tmp_path):
        """So Modal does not try again what cannot succeed, and the driver raises it."""
        work = transcription(tmp_path / "driver", recognizer="echo")
        (tmp_path / "there").touch()  # where its folder should be
        answer = body.local(Task(3, pickled(work, tmp_path / "there"), shard_of("a.wav"), 0, str(tmp_path / "there")))
        assert (answer.ticket, answer.receipt) == (3, None)
        assert str(tmp_path / "there") in str(answer.error)


class Fallen:
    """Work that cannot be entered, or that raises: nothing of ours, either way."""

    def __init__(self, *, loads: bool) -> None:
        self.loads = loads

    def at(self, folder):
        return self

    def __enter__(self):
        if not self.loads:
            raise ImportError("no torch")
        return self

    def __exit__(self, *_):
        return None

    def __call__(self, shard, *, rank, stop):
        raise RuntimeError("fell over")


@pytest.mark.parametrize(("loads", "said"), [(True, "RuntimeError: fell over"), (False, "ImportError: no torch")])
def test_what_a_container_raises_is_an_answer_with_its_ticket(loads, said, tmp_path):
    """An exception of the map would not say whose it is; and whether the work was entered tells whose fault it is."""
    work = pickle.dumps(Fallen(loads=loads))
    answer = container.do(Task(5, work, shard_of("a.wav"), 0, str(tmp_path / str(loads))))
    container._loaded._work = None
    assert answer == Answer(5, failure=said, is_loaded=loads)


def pickled(work: Transcription, folder: Path) -> bytes:
    return pickle.dumps(work.at(str(folder)))


def test_parts_that_were_left_are_given_without_those_that_somebody_has(tmp_path):
    """By their names, and neither half-written files nor others."""
    (tmp_path / "parts").mkdir()
    for name in ("a.parquet", "b.parquet", ".tmp-c.parquet-1", "d.txt"):
        (tmp_path / "parts" / name).write_text(name)
    assert container.parts_in(str(tmp_path), ["parts/a.parquet"]) == [("parts/b.parquet", b"b.parquet")]
    assert container.parts_in(str(tmp_path / "nowhere"), []) == []


def test_transcription_can_be_moved():
    """The engine asks for this kind of work."""
    assert isinstance(transcription(Path("x"), recognizer="echo"), MovableWork)


def test_work_tells_the_extra_of_its_recognizer():
    """A container's image is made of it; a toy needs none."""
    assert transcription(Path("x"), recognizer="echo").extra is None


class ToyWork:
    """Work that keeps what it is given; it travels as nothing."""

    key, extra = "k", None

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.given_up: list[str] = []

    def __reduce__(self):
        return ToyWork, ()

    def at(self, folder):
        return self

    def keep(self, receipt, part):
        self.kept[receipt.part] = part

    def give_up(self, shard, *, rank, reason):
        self.given_up.append(f"{ids_of(shard)}: {reason}")
        return receipt_of(shard, rank)


class ToyLine:
    """Containers that answer as ``answers`` says; they remember what was sent and how much was in hand at most."""

    def __init__(self, answers) -> None:
        self.answers = answers
        self.in_hand: deque[Task] = deque()
        self.sent: list[Task] = []
        self.most_in_hand = 0
        self.containers = itertools.repeat(1)

    def send(self, task):
        self.sent.append(task)
        self.in_hand.append(task)
        self.most_in_hand = max(self.most_in_hand, len(self.in_hand))

    def hear(self, timeout_s):
        return self.answers(self.in_hand.popleft()) if self.in_hand else None

    def num_containers(self):
        return next(self.containers)


def ids_of(shard: Shard) -> str:
    return " ".join(segment.id for batch in shard.batches for segment in batch.segments)


def receipt_of(shard: Shard, rank: int) -> Receipt:
    return Receipt(
        part=ids_of(shard), spec_fingerprint="", batches=(), num_piece_rows=0, num_rows=shard.num_segments,
        num_failed=0, num_splits=0, audio_s=0.0, compute_s=0.0, wait_s=0.0, worker_s=0.0, rank=rank, device="",
        host="", attempt="", versions={},
    )  # fmt: skip


def done(task: Task) -> Answer:
    return Answer(task.ticket, receipt_of(task.shard, task.rank), b"bytes")


def crew_with(answers, *, num_workers: int = 2, quiet_s: float = 60.0) -> tuple[Crew, ToyLine, ToyWork]:
    line, work = ToyLine(answers), ToyWork()
    crew = Crew(line, work, num_workers=num_workers, folder="/f", volume=None, quiet_s=quiet_s)
    return crew, line, work


def shards(num_shards: int):
    return (shard_of(f"s{number}", number=number) for number in range(num_shards))


def test_shards_are_pulled_as_containers_are_free():
    """Two for each container are in hand, however many there are."""
    crew, line, work = crew_with(done)
    receipts = list(crew.receipts(shards(20), never))
    assert sorted(work.kept) == sorted(receipt.part for receipt in receipts) == sorted(f"s{n}" for n in range(20))
    assert line.most_in_hand == 4
    assert {receipt.rank for receipt in receipts} == {0, 1}


def test_an_answer_that_comes_twice_counts_once():
    """The second one has no ticket any more."""
    again: list[Answer] = []

    def twice(task):
        again.append(done(task))
        return again[-1]

    crew, line, _ = crew_with(twice, num_workers=1)
    line.hear = lambda timeout_s: again.pop() if again else (twice(line.in_hand.popleft()) if line.in_hand else None)
    assert [receipt.part for receipt in crew.receipts(shards(3), never)] == ["s0", "s1", "s2"]


def test_after_a_stop_nothing_is_sent_and_what_is_in_hand_is_waited_for():
    """The shards that no container has stay for the next start."""
    asked: list[bool] = []
    crew, line, _ = crew_with(done, num_workers=1)
    receipts = []
    for receipt in crew.receipts(shards(9), lambda: bool(asked)):
        receipts.append(receipt.part)
        asked.append(True)
    assert receipts == ["s0", "s1"] == [ids_of(task.shard) for task in line.sent]


def test_a_shard_that_always_fails_is_cut_down_to_the_segment_that_is_given_up():
    """An exception does not say whose it is, so it waits until everything else has answered."""

    def answers(task):
        return RuntimeError("fell over") if "bad" in ids_of(task.shard) else done(task)

    crew, _, work = crew_with(answers)
    mixed = iter([shard_of("good", "bad", "fine"), shard_of("other", number=3)])
    receipts = list(crew.receipts(mixed, never))
    assert sorted(receipt.part for receipt in receipts) == ["bad", "fine", "good", "other"]
    assert [reason.partition(":")[0] for reason in work.given_up] == ["bad"]
    assert "RuntimeError: fell over" in work.given_up[0]


def test_containers_in_which_nothing_works_end_the_run():
    """A whole set is not failed, row by row, because an image lacks a package."""
    crew, _, work = crew_with(lambda task: ImportError("no torch"))
    with pytest.raises(EngineError, match="in a row") as raised:
        list(crew.receipts(shards(40), never))
    assert "no torch" in raised.value.cause
    assert work.given_up == []


def test_what_is_lost_on_its_way_is_sent_again_and_not_for_ever():
    """Where nothing is heard at all, three sendings are enough."""
    lost: list[str] = []

    def loses_first(task):
        if ids_of(task.shard) == "s1" and not lost:
            lost.append("s1")
            return None
        return done(task)

    crew, _, _ = crew_with(loses_first, quiet_s=0.0)
    assert sorted(receipt.part for receipt in crew.receipts(shards(3), never)) == ["s0", "s1", "s2"]
    crew, line, _ = crew_with(lambda task: None, quiet_s=0.0)
    with pytest.raises(EngineError, match="do not answer"):
        list(crew.receipts(shards(1), never))
    assert len(line.sent) == 3


def hears(line: ToyLine, *events) -> None:
    """The line says these, one after the other; a number is the good answer to the task of that ticket."""
    coming = iter(events)

    def hear(timeout_s):
        event = next(coming)
        return done(line.sent[event]) if isinstance(event, int) else event

    line.hear = hear


def test_exceptions_of_tickets_that_were_given_up_are_not_charged_to_those_that_replaced_them():
    """Two shards are silent and sent again; the old attempts' exceptions come first, then the new answers."""
    crew, line, work = crew_with(done, quiet_s=0.0)
    hears(line, None, TimeoutError("old"), TimeoutError("old"), 2, 3)
    assert [receipt.part for receipt in crew.receipts(shards(2), never)] == ["s0", "s1"]
    assert (work.given_up, sorted(work.kept), len(line.sent)) == ([], ["s0", "s1"], 4)


def test_a_failure_with_a_ticket_that_was_given_up_costs_nothing():
    """Whose it is is known, so the new attempt goes on."""
    crew, line, work = crew_with(done, quiet_s=0.0)
    hears(line, None, Answer(0, failure="RuntimeError: old"), 1)
    assert [receipt.part for receipt in crew.receipts(shards(1), never)] == ["s0"]
    assert (work.given_up, len(line.sent)) == ([], 2)


def test_a_good_answer_that_comes_too_late_is_kept_and_its_shard_is_not_waited_for_again():
    """The second attempts, which would never answer, are forgotten."""
    crew, line, work = crew_with(done, quiet_s=0.0)
    hears(line, None, 0, 1)
    assert [receipt.part for receipt in crew.receipts(shards(2), never)] == ["s0", "s1"]
    assert (sorted(work.kept), len(line.sent)) == (["s0", "s1"], 4)


def test_failures_that_nobody_else_can_answer_for_are_charged_after_a_silence():
    """A ticket that is lost for ever keeps no shard from being given up."""
    crew, line, work = crew_with(done, quiet_s=0.0)
    hears(line, None, TimeoutError("new"), None)
    assert [receipt.part for receipt in crew.receipts(shards(1), never)] == ["s0"]
    assert [reason.partition(":")[0] for reason in work.given_up] == ["s0"]


def test_a_wait_for_a_container_is_no_silence():
    """Where the cloud has no room, nothing is sent again and nothing is lost, however long it takes."""
    crew, line, _ = crew_with(done, quiet_s=0.0)
    line.containers = itertools.repeat(0)
    hears(line, *[None] * 9, 0, 1)
    assert [receipt.part for receipt in crew.receipts(shards(2), never)] == ["s0", "s1"]
    assert len(line.sent) == 2


def test_after_a_stop_nobody_is_waited_for_where_there_is_no_container():
    """What no container has will not be done."""
    asked: list[bool] = []
    crew, line, _ = crew_with(done, quiet_s=0.0)
    line.containers = itertools.repeat(0)
    line.hear = lambda timeout_s: asked.append(True)
    assert list(crew.receipts(shards(2), lambda: bool(asked))) == []


def test_a_shard_whose_failures_have_its_ticket_is_tried_three_times_and_then_cut():
    """It waits for no other, and others' answers do not count for it."""

    def answers(task):
        return Answer(task.ticket, failure="RuntimeError: fell over") if "bad" in ids_of(task.shard) else done(task)

    crew, line, work = crew_with(answers)
    mixed = iter([shard_of("good", "bad"), shard_of("other", number=3)])
    assert sorted(receipt.part for receipt in crew.receipts(mixed, never)) == ["bad", "good", "other"]
    assert work.given_up == ["bad: 3 workers died of it: raised RuntimeError: fell over"]
    assert [ids_of(task.shard) for task in line.sent].count("good bad") == 3


def test_work_that_no_container_can_enter_fails_no_utterance():
    """An image that lacks a package is nobody's fault among the shards."""
    crew, _, work = crew_with(lambda task: Answer(task.ticket, failure="ImportError: no torch", is_loaded=False))
    with pytest.raises(EngineError, match="in a row") as raised:
        list(crew.receipts(shards(2), never))
    assert (raised.value.cause, work.given_up) == ("ImportError: no torch", [])


def test_an_error_of_a_container_is_raised_here():
    """As it was there, with its facts."""
    crew, _, _ = crew_with(lambda task: Answer(task.ticket, error=UnknownNameError("word", "bset", ["best"])))
    with pytest.raises(UnknownNameError) as raised:
        list(crew.receipts(shards(1), never))
    assert raised.value.near == ["best"]


def test_work_that_does_not_pickle_is_an_error_with_a_sentence():
    """Its class has no address, so no container could have it."""

    class Rooted(ToyWork):
        def __reduce__(self):
            raise TypeError("cannot pickle")

    with pytest.raises(EngineError, match="pickle"):
        Crew(ToyLine(done), Rooted(), num_workers=1, folder="/f", volume=None, quiet_s=1.0)


@pytest.mark.parametrize(
    "name", ["modal:", "modal:v", "modal:v/", "modal:v/../w", "modal:/x", "modal:v//x", "modal:-v/x", "modal:v/a\nb"]
)
def test_a_name_that_is_no_place_on_a_volume_is_refused(name):
    """It becomes a path, so nothing in it may lead elsewhere."""
    with pytest.raises(UsageError, match="names no"):
        mounts.Place.of(name)


def test_a_place_is_a_folder_of_a_container_and_back():
    """A path says which Volume it is on; one of this machine is refused, with what to type."""
    place = mounts.Place.of("modal:earmark-data/sets/test")
    assert place.folder == "/earmark/earmark-data/sets/test"
    assert mounts.volume_of(f"{place.folder}/a.wav") == place.volume
    for path in ("/home/me/a.wav", "/earmark", "/earmark/../etc/passwd", "a.wav"):
        with pytest.raises(UsageError, match="on this machine") as raised:
            mounts.volume_of(path)
        assert "modal volume put" in raised.value.hint


def test_an_image_has_the_versions_of_the_driver():
    """Each requirement of the base is pinned to what is installed here, without the name of a build."""
    found = requirements(None)
    assert f"numpy=={np.__version__}" in found
    assert not any("+" in one for one in found)
    assert not any(one.startswith("pytest") for one in found)
    assert set(found) < set(requirements("hub"))


def test_a_checkout_sends_its_source():
    """These tests run from one; no index has its code."""
    assert not is_from_index()


def test_without_a_token_nothing_begins(tmp_path):
    """One error, and the two lines to type."""
    pytest.importorskip("modal", reason="the extra modal is not installed")
    hidden = {name: value for name, value in os.environ.items() if not name.startswith(("MODAL_", "EARMARK_"))}
    line = [sys.executable, "-m", "earmark", "eval", "echo", "-d", "modal:earmark-data/x", "--engine", "modal"]
    environment = hidden | {"MODAL_CONFIG_PATH": str(tmp_path / "none.toml")}
    ended = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "Modal does not know who you are" in ended.stderr
    assert "modal setup" in ended.stderr
    assert "modal token set" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_data_of_a_volume_need_the_engine_that_sees_it(tmp_path):
    """And it is said before a folder is made."""
    with pytest.raises(UsageError, match="in Modal's cloud"):
        evaluate("echo", "modal:earmark-data/x", out=tmp_path / "run", engine="inline")
    assert not (tmp_path / "run").exists()


def scenarios(folder: Path, *names: str) -> dict[str, Any]:
    """What came of each, all in one process."""
    pytest.importorskip("modal", reason="the extra modal is not installed")
    line = [sys.executable, "-m", "tests.engines.modal_scenarios", str(folder), *names]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    names = ("inline", "quiet_day", "bad_day", "dead_driver", "staged_there", "removed", "local_data")
    return scenarios(tmp_path_factory.mktemp("cloud"), *names)


@pytest.fixture(scope="module")
def found_of_long(tmp_path_factory):
    return scenarios(tmp_path_factory.mktemp("cloud"), "real_recognizer", "one_kills_its_container")


def facts_of(request, found):
    facts = found[request.node.name.removeprefix("test_")]
    assert "traceback" not in facts, facts["traceback"]
    return facts


@pytest.fixture
def of(found, request):
    """What came of the scenario that a test is named after."""
    return facts_of(request, found)


@pytest.fixture
def of_long(found_of_long, request):
    """Likewise, of those of the soak."""
    return facts_of(request, found_of_long)


class TestCloud:
    """Whole runs by Modal's real client, on a control plane of our own; see ``modal_scenarios``."""

    @pytest.mark.soak
    def test_real_recognizer(self, of_long):
        """PocketSphinx gives the same scores, the same identity and the same parts, here and there."""
        here, there = of_long
        assert here == there
        assert here["num_scored"] == 3

    def test_quiet_day(self, of, found):
        """The hash is inline's; every part was committed on the Volume, once, before it was told of."""
        assert of["hash"] == found["inline"]["hash"]
        assert of["fingerprint"] == found["inline"]["fingerprint"]
        assert of["parts_there"] == of["parts"]
        assert of["commits"] == {mounts.RESULTS: len(of["parts"])}
        assert of["num_attempts"] == len(of["parts"]) + 1  # and one look at the data
        assert of["retries"] == 2
        assert of["timeout_s"] == 3600 + 1200  # a shard, and loading before it
        assert [Path(mount).name for mount in of["mounts"]] == sorted([mounts.DATA, mounts.MODELS, mounts.RESULTS])

    def test_bad_day(self, of, found):
        """Lost, doubled and disordered outputs, failing calls and a container that falls over change no bit."""
        assert of["hash"] == found["inline"]["hash"]
        assert of["fallen"] == 1
        assert of["num_attempts"] > found["quiet_day"]["num_attempts"] + 1

    @pytest.mark.soak
    def test_one_kills_its_container(self, of_long):
        """It alone is failed, with the reason."""
        assert (of_long["num_scored"], of_long["num_failed"]) == (13, 1)
        [error] = of_long["errors"]
        assert error["id"] == "pause-the-music"
        assert "the container fell over" in error["reason"]

    def test_dead_driver(self, of, found):
        """What it never heard of is brought back, and only the rest is done."""
        assert "do not answer" in of["error"]
        assert of["parts_before"] == 0
        assert 0 < len(of["tasks_after"]) < len(of["parts"])
        assert of["hash"] == found["inline"]["hash"]

    def test_staged_there(self, of):
        """The set is on the Volume, which was committed once."""
        assert of == {
            "target": f"modal:{mounts.DATA}/staged",
            "num_staged": 14,
            "is_there": True,
            "commits": {mounts.DATA: 1},
        }

    def test_removed(self, of):
        """A Volume that is there goes, one that is gone is passed over, and nobody's is removed unasked."""
        assert of == {"exits": [0, 0], "unasked": 2, "left": [mounts.DATA, mounts.MODELS]}

    def test_local_data(self, of):
        """Audio that no container sees is said to be that, with what to type, and no folder is made."""
        assert "no container" in of["what"]
        assert "--engine modal" in of["hint"]
        assert of["has_folder"] is False
