"""A sweep over checkpoints by every engine, killed and gone on with: the same bytes whoever did the work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.puzzles import layout
from tests.puzzles.hrm.checkpoints import write_checkpoint
from tests.sweeps.toys import toy_puzzles
from tests.toys import toy_source, write_manifest

pytestmark = pytest.mark.soak
ROOT = Path(__file__).parents[2]
EARMARK = ["-m", "earmark"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "earmark"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two members, which know nothing yet, and puzzles."""
    root = tmp_path_factory.mktemp("made")
    for step in (1, 2):
        write_checkpoint(root / f"{step}", step=step, seed=step)
    puzzles = toy_puzzles(300)
    layout.write(root / "data", train=puzzles.take(range(10)), test=puzzles)
    return root


def start(made: Path, out: Path, *words: str, launcher: list[str] = EARMARK) -> subprocess.Popen[str]:
    flags = ["--checkpoint", f"{made}/1", "--checkpoint", f"{made}/2", "--data", f"{made}/data", "--permutes", "2"]
    flags += ["--exhaustive", "--batch-size", "20", "--progress", "lines", "--out", str(out), *words]
    return command(launcher, "sweep", *flags)


def command(launcher: list[str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *launcher, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    said = process.communicate()
    assert process.returncode == 0, said[1]
    return said


def kept(out: Path) -> bytes:
    """The results of the oracle, but for times and the number of workers."""
    found = json.loads((out / "oracle.json").read_text())
    del found["config"]["start_time"], found["config"]["max_workers"]
    for batch in found["batch_results"]:
        del batch["time_seconds"]
    del found["overall_results"]["elapsed_time"], found["overall_results"]["end_time"]
    return json.dumps(found).encode()


@pytest.fixture(scope="module")
def truth(made: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("truth") / "sweep"
    finish(start(made, out, "--engine", "inline"))
    return kept(out)


@pytest.mark.parametrize(
    ("launcher", "words"),
    [
        (TORCHRUN, ["--engine", "torchrun"]),
        (EARMARK, ["--engine", "ray", "--workers", "2"]),
        (EARMARK, ["--engine", "processes", "--workers", "2"]),
    ],
)
def test_every_engine_finds_the_same(made, truth, tmp_path, launcher, words):
    """To the byte; and of several ranks one alone prints."""
    shown, _ = finish(start(made, tmp_path / "sweep", *words, launcher=launcher))
    assert kept(tmp_path / "sweep") == truth
    assert shown.count("passes 1,200 of 1,200") == 1


@pytest.mark.parametrize("words", [["--engine", "inline"], ["--engine", "processes", "--workers", "2"]])
def test_a_killed_sweep_goes_on_to_the_same_bytes(made, truth, tmp_path, words):
    """SIGKILL of the driver and its workers after some parts; --resume does the rest, and no pair again."""
    out = tmp_path / "sweep"
    process = start(made, out, *words)
    while process.poll() is None and len(list(out.glob("parts/*.parquet"))) < 5:
        pass
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    num_done = len(list(out.glob("parts/*.parquet")))
    assert 5 <= num_done < 60
    assert json.loads((out / "oracle.json").read_text())["complete"] is False
    shown, _ = finish(start(made, out, *words, "--resume"))
    assert kept(out) == truth
    assert f"{1200 - 20 * num_done:,} of them now" in shown
    assert len(list(out.glob("parts/*.parquet"))) == 60


def test_ranks_share_every_cell_of_a_sweep_over_speech(tmp_path):
    """The same numbers as in one process; rank 0 alone prints and combines."""
    source = toy_source(tmp_path / "data", 40)
    texts = tmp_path / "texts.jsonl"
    texts.write_text("".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in source.texts.items()))
    manifest = write_manifest(tmp_path / "data" / "manifest.jsonl", source)
    found = []
    for launcher, engine in ((EARMARK, "inline"), (TORCHRUN, "torchrun")):
        out = tmp_path / engine
        words = ["--task", "asr", "--data", str(manifest), "--engine", engine, "--out", str(out)]
        for seed in range(3):
            words += ["--checkpoint", f"noisy+set:texts={texts}+set:error_rate=0.3+set:seed={seed}"]
        shown, _ = finish(command(launcher, "sweep", *words))
        assert shown.count("combined, without looking at references") == 1
        honest, oracle = (json.loads((out / name).read_text()) for name in ("honest.json", "oracle.json"))
        found.append((honest["together"], oracle["rate"]))
    assert found[0] == found[1]
