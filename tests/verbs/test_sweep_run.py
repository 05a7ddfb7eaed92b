"""Sweeps over puzzles by toys: the same results whoever works, whatever is killed; failures stay where they belong."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from earmark import schema
from earmark.engines.options import EngineOptions
from earmark.errors import FolderError, InterruptedRunError, RunMismatchError, StoreError, UsageError
from earmark.puzzles.grids import PuzzleSet
from earmark.store.disk import Disk
from earmark.store.parts import read_part
from earmark.store.run import RunStore
from earmark.sweeps.cells import Member
from earmark.verbs.events import Event, SweepBegan, SweepProgressed, Warned, nobody
from earmark.verbs.sweep_run import SweepSummary, SweepWish, run_sweep
from earmark.verbs.workforce import Workforce
from tests.sweeps.toys import ToyMembers, toy_puzzles

WORDS = ("a:0.25", "b:0.8")
VARIANTS = tuple(f"relabel:{shift}" for shift in range(4))
PUZZLES = toy_puzzles(60)
RULES = ("any", "verifier", "majority", "best-score", "upstream-head")


def members_of(words: tuple[str, ...]) -> list[Member]:
    return [Member(checkpoint=word, sha256=hashlib.sha256(word.encode()).hexdigest()) for word in words]


def swept(
    out: Path, words=WORDS, puzzles=PUZZLES, *, engine="inline", workers=1, observer=nobody, **wish
) -> SweepSummary:
    return run_sweep(
        members_of(words),
        puzzles,
        ToyMembers(words),
        SweepWish(**{"variants": VARIANTS, "batch_size": 16, **wish}),
        Workforce.of(engine, EngineOptions(num_workers=workers)),
        out=str(out),
        observer=observer,
    )


def numbers(summary: SweepSummary) -> dict:
    """The results without what is of the clock, of the workers and of the size of batches."""
    found = json.loads(json.dumps(summary.results))
    del found["config"]
    del found["batch_results"]
    for key in ("elapsed_time", "end_time"):
        del found["overall_results"][key]
    return found


def pairs(out: Path) -> dict:
    """Every answer that is kept, by cell and puzzle; the first where there are several."""
    folder = RunStore.at(str(out)).folder
    found = {}
    for name in folder.names("parts"):
        for row in read_part(folder, name, schema.CELL_PARTS.names).to_pylist():
            found.setdefault((row["cell"], row["index"]), (row["answer"], row["score"], row["error_kind"]))
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[SweepSummary, dict]:
    """Every cell, uninterrupted."""
    out = tmp_path_factory.mktemp("whole")
    return swept(out, accept="none", aggregates=RULES), pairs(out)


@pytest.fixture(scope="module")
def dropped(tmp_path_factory) -> tuple[SweepSummary, dict]:
    """What is needed, uninterrupted."""
    out = tmp_path_factory.mktemp("dropped")
    return swept(out), pairs(out)


def test_what_is_dropped_changes_no_result(whole, dropped):
    """The verifier, which sees no label, accepts what the OR with labels accepts; far fewer passes find it."""
    by_name = {one.name: one for one in whole[0].aggregates}
    assert by_name["any"].correct == by_name["verifier"].correct
    for one in dropped[0].aggregates:
        assert (one.correct, one.accuracy) == (by_name[one.name].correct, by_name[one.name].accuracy)
    assert whole[0].num_pairs == 8 * 60
    assert dropped[0].num_pairs * 3 < whole[0].num_pairs
    assert dropped[1].items() <= whole[1].items()
    results = dropped[0].results
    assert results["forwards_run"] + results["forwards_saved"] == 8 * 60


@pytest.mark.parametrize(("batch_size", "num_batch"), [(7, None), (60, None), (2323, 5)])
@pytest.mark.parametrize("accept", ["verifier", "none"])
def test_batches_change_nothing(whole, dropped, tmp_path, batch_size, num_batch, accept):
    """Neither their size nor that more of them are asked for than there are; that is said."""
    said: list[Event] = []
    rules = RULES if accept == "none" else ("any",)
    found = swept(
        tmp_path, batch_size=batch_size, num_batch=num_batch, accept=accept, aggregates=rules, observer=said.append
    )
    expected, answers = whole if accept == "none" else dropped
    assert numbers(found) == numbers(expected)
    assert pairs(tmp_path) == answers
    assert any(isinstance(one, Warned) for one in said) == (num_batch is not None)


def test_processes_change_nothing(dropped, tmp_path):
    """Two workers, in whatever order they end."""
    found = swept(tmp_path, engine="processes", workers=2)
    assert numbers(found) == numbers(dropped[0])
    assert pairs(tmp_path) == dropped[1]


def test_the_json_has_the_seeds_keys_first_and_adds_up(whole):
    """In the seed's order; the sums of the batches are the whole, and an accuracy is the very quotient."""
    found = whole[0].results
    assert list(found)[:3] == ["config", "batch_results", "overall_results"]
    assert list(found["config"]) == ["checkpoints", "permutes", "max_workers", "num_batch", "batch_size", "start_time"]
    assert found["config"]["num_batch"] == len(found["batch_results"]) == 4
    assert list(found["overall_results"]) == ["correct", "total", "accuracy", "elapsed_time", "end_time"]
    for number, batch in enumerate(found["batch_results"]):
        assert list(batch) == ["batch_idx", "correct", "total", "accuracy", "time_seconds"]
        assert (batch["batch_idx"], batch["total"]) == (number, min(16, 60 - 16 * number))
        assert batch["accuracy"] == batch["correct"] / batch["total"]
    for key in ("correct", "total"):
        assert sum(batch[key] for batch in found["batch_results"]) == found["overall_results"][key]
    assert found["overall_results"]["accuracy"] == found["overall_results"]["correct"] / 60
    assert (found["complete"], found["oracle"], found["aggregator"]) == (True, True, "any")
    assert [task["status"] for task in found["tasks"]] == ["done"] * 8


def test_families_do_not_meet(tmp_path):
    """What labels chose and what they did not is never in one file."""
    swept(tmp_path / "sweep", accept="none", aggregates=("majority", "any"), output=str(tmp_path / "results.json"))
    honest, oracle, asked = (
        json.loads(path.read_text())
        for path in (tmp_path / "sweep/honest.json", tmp_path / "sweep/oracle.json", tmp_path / "results.json")
    )
    assert (honest["oracle"], oracle["oracle"]) == (False, True)
    assert set(honest["aggregates"]) == {"majority", "verifier"}
    assert set(oracle["aggregates"]) == {"any"}
    assert "pass_at_k" in oracle
    assert "pass_at_k" not in honest
    assert asked == honest


def test_puzzles_without_labels(tmp_path, dropped):
    """What needs no labels works, with the same numbers; what compares is refused before anything is begun."""
    bare = PuzzleSet(4, PUZZLES.clues, None, "bare")
    found = swept(tmp_path / "a", puzzles=bare, aggregates=("verifier",))
    assert found.results["overall_results"]["correct"] == dropped[0].results["overall_results"]["correct"]
    assert not (tmp_path / "a/oracle.json").exists()
    for wish in ({"aggregates": ("any",)}, {"aggregates": ("verifier",), "accept": "label"}):
        with pytest.raises(UsageError, match="nothing to compare with"):
            swept(tmp_path / "b", puzzles=bare, **wish)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("accept", ["verifier", "none"])
def test_a_poisoned_member_changes_its_own_cells_alone(whole, dropped, tmp_path, accept):
    """Loaded or not, finite or not: the others' answers are what they are without it, and nothing counts as wrong."""
    words = (*WORDS, "broken", "nan", "raises")
    rules = RULES if accept == "none" else ("any",)
    found = swept(tmp_path, words, accept=accept, aggregates=rules)
    answers = {key: value for key, value in pairs(tmp_path).items() if key[0] < 8}
    assert answers == (whole if accept == "none" else dropped)[1]
    assert [task.status for task in found.tasks[:8] if task.status == "failed"] == []
    tried = [task for task in found.tasks[8:] if task.failed]
    assert {task.checkpoint for task in tried} == {"broken", "nan", "raises"}
    assert {task.status for task in tried} == {"failed"}
    assert all(task.error and not task.evaluated for task in tried)
    assert found.results["overall_results"]["total"] == 60
    if accept == "none":
        low, high = (found.results[key] for key in ("accuracy_low", "accuracy_high"))
        assert low == found.results["overall_results"]["accuracy"] <= high == 1


def test_where_every_task_failed_there_is_no_accuracy(tmp_path):
    """It is null, never 0."""
    found = swept(tmp_path, ("broken", "nan"))
    overall = found.results["overall_results"]
    assert (overall["correct"], overall["total"], overall["accuracy"]) == (0, 0, None)
    assert (found.results["accuracy_low"], found.results["items_failed"]) == (None, 60)
    assert found.num_answered == 0
    assert all(one.accuracy is None for one in found.aggregates)


@pytest.mark.parametrize(("accept", "num_failed"), [("none", 4), ("verifier", 1)])
def test_failed_tasks_are_done_again_when_asked(tmp_path, accept, num_failed):
    """Once it is mended, also where another member solved the puzzle; without the flag nothing is tried."""
    kept = members_of(("a:1", "mended"))
    wish = SweepWish(variants=VARIANTS, accept=accept, batch_size=60)
    workforce = Workforce.one("inline")

    def attempt(toys: tuple[str, ...], **more) -> SweepSummary:
        changed = SweepWish(**{**{name: getattr(wish, name) for name in wish.__slots__}, **more})
        return run_sweep(kept, PUZZLES, ToyMembers(toys), changed, workforce, out=str(tmp_path), observer=nobody)

    assert attempt(("a:1", "broken")).num_failed_tasks == num_failed
    assert attempt(("a:1", "b:0.8")).num_failed_tasks == num_failed
    found = attempt(("a:1", "b:0.8"), retry_failed=True)
    assert (found.num_failed_tasks, found.num_pairs_new) == (0, 0)  # no new pair, but other rows for them
    assert all(task.error is None for task in found.tasks)


class _Kill(BaseException):
    """Like a kill: nothing of ours may catch it."""


def test_a_kill_at_any_write_loses_nothing(tmp_path, monkeypatch):
    """Also with other batches after it; whatever JSON is there at that moment can be read."""
    wish: dict = {"variants": VARIANTS[:1], "batch_size": 25}
    whole, answers = numbers(swept(tmp_path / "whole", **wish)), pairs(tmp_path / "whole")
    moments = 0
    replace = Disk.replace

    def killing(disk: Disk, source: Path, target: Path) -> None:
        nonlocal moments
        moments -= 1
        if moments == 0:
            raise _Kill
        replace(disk, source, target)

    monkeypatch.setattr(Disk, "replace", killing)
    moment = 0
    while True:
        moment += 1
        out = tmp_path / str(moment)
        moments = moment
        try:
            swept(out, output=str(tmp_path / f"{moment}.json"), **wish)
            break
        except _Kill:
            moments = 0
        for path in (out / "oracle.json", tmp_path / f"{moment}.json"):
            if path.exists():
                assert "config" in json.loads(path.read_text())
        found = swept(out, output=str(tmp_path / f"{moment}.json"), **{**wish, "batch_size": 19})
        assert numbers(found) == whole
        assert pairs(out) == answers
    assert moment > 10


def test_a_stop_is_polite(dropped, tmp_path):
    """After Ctrl-C what is done is safe, the JSON says that it is not all, and the same line goes on."""
    told: list[SweepProgressed] = []

    def stopping(event: Event) -> None:
        if isinstance(event, SweepProgressed):
            told.append(event)
            if len(told) == 3:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptedRunError) as stopped:
        swept(tmp_path, observer=stopping)
    assert told[2].num_pairs > 0
    assert f"stopped: {told[2].num_pairs} answers of at most 480 are" in str(stopped.value)
    assert json.loads((tmp_path / "oracle.json").read_text())["complete"] is False
    began: list[SweepBegan] = []
    found = swept(tmp_path, observer=lambda event: began.append(event) if isinstance(event, SweepBegan) else None)
    assert began[0].num_pairs_done == told[2].num_pairs
    assert numbers(found) == numbers(dropped[0])
    last = told[-1]
    assert (last.num_batches, last.num_tasks, last.num_items) == (4, 8, 60)


_SCRIPT = """
import os, signal, sys
from pathlib import Path
from earmark.verbs.events import SweepProgressed
from tests.verbs.test_sweep_run import swept

def killing(event):
    if isinstance(event, SweepProgressed) and event.num_pairs > 60:
        os.kill(os.getpid(), signal.SIGKILL)

swept(Path(sys.argv[1]), observer=killing)
"""


def test_a_real_kill(dropped, tmp_path):
    """SIGKILL of the driver, the lock with it: the same call goes on."""
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(tmp_path / "sweep")], cwd=Path(__file__).parents[2], check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert json.loads((tmp_path / "sweep/oracle.json").read_text())["complete"] is False
    found = swept(tmp_path / "sweep")
    assert 0 < found.num_pairs_new < found.num_pairs
    assert numbers(found) == numbers(dropped[0])


def test_a_member_that_kills_its_workers_fails_alone(whole, tmp_path):
    """Its first batches are tried by three workers each; then it gets no more of them."""
    found = swept(tmp_path, (*WORDS, "deadly"), engine="processes", accept="none", batch_size=20)
    deadly = found.tasks[8:]
    assert [(task.status, task.failed) for task in deadly] == [("failed", 60)] * 4
    assert "3 workers died of it: was killed by SIGKILL" in (deadly[0].error or "")
    answers = {key: value for key, value in pairs(tmp_path).items() if key[0] < 8}
    assert answers == whole[1]


def test_a_folder_is_of_one_sweep(tmp_path):
    """Other members, variants or puzzles are refused, naming what differs; --fresh begins again."""
    swept(tmp_path / "sweep", variants=("relabel:0",))
    for words, puzzles, wish in (
        (("a:0.25", "c:0.9"), PUZZLES, {}),
        (WORDS, toy_puzzles(60, seed=1), {}),
        (WORDS, PUZZLES, {"variants": ("relabel:1",)}),
        (WORDS, PUZZLES, {"halt": "q"}),
    ):
        with pytest.raises(RunMismatchError) as refused:
            swept(tmp_path / "sweep", words, puzzles, **{"variants": ("relabel:0",), **wish})
        assert refused.value.fields
    found = swept(tmp_path / "sweep", ("c:0.9",), variants=("relabel:1",), fresh=True)
    assert {task.checkpoint for task in found.tasks} == {"c:0.9"}


def test_strange_folders_and_files_are_left_alone(tmp_path):
    """A folder with other things in it, another sweep's results, a folder for a file."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("chapter one")
    with pytest.raises(FolderError, match="mine"):
        swept(tmp_path / "mine", fresh=True)
    assert (tmp_path / "mine/thesis.txt").read_text() == "chapter one"
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(FolderError, match=r"results\.json"):
        swept(tmp_path / "a", output=str(tmp_path / "results.json"))
    with pytest.raises(FolderError) as refused:
        swept(tmp_path / "a", output=str(tmp_path / "mine"))
    assert refused.value.cause == "it is a folder, and a file is expected"
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"batch_size": 0}, "--batch-size 0"),
        ({"num_batch": -1}, "--num-batch -1"),
        ({"aggregates": ("majority",)}, "--aggregate majority needs all cells"),
        ({"aggregates": ("verifier",), "accept": "label"}, "with --accept label"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything(tmp_path, wish, said):
    """And no folder is made."""
    with pytest.raises(UsageError, match=said):
        swept(tmp_path / "sweep", **wish)
    assert not (tmp_path / "sweep").exists()


def test_some_batches_are_the_first_ones(tmp_path):
    """Two batches of 16 are 32 puzzles, and no other is tried."""
    found = swept(tmp_path, num_batch=2)
    assert (found.num_items, found.results["overall_results"]["total"], found.results["config"]["num_batch"]) == (
        32,
        32,
        2,
    )


def test_labels_may_accept_and_then_it_is_an_oracle(tmp_path, dropped):
    """The same puzzles leave, but only an oracle can say so."""
    found = swept(tmp_path, accept="label")
    assert {one.name for one in found.aggregates} == {"any"}
    assert found.results["oracle"]
    assert found.results["overall_results"]["correct"] == dropped[0].results["overall_results"]["correct"]


def test_a_full_disk_ends_it_and_what_is_kept_counts(dropped, tmp_path, monkeypatch):
    """The error goes up, and after room was made the rest is done."""
    write = Disk.write
    room = 12

    def filling(disk: Disk, file, data) -> None:
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(28, "No space left on device")
        write(disk, file, data)

    with monkeypatch.context() as patched:
        patched.setattr(Disk, "write", filling)
        with pytest.raises(StoreError):
            swept(tmp_path / "sweep")
    assert numbers(swept(tmp_path / "sweep")) == numbers(dropped[0])


def test_a_damaged_part_is_done_again(dropped, tmp_path):
    """Its work counts as not done, and the observer is told."""
    swept(tmp_path)
    part = min((tmp_path / "parts").iterdir())
    part.write_bytes(part.read_bytes()[:-20])
    began: list[Event] = []
    found = swept(tmp_path, observer=began.append)
    assert next(one for one in began if isinstance(one, SweepBegan)).damaged_parts == (f"parts/{part.name}",)
    assert found.aggregates == dropped[0].aggregates
    assert found.num_pairs_new > 0
