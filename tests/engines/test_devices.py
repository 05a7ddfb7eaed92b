"""Which GPUs there are, as drivers and the environment say it; no GPU is needed to ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.engines import devices
from earmark.engines.devices import chosen_devices, visible_devices
from earmark.engines.inline import InlineEngine
from earmark.engines.options import EngineOptions
from earmark.engines.processes import ProcessEngine
from earmark.errors import UsageError

VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a GPU: ``bin`` holds its programs, ``nvidia`` and ``amd`` what drivers show."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("bin", "nvidia", "amd"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(devices, "_NVIDIA_FILES", tmp_path / "nvidia")
    monkeypatch.setattr(devices, "_AMD_NODES", tmp_path / "amd")
    return tmp_path


def write_smi(machine: Path, text: str, exit_code: int = 0) -> None:
    """A program that answers as nvidia-smi does."""
    path = machine / "bin" / "nvidia-smi"
    path.write_text(f"#!/bin/sh\nprintf '%b' '{text}'\nexit {exit_code}\n")
    path.chmod(0o755)


def write_nodes(machine: Path, *gpu_ids: int) -> None:
    for number, gpu_id in enumerate(gpu_ids):
        (machine / "amd" / str(number)).mkdir()
        (machine / "amd" / str(number) / "gpu_id").write_text(f"{gpu_id}\n")


TWO = "GPU 0: A (UUID: GPU-1)\\n  MIG 1g Device 0: (UUID: MIG-1)\\nGPU 1: B (UUID: GPU-2)\\n"


def test_nvidia_s_are_counted_as_its_tool_counts_them(machine):
    """Two GPUs, a part of one not counted; and the worker counts as the tool does, not the fastest first."""
    write_smi(machine, TWO)
    found = visible_devices()
    assert found.ids == ("0", "1")
    assert found.environment(1) == {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def test_without_the_tool_the_driver_s_files_are_counted(machine):
    """A container may have the one and not the other; a tool that fails means a driver that does not work."""
    (machine / "nvidia" / "0000:01:00.0").mkdir()
    assert visible_devices().ids == ("0",)
    write_smi(machine, "couldn't communicate", exit_code=9)
    assert visible_devices().ids == ()


def test_amd_s_are_the_nodes_with_an_id(machine):
    """The processors are nodes, too."""
    write_nodes(machine, 0, 0, 4711, 4712)
    assert visible_devices().ids == ("0", "1")
    assert visible_devices().environment(1) == {"HIP_VISIBLE_DEVICES": "1"}


@pytest.mark.parametrize(
    ("given", "seen_by_the_second"),
    [
        ({"CUDA_VISIBLE_DEVICES": "4, 7"}, {"CUDA_VISIBLE_DEVICES": "7"}),
        ({"CUDA_VISIBLE_DEVICES": "MIG-a/1/0,GPU-b"}, {"CUDA_VISIBLE_DEVICES": "GPU-b"}),
        ({"HIP_VISIBLE_DEVICES": "0,1", "ROCR_VISIBLE_DEVICES": "4,5"}, {"HIP_VISIBLE_DEVICES": "1"}),
        (
            {"CUDA_VISIBLE_DEVICES": "2,3", "HIP_VISIBLE_DEVICES": "2,3"},
            {"CUDA_VISIBLE_DEVICES": "3", "HIP_VISIBLE_DEVICES": "3"},
        ),
        ({"ROCR_VISIBLE_DEVICES": "4,5"}, {"ROCR_VISIBLE_DEVICES": "5"}),
    ],
)
def test_the_environment_is_believed_before_any_driver(machine, monkeypatch, given, seen_by_the_second):
    """A scheduler has chosen already; each variable that chose is narrowed, but ROCr's, within which HIP's counts."""
    write_smi(machine, "GPU 0: A\\n")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert chosen_devices("auto").environment(1) == seen_by_the_second
    assert chosen_devices("auto").environment(3) == seen_by_the_second


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ("auto", ("0", "1", "2")),
        ("2", ("0", "1")),
        ("8", ("0", "1", "2")),
        ("2,0", ("2", "0")),
        ("1,", ("1",)),
        ("2,2,5", ("2",)),
    ],
)
def test_what_is_asked_for_and_here_is_taken(monkeypatch, asked, ids):
    """All, the first so many, or ids; of more than there are, those that there are."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    assert chosen_devices(asked).ids == ids


@pytest.mark.parametrize("said", ["", "-1", "-1,0", "NoDevFiles"])
@pytest.mark.parametrize("asked", ["auto", "1", "0,"])
def test_gpus_that_the_environment_hides_are_none(monkeypatch, said, asked):
    """What follows a word that is no id does not count, as CUDA reads it; the error says what hides them."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)
    with pytest.raises(UsageError) as refused:
        chosen_devices(asked)
    assert f"CUDA_VISIBLE_DEVICES is {said!r}" in refused.value.cause


def test_where_there_is_none_the_error_says_what_was_looked_for():
    """And not a run on processors, which nobody would notice for an hour."""
    with pytest.raises(UsageError) as refused:
        ProcessEngine(EngineOptions(gpus="auto"))
    assert "nvidia-smi" in refused.value.cause
    assert "/sys/class/kfd" in refused.value.cause
    assert "--gpus" in refused.value.hint


def test_other_ids_than_there_are_name_those_that_there_are(monkeypatch):
    """Somebody asked for the second of a machine with one."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    with pytest.raises(UsageError) as refused:
        chosen_devices("0,1")
    assert "the GPUs here are 5" in refused.value.cause


@pytest.mark.parametrize("asked", ["0", "all", "0;1", ",", "0,x", "--", "0,$(id)"])
def test_words_that_choose_no_gpu_are_refused(monkeypatch, asked):
    """With an example of what to type."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(UsageError) as refused:
        chosen_devices(asked)
    assert "--gpus" in refused.value.hint


def test_a_worker_a_gpu_unless_workers_are_said(monkeypatch):
    """Fewer leave GPUs idle, more share them; in this process there is nothing to choose."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    assert ProcessEngine(EngineOptions(gpus="auto")).num_workers == 3
    assert ProcessEngine(EngineOptions(gpus="auto", num_workers=5)).num_workers == 5
    assert ProcessEngine(EngineOptions()).num_workers == 1
    with pytest.raises(UsageError, match="--gpus means nothing"):
        InlineEngine(EngineOptions(gpus="auto"))
