"""What torchrun itself makes of our ranks: real groups, that finish, are killed, stopped and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earmark.errors import InterruptedRunError
from earmark.recognizers.doubles import Noisy, Slow
from earmark.reports.summary import RunSummary
from earmark.scoring.speechbrain_summary import SpeechBrainSummary
from earmark.store import layout
from earmark.verbs.evaluate import evaluate
from tests.diary import is_running, wait_until
from tests.toys import ToySource, toy_source, write_manifest
from tests.verbs.test_evaluate import StopAfter

ROOT = Path(__file__).parents[2]
NUM_UTTERANCES = 24
CHOSEN = {"normalizer": "none", "batch_size": 1, "max_batch_s": 1.0}
PATIENCE_S = 120.0
SCRIPT = """
import os, sys
from pathlib import Path
from earmark.recognizers.doubles import Noisy
from earmark.verbs.evaluate import evaluate
from tests.toys import toy_source

if __name__ == "__main__":
    folder, is_leader = Path(sys.argv[1]), os.environ["RANK"] == "0"
    source = toy_source(folder / "audio", 24) if is_leader else "no such data"
    model = Noisy(source.texts, error_rate=0.3) if is_leader else "no such model"
    chosen = {"normalizer": "none", "batch_size": 1, "max_batch_s": 1.0}
    summary = evaluate(model, source, out=folder / "run", engine="torchrun", workers=None, **chosen)
    Path(folder, f"rank-{os.environ['RANK']}").write_text(summary.scores_hash)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), NUM_UTTERANCES)


@pytest.fixture
def manifest(source: ToySource, tmp_path: Path) -> str:
    path = write_manifest(tmp_path / "manifest.jsonl", source)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**row, "audio": f"{source.root}/{row['audio']}"}) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def truth(manifest: str, tmp_path: Path) -> bytes:
    """The scores of the toy that is slow, uninterrupted and inline."""
    evaluate(Slow(seconds=0.0), manifest, out=tmp_path / "truth", **CHOSEN)
    return (tmp_path / "truth" / layout.SCORES).read_bytes()


class Group:
    """Some ranks and their agent. What it prints goes to files, where nobody must read it lest it wait."""

    def __init__(self, folder: Path, *words: str, num_ranks: int = 2, restarts: int = 0) -> None:
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={num_ranks}"]
        launcher += [f"--max-restarts={restarts}"]
        self._out, self._err = folder / "stdout", folder / "stderr"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.agent = subprocess.Popen(
                [sys.executable, *launcher, *words],
                stdout=out,
                stderr=err,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
            )

    @classmethod
    def evaluating(cls, manifest: str, out: Path, *, seconds: float, restarts: int = 0) -> Group:
        words = [
            "-m",
            "earmark",
            "eval",
            "slow",
            "--data",
            manifest,
            "--set",
            f"seconds={seconds}",
            "--batch-size",
            "1",
        ]
        more = ["--max-batch-seconds", "1", "--normalizer", "none", "--engine", "torchrun", "--out", str(out)]
        return cls(out.parent, *words, *more, restarts=restarts)

    def pid_of(self, rank: int) -> int:
        """The process of a rank, as the agent's child with that name in its environment."""
        for path in Path("/proc").glob("[0-9]*"):
            try:
                parent = path.joinpath("stat").read_text().rpartition(")")[2].split()[1]
                names = path.joinpath("environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if parent == str(self.agent.pid) and f"RANK={rank}".encode() in names:
                return int(path.name)
        raise AssertionError(f"no rank {rank}: {self.stderr}")

    def ended(self) -> int:
        return self.agent.wait(PATIENCE_S)

    @property
    def stdout(self) -> str:
        return self._out.read_text()

    @property
    def stderr(self) -> str:
        return self._err.read_text()

    def end(self) -> None:
        """However the test went, the agent ends its ranks."""
        if self.agent.poll() is None:
            self.agent.terminate()
        self.agent.wait(PATIENCE_S)


@pytest.fixture
def group() -> Iterator[Callable[..., Group]]:
    begun: list[Group] = []

    def begin(*words: str, **options) -> Group:
        begun.append(Group.evaluating(*words, **options) if "seconds" in options else Group(*words, **options))
        return begun[-1]

    yield begin
    for each in begun:
        each.end()


def has_parts(out: Path, number: int) -> bool:
    """Both ranks start three processes and import torch, which takes longer than what else is waited for."""
    end = time.monotonic() + PATIENCE_S
    while len(list(out.glob("parts/*.parquet"))) < number and time.monotonic() < end:
        time.sleep(0.02)
    return time.monotonic() < end


@pytest.mark.parametrize(
    ("num_ranks", "is_resumed"),
    [
        (2, True),
        *(
            pytest.param(*case, marks=pytest.mark.soak)
            for case in [(1, False), (1, True), (2, False), (3, False), (3, True)]
        ),
    ],
)
def test_ranks_give_the_bytes_of_one_worker_and_all_have_the_summary(tmp_path, group, num_ranks, is_resumed):
    """A script of the user's, started by torchrun: rank 0 alone reads data and model, and every rank has the result."""
    source = toy_source(tmp_path / "audio", NUM_UTTERANCES)
    toy = Noisy(source.texts, error_rate=0.3)
    truth = evaluate(toy, source, out=tmp_path / "truth", **CHOSEN)
    if is_resumed:
        with pytest.raises(InterruptedRunError):
            evaluate(toy, source, out=tmp_path / "run", observer=StopAfter(2), **CHOSEN)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    begun = group(tmp_path, str(script), str(tmp_path), num_ranks=num_ranks)
    assert begun.ended() == 0, begun.stderr
    assert (tmp_path / "run" / layout.SCORES).read_bytes() == (tmp_path / "truth" / layout.SCORES).read_bytes()
    assert {(tmp_path / f"rank-{rank}").read_text() for rank in range(num_ranks)} == {truth.scores_hash}
    check_ranks(tmp_path / "run", truth)


def check_ranks(out: Path, truth: RunSummary) -> None:
    """The integers of the ranks add up to the summary's."""
    kept = json.loads((out / layout.RANKS).read_text())
    ranks = [SpeechBrainSummary.read(facts) for facts in kept["ranks"].values()]
    assert (
        sum(ranks, SpeechBrainSummary())
        == SpeechBrainSummary.of(truth.counts)
        == SpeechBrainSummary.read(kept["summary"])
    )
    assert kept["summary"]["WER"] == kept["summary"]["error_rate"] == pytest.approx(100 * truth.wer)


@pytest.mark.soak
def test_a_killed_follower_costs_nothing_and_a_restart_by_torchrun_goes_on(manifest, truth, tmp_path, group):
    """Its agent starts the group again: what was committed stays, and the scores are those of one worker."""
    out = tmp_path / "run"
    begun = group(manifest, out, seconds=0.3, restarts=1)
    assert has_parts(out, 3), begun.stderr
    os.kill(begun.pid_of(1), signal.SIGKILL)
    assert begun.ended() == 0, begun.stderr
    assert (out / layout.SCORES).read_bytes() == truth
    assert begun.stdout.count("%WER") == 1
    assert "by rank" in begun.stdout
    outcomes = [json.loads(path.read_text())["outcome"] for path in sorted(out.glob("attempts/*"))]
    assert outcomes == ["interrupted", "finished"]


def test_a_killed_rank_0_ends_the_group_and_another_engine_goes_on(manifest, truth, tmp_path, group):
    """No process is left behind, nothing is lost, and nothing is counted twice."""
    out = tmp_path / "run"
    begun = group(manifest, out, seconds=0.3)
    assert has_parts(out, 3), begun.stderr
    pids = [begun.pid_of(rank) for rank in (0, 1)]
    os.kill(pids[0], signal.SIGKILL)
    assert begun.ended() == 1
    assert wait_until(lambda: not any(is_running(pid) for pid in pids))
    num_parts = len(list(out.glob("parts/*")))
    assert num_parts < NUM_UTTERANCES
    evaluate(Slow(seconds=0.0), manifest, out=out, **CHOSEN)
    assert (out / layout.SCORES).read_bytes() == truth


@pytest.mark.soak
def test_a_ctrl_c_stops_all_ranks_politely(manifest, tmp_path, group):
    """One of them says so, with what to type; what they were at is committed."""
    out = tmp_path / "run"
    begun = group(manifest, out, seconds=0.3)
    assert has_parts(out, 3), begun.stderr
    begun.agent.send_signal(signal.SIGINT)
    assert begun.ended() != 0
    assert begun.stderr.count("error: stopped:") == 1
    assert "Traceback" not in begun.stderr.partition("torch")[0]
    [attempt] = out.glob("attempts/*")
    facts = json.loads(attempt.read_text())
    assert facts["outcome"] == "interrupted"
    assert 3 <= facts["num_rows"] < NUM_UTTERANCES
