"""``earmark sweep`` over checkpoints made on the spot: the seed's flags and JSON, bad input, exit codes."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from earmark.cli.main import run
from earmark.puzzles import layout
from earmark.puzzles.grids import PuzzleSet
from earmark.recognizers.accelerator import supposing
from tests.puzzles.hrm.checkpoints import TINY, state_of, write_checkpoint
from tests.sweeps.toys import toy_puzzles

PUZZLES = toy_puzzles(20)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Two members in folders with blanks and commas in their names, one that is not finite, and puzzles."""
    root = tmp_path_factory.mktemp("made")
    write_checkpoint(root / "good, old run", step=7, seed=1)
    write_checkpoint(root / "other run", step=8, seed=2)
    state = state_of(seed=3)
    state["model.inner.lm_head.weight"][0] = torch.nan
    write_checkpoint(root / "nan", step=9, state=state)
    layout.write(root / "data", train=PUZZLES.take(range(10)), test=PUZZLES)
    return root


SEED = {
    "config": {
        "checkpoints": ["checkpoint1", "checkpoint2"], "permutes": 5, "max_workers": 8, "num_batch": 182,
        "batch_size": 2323, "start_time": "2026-01-22 15:55:00",
    },
    "batch_results": [
        {"batch_idx": 0, "correct": 1500, "total": 2323, "accuracy": 0.6457, "time_seconds": 45.2},
    ],
    "overall_results": {
        "correct": 350000, "total": 422786, "accuracy": 0.8278, "elapsed_time": 3600.5,
        "end_time": "2026-01-22 16:55:00",
    },
}  # fmt: skip
"""The results of the script that the verb replaces, as its page shows them."""


def assert_like(found: object, example: object) -> None:
    """The same type; of an object the same keys in their order; of a list each element like the example's first."""
    assert type(found) is type(example)
    if isinstance(example, dict):
        assert list(found) == list(example)
        for key, value in example.items():
            assert_like(found[key], value)
    elif isinstance(example, list):
        assert found
        for one in found:
            assert_like(one, example[0])
    elif isinstance(example, str) and ":" in example:
        datetime.strptime(found, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  # the script's times have no zone


def swept(made: Path, tmp_path: Path, *words: str, members: str | None = None) -> int:
    named = (
        [f"--checkpoints={members}"]
        if members
        else [f"--checkpoint={made}/good, old run", f"--checkpoint={made}/other run"]
    )
    usual = {"--data": f"{made}/data", "--engine": "inline", "--out": f"{tmp_path}/sweep"}
    return run(
        [
            "sweep",
            *named,
            *(word for flag, value in usual.items() if flag not in words for word in (flag, value)),
            *words,
        ]
    )


def results(tmp_path: Path, name: str = "results.json") -> dict:
    return json.loads((tmp_path / name).read_text())


def test_the_seeds_flags_and_its_json(made, tmp_path, capsys):
    """With underscores; in the seed's order of keys; both families are printed, in tables of their own."""
    flags = [
        "--permutes",
        "2",
        "--max_workers",
        "1",
        "--num_batch",
        "5",
        "--batch_size",
        "8",
        "--gpu_memory_limit",
        "0.5",
    ]
    assert swept(made, tmp_path, *flags, "--output", f"{tmp_path}/results.json") == 0
    found = results(tmp_path)
    assert list(found)[:3] == list(SEED)
    assert_like({key: found[key] for key in SEED}, SEED)
    assert found["config"]["checkpoints"] == [f"{made}/good, old run", f"{made}/other run"]
    assert (found["config"]["permutes"], found["config"]["max_workers"], found["config"]["num_batch"]) == (2, 1, 3)
    assert found["overall_results"] | {"elapsed_time": 0, "end_time": ""} == {
        "correct": 0, "total": 20, "accuracy": 0.0, "elapsed_time": 0, "end_time": "",
    }  # fmt: skip
    shown = capsys.readouterr()
    honest, oracle = shown.out.index("chosen without labels"), shown.out.index("Oracle")
    assert honest < shown.out.index("verifier", honest) < oracle < shown.out.index("any", oracle)
    assert "more than there are" in shown.err


def test_the_same_line_again_does_nothing_and_json_is_json(made, tmp_path, capsys):
    """It says that all was done before; every rule is there once all cells are."""
    rules = ["--exhaustive", "--aggregate", "any", "--aggregate", "majority", "--aggregate", "upstream-head"]
    assert swept(made, tmp_path, *rules, "--permutes", "2") == 0
    assert "all of them before" not in capsys.readouterr().out
    assert swept(made, tmp_path, *rules, "--permutes", "2", "--resume") == 0
    assert "all of them before" in capsys.readouterr().out
    assert swept(made, tmp_path, *rules, "--permutes", "2", "--format", "json", "--quiet") == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed["aggregates"]) == {"any", "upstream-head"}
    assert printed["forwards_run"] == 80
    assert set(results(tmp_path, "sweep/honest.json")["aggregates"]) == {"majority", "verifier"}


def test_a_comma_parts_members_unless_it_is_in_a_name(made, tmp_path):
    """A place that exists as it stands is one; else it is several."""
    assert swept(made, tmp_path, members=f"{made}/good, old run") == 0
    assert results(tmp_path, "sweep/oracle.json")["config"]["checkpoints"] == [f"{made}/good, old run"]
    assert swept(made, tmp_path / "b", members=f"{made}/nan/step_9 , {made}/other run/step_8") == 3
    assert len(results(tmp_path / "b", "sweep/oracle.json")["config"]["checkpoints"]) == 2


def test_a_member_that_is_not_finite(made, tmp_path, capsys):
    """Beside another one: exit 3, or 0 where it is allowed. Alone: exit 1, and no accuracy."""
    two = f"{made}/other run,{made}/nan"
    assert swept(made, tmp_path, members=two) == 3
    shown = capsys.readouterr()
    assert "1 of 2 tasks failed, more than --max-failures 0" in shown.err
    assert "NaN" in shown.err
    assert swept(made, tmp_path, "--max-failures", "1", members=two) == 0
    assert swept(made, tmp_path / "alone", "--output", f"{tmp_path}/results.json", members=f"{made}/nan") == 1
    assert "every task failed" in capsys.readouterr().err
    found = results(tmp_path)
    assert (found["overall_results"]["accuracy"], found["overall_results"]["total"]) == (None, 0)
    assert found["tasks"][0]["status"] == "failed"


def test_a_member_of_another_shape_fails_alone(made, tmp_path, capsys):
    """With its weight, what it is and what was expected; the other member's cells are done."""
    write_checkpoint(tmp_path / "other shape", step=8, seed=5)
    config = tmp_path / "other shape/all_config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["arch"]["expansion"] *= 2
    config.write_text(yaml.safe_dump(settings))
    assert swept(made, tmp_path, members=f"{made}/other run,{tmp_path}/other shape") == 3
    told = capsys.readouterr().err
    assert "gate_up_proj.weight is [" in told
    assert "], expected [" in told
    assert [task["status"] for task in results(tmp_path, "sweep/oracle.json")["tasks"]] == ["done", "failed"]


def test_all_bad_checkpoints_are_listed_before_anything(made, tmp_path, capsys):
    """Each with what is wrong with it, in one message; no folder is made."""
    bad = tmp_path / "bad"
    shutil.copytree(made / "other run", bad / "pointer")
    (bad / "pointer/step_8").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 109124341\n")
    shutil.copytree(made / "other run", bad / "cut")
    whole = (bad / "cut/step_8").read_bytes()
    (bad / "cut/step_8").write_bytes(whole[: len(whole) // 2])
    shutil.copytree(made / "other run", bad / "bare")
    (bad / "bare/all_config.yaml").unlink()
    (bad / "empty").mkdir()
    names = ["pointer", "cut", "bare", "empty", "missing"]
    assert swept(made, tmp_path, members=",".join(f"{bad}/{name}" for name in names)) == 2
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert "git lfs pull" in told
    assert all(f"{bad}/{name}" in told for name in names)
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--permutes", "0"], "--permutes 0"),
        (["--permutes", "5"], "1 to 4"),
        (["--variants", "relabel:1,relabel:5"], "are the same"),
        (["--variants", "mirror"], "no variant 'mirror'"),
        (["--batch_size", "0"], "--batch-size 0"),
        (["--num_batch", "0"], "--num-batch 0"),
        (["--max_workers", "0"], "--max-workers 0"),
        (["--gpu_memory_limit", "1.5"], "--gpu-memory-limit 1.5"),
        (["--gpu_memory_limit", "0"], "--gpu-memory-limit 0"),
        (["--max-failures", "-1"], "--max-failures -1"),
        (["--aggregate", "majority"], "needs all cells"),
        (["--fresh", "--resume"], "--resume"),
        (["--normalizer", "whisper-en"], "--normalizer means nothing to --task sudoku"),
        (["--task", "asr", "--halt", "q"], "--halt means nothing to --task asr"),
        (["--limit", "4"], "--task asr takes it; of puzzles --num-batch"),
        (["--task", "asr", "--output", "x.json"], "honest.json in the folder of --out"),
        (["--checkpoint", "pocketsphinx", "--limit", "4"], "hint: --task asr"),
        (["--engine", "modal"], "the engine modal does no sweep"),
        (["--engine", "torchrun"], "-m earmark, and the same words behind it"),
        *(
            pytest.param(["--engine", engine, "--device", "cuda"], "no device 'cuda'", marks=pytest.mark.skipif(
                torch.cuda.is_available(), reason="there is one here"))
            for engine in ("auto", "processes", "inline")
        ),
    ],
)  # fmt: skip
def test_bad_usage_is_said_before_anything(made, tmp_path, capsys, words, said):
    """Exit 2, with what is wrong, and no folder is made."""
    assert swept(made, tmp_path, *words) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "sweep").exists()


def test_speech_is_no_puzzle_and_torch_is_needed(made, tmp_path, capsys, monkeypatch):
    """A manifest in the place of puzzles names the other task; without torch nothing is begun."""
    (tmp_path / "m.jsonl").write_text('{"audio": "a.wav", "text": "x"}\n')
    assert swept(made, tmp_path, "--data", f"{tmp_path}/m.jsonl") == 2
    assert "--task asr takes speech" in " ".join(capsys.readouterr().err.split())
    monkeypatch.setitem(sys.modules, "torch", None)
    assert swept(made, tmp_path) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: sweeps of puzzles need torch\n")
    assert "pip install 'earmark[puzzles]'" in told
    assert not (tmp_path / "sweep").exists()


def test_members_must_be_different_and_alike(made, tmp_path, capsys):
    """The same bytes under two names count once; other grids are another sweep; both names are said."""
    shutil.copytree(made / "other run", tmp_path / "copy")
    assert swept(made, tmp_path, members=f"{made}/other run,{tmp_path}/copy") == 2
    assert "named twice" in capsys.readouterr().err
    nine = type(TINY)(**{**{name: getattr(TINY, name) for name in TINY.__slots__}, "vocab_size": 11, "seq_len": 81})
    write_checkpoint(tmp_path / "nine", nine)
    assert swept(made, tmp_path, members=f"{made}/other run,{tmp_path}/nine") == 2
    told = capsys.readouterr().err
    assert "16 cells" in told
    assert "81 cells" in told
    assert swept(made, tmp_path, members=f"{tmp_path}/nine") == 2
    assert "for other puzzles" in capsys.readouterr().err


def test_which_puzzles(made, tmp_path, capsys):
    """Without labels the verifier is what is printed; without --data and without puzzles beside it, it asks."""
    bare = PuzzleSet(4, PUZZLES.clues, None, "bare")
    layout.write(tmp_path / "bare", train=bare.take(range(5)), test=bare)
    words = ["sweep", "--checkpoint", f"{made}/other run", "--engine", "inline", "--out", f"{tmp_path}/sweep"]
    assert run([*words, "--data", f"{tmp_path}/bare"]) == 0
    assert "Oracle" not in capsys.readouterr().out
    assert run([*words, "--data", f"{tmp_path}/bare", "--aggregate", "any"]) == 2
    assert run(words) == 2
    assert "which puzzles?" in capsys.readouterr().err


def test_a_sweep_of_seconds_is_done_in_this_process(made, tmp_path, capsys):
    """Where nobody says who works, and there is no GPU."""
    with supposing("cpu"):
        assert swept(made, tmp_path, "--engine", "auto") == 0
    assert "work   1 worker, inline" in capsys.readouterr().err


def test_another_sweep_is_refused(made, tmp_path, capsys):
    """Naming what differs; other puzzles, other variants."""
    assert swept(made, tmp_path) == 0
    layout.write(tmp_path / "other", train=PUZZLES.take(range(5)), test=PUZZLES.take(np.arange(19)))
    assert swept(made, tmp_path, "--data", f"{tmp_path}/other") == 2
    assert "num_items" in capsys.readouterr().err
    assert swept(made, tmp_path, "--variants", "transpose") == 2
    assert "variants" in capsys.readouterr().err
    assert swept(made, tmp_path, "--dtype", "bfloat16") == 2
    assert "dtype" in capsys.readouterr().err
    assert swept(made, tmp_path, "--variants", "transpose", "--fresh") == 0


def test_puzzles_that_contradict_themselves_are_refused(made, tmp_path, capsys):
    """With the file and the first bad row, before anything is begun."""
    shutil.copytree(made / "data", tmp_path / "data")
    labels = tmp_path / "data/test/all__labels.npy"
    changed = np.load(labels)
    changed[7, 0] = changed[7, 1]
    np.save(labels, changed)
    assert swept(made, tmp_path, "--data", f"{tmp_path}/data") == 2
    told = capsys.readouterr().err
    assert str(labels) in told
    assert "row 7" in told
    assert not (tmp_path / "sweep").exists()


def test_nothing_can_be_written_there(made, tmp_path, capsys):
    """Said before a model is loaded, of the folder and of the file."""
    (tmp_path / "file").write_text("")
    assert swept(made, tmp_path, "--out", f"{tmp_path}/file/sweep") == 2
    assert f"{tmp_path}/file" in capsys.readouterr().err
    assert swept(made, tmp_path, "--output", f"{tmp_path}/file/results.json") == 2
    assert f"{tmp_path}/file" in capsys.readouterr().err
    assert not (tmp_path / "sweep").exists()
