from __future__ import annotations

import json
import os
import pickle
import zipfile
from dataclasses import replace

import pytest
import torch

from earmark.errors import CheckpointError
from earmark.puzzles.hrm.checkpoint import read_checkpoint, read_checkpoints
from earmark.puzzles.hrm.settings import HrmSettings, settings_from
from earmark.puzzles.hrm.state_dict import read_weights
from earmark.puzzles.hrm.weights import load_model, state_bytes
from tests.puzzles.hrm.checkpoints import LEARNED, TINY, model, state_of, write_checkpoint, write_config

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 109124341\n"


def load(path):
    return load_model(read_checkpoint(path), device=torch.device("cpu"), dtype=torch.float32)


def problem_of(path) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert caught.value.exit_code == 2
    return caught.value


def test_a_folder_means_its_newest_step(tmp_path):
    """By the number, not by the name; what else begins with step_ is none."""
    for step in (9, 10, 100):
        write_checkpoint(tmp_path / "run of mine", step=step, seed=step)
    (tmp_path / "run of mine" / "step_200_all_preds.0").write_bytes(b"no checkpoint")
    (tmp_path / "run of mine" / "hrm_act_v1.py").write_text("raise SystemExit('code beside a checkpoint was run')")
    found = read_checkpoint(tmp_path / "run of mine")
    assert (found.step, found.path) == (100, str(tmp_path / "run of mine" / "step_100"))
    assert found.settings == TINY
    assert read_checkpoint(tmp_path / "run of mine" / "step_9").step == 9
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize("prefix", ["", "model.", "_orig_mod.", "_orig_mod.model."])
def test_keys_are_known_with_every_prefix(tmp_path, prefix):
    """A compiled model's, the loss's around it, both and none give the same weights."""
    loaded = load(write_checkpoint(tmp_path, state=state_of(prefix=prefix)))
    for key, value in model().state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[key], value.float(), rtol=0, atol=0)


@pytest.mark.parametrize("settings", [TINY, LEARNED], ids=["rope", "learned positions"])
def test_settings_and_weights_come_back_as_they_were_written(tmp_path, settings):
    """The section arch says all of the settings, and the same weights are the same bytes, under the published keys."""
    path = write_checkpoint(tmp_path, settings)
    path.write_bytes(state_bytes(model(settings)))
    assert state_bytes(model(settings)) == path.read_bytes()
    assert read_checkpoint(path).settings == settings
    saved = torch.load(path, weights_only=True)
    assert set(saved) == {f"model.{key}" for key in model(settings).state_dict()}
    assert all(torch.equal(saved[f"model.{key}"], value) for key, value in model(settings).state_dict().items())


def test_a_published_config_is_read():
    """As the published training writes it; what it does not say is as in the published model."""
    arch = {
        "name": "hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1", "halt_exploration_prob": 0.1, "halt_max_steps": 16,
        "H_cycles": 2, "L_cycles": 2, "H_layers": 4, "L_layers": 4, "hidden_size": 512, "num_heads": 8, "expansion": 4,
        "puzzle_emb_ndim": 512, "pos_encodings": "rope",
    }  # fmt: skip
    assert settings_from({"arch": arch, "lr": 1e-4}, vocab_size=11, seq_len=81) == HrmSettings()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_size": "512"}, "hidden_size"),
        ({"hidden_size": 10**9}, "hidden_size"),
        ({"num_heads": 3}, "num_heads"),
        ({"H_cycles": 0}, "H_cycles"),
        ({"L_layers": True}, "L_layers"),
        ({"expansion": float("nan")}, "expansion"),
        ({"expansion": 1e9}, "expansion"),
        ({"rms_norm_eps": "little"}, "rms_norm_eps"),
        ({"pos_encodings": "none"}, "pos_encodings"),
        ({"halts_by_sign": "maybe"}, "halts_by_sign"),
        ({"name": "trm@TinyRecursiveReasoningModel_ACTV1"}, "TinyRecursive"),
    ],
)
def test_a_senseless_setting_is_named(change, said):
    """And nothing is built of it."""
    with pytest.raises(ValueError, match=said):
        settings_from({"arch": {**TINY.arch(), **change}}, vocab_size=6, seq_len=16)


def test_sizes_come_from_the_data_that_lie_beside(tmp_path):
    """``data_path`` is below the checkpoint's folder; one that leads out of it is not followed."""
    path = write_checkpoint(tmp_path / "a")
    write_config(tmp_path / "a", data_path="data/set")
    facts = tmp_path / "a" / "data" / "set" / "train" / "dataset.json"
    facts.parent.mkdir(parents=True)
    (tmp_path / "a" / "data" / "set" / "test").mkdir()
    facts.write_text(json.dumps({"vocab_size": 12, "seq_len": 900}))
    found = read_checkpoint(path)
    assert (found.settings.vocab_size, found.settings.seq_len, found.settings.grid_size) == (12, 900, None)
    assert found.data_path == str(tmp_path / "a" / "data" / "set")
    assert "[6, 16], expected [12, 16]" in str(problem_of(path).cause)
    facts.write_text("{}")
    assert "vocab_size" in str(problem_of(path).cause)
    for elsewhere in ("../a/data/set", str(tmp_path / "a" / "data" / "set"), "no/such"):
        write_config(tmp_path / "a", data_path=elsewhere)
        assert read_checkpoint(path).data_path is None
        assert read_checkpoint(path).settings == TINY


def test_what_is_not_there_is_said_of_all(tmp_path):
    """One error names every checkpoint that cannot be used, not only the first."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "step_1").write_bytes(write_checkpoint(tmp_path / "good").read_bytes())
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "step_1").write_bytes(b"")
    (tmp_path / "torn" / "all_config.yaml").write_text("arch: [unclosed")
    places = [tmp_path / name for name in ("good", "gone", "empty", "bare", "torn")]
    with pytest.raises(CheckpointError) as caught:
        read_checkpoints(places)
    assert all(str(place) in str(caught.value.cause) for place in places[1:])
    assert str(places[0]) not in str(caught.value.cause)
    assert [one.step for one in read_checkpoints(places[:1])] == [7]
    with pytest.raises(CheckpointError, match="gone"):
        read_checkpoints(places[:2])


@pytest.mark.parametrize("name", ["step_7", "all_config.yaml"])
def test_a_pointer_of_git_lfs_is_told(tmp_path, name):
    """With the command that fetches the file."""
    path = write_checkpoint(tmp_path)
    (tmp_path / name).write_bytes(POINTER)
    problem = problem_of(path)
    assert problem.kind == "pointer"
    assert "git lfs pull" in str(problem.hint)


def test_a_file_that_was_cut_off_is_told_wherever_it_was_cut(tmp_path):
    """At every length; nothing of it is used."""
    path = write_checkpoint(tmp_path)
    whole = path.read_bytes()
    for length in [0, 10, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert problem_of(path).kind == "damaged"


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_a_pickle_that_would_run_code_runs_none(tmp_path):
    """It is refused, and what it would have done is not done."""
    target = str(tmp_path / "made by the pickle")
    path = write_checkpoint(tmp_path, state={**state_of(), "extra": Bomb(target)})
    problem = problem_of(path)
    assert problem.kind == "damaged"
    assert not os.path.exists(target)  # noqa: PTH110


def test_what_is_no_state_dict_is_told(tmp_path):
    """A bare tensor, a nest of dicts, whole numbers, one key twice, an archive of something else."""
    twice = {**state_of(), "inner.H_init": torch.zeros(16)}
    for state in (torch.zeros(3), {}, {"model": state_of()}, {"model.a": torch.zeros(2, dtype=torch.int64)}, twice):
        assert problem_of(write_checkpoint(tmp_path, state=state)).kind == "damaged"
    with zipfile.ZipFile(tmp_path / "step_7", "w") as archive:
        archive.writestr("letter.txt", "hello")
    assert problem_of(tmp_path / "step_7").kind == "damaged"


def test_packed_weights_are_not_unpacked(tmp_path):
    """torch.save packs nothing, so a packed archive is only there to grow."""
    path = write_checkpoint(tmp_path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert problem_of(path).kind == "damaged"


@pytest.mark.parametrize("settings", [replace(TINY, seq_len=81, vocab_size=11), TINY])
def test_weights_of_another_model_are_named(tmp_path, settings):
    """With what is missing, unexpected, or of another shape, and both shapes."""
    state = state_of(settings)
    del state["model.inner.L_level.layers.1.mlp.down_proj.weight"]
    state["model.inner.more"] = torch.zeros(3)
    state["model.inner.lm_head.weight"] = torch.zeros(6, 17)
    said = str(problem_of(write_checkpoint(tmp_path, settings, state=state)).cause)
    assert "inner.L_level.layers.1.mlp.down_proj.weight [16, 48] is missing" in said
    assert "inner.more [3] is unexpected" in said
    assert f"inner.lm_head.weight is [6, 17], expected [{settings.vocab_size}, 16]" in said


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_is_named(tmp_path, value):
    """Before anything is computed with it."""
    state = state_of()
    state["model.inner.q_head.bias"][1] = value
    problem = problem_of(write_checkpoint(tmp_path, state=state))
    assert problem.kind == "numbers"
    assert "inner.q_head.bias" in str(problem.cause)


def test_a_file_that_changed_after_it_was_looked_at_is_not_loaded(tmp_path):
    """Its results would carry the other file's hash."""
    looked_at = read_checkpoint(write_checkpoint(tmp_path))
    write_checkpoint(tmp_path, seed=1)
    with pytest.raises(CheckpointError) as caught:
        load_model(looked_at, device=torch.device("cpu"), dtype=torch.float32)
    assert caught.value.kind == "changed"


def test_half_precision_weights_are_taken(tmp_path):
    """Whatever they were saved in, the model computes in what was asked for."""
    state = {key: value.bfloat16() for key, value in state_of().items()}
    path = write_checkpoint(tmp_path, state=state)
    assert {one.dtype for one in load(path).state_dict().values()} == {torch.float32}
    assert {one.dtype for one in read_weights(path).values()} == {torch.bfloat16}
