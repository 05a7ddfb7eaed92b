"""Every way in which a GPU is there and no model reaches it has its sentence, and the line that mends it."""

from __future__ import annotations

import pytest

from earmark.diagnosis.devices import Devices, device_findings
from earmark.diagnosis.gpus import Gpu, newest_cuda, nvidia_gpus
from earmark.diagnosis.torch_build import TorchBuild

L4 = Gpu(name="NVIDIA L4", memory_bytes=24 * 2**30, driver="550.90")
FOR_CUDA = TorchBuild(version="2.13.0", cuda="12.8", num_gpus=1)
FOR_ROCM = TorchBuild(version="2.13.0", hip="6.4", complaint="No HIP GPUs are available")
FOR_CPU = TorchBuild(version="2.13.0+cpu")
NVIDIA = {"nvidia": (L4,), "newest_cuda": (12, 4)}
AMD = {"has_amd_driver": True, "may_use_amd_driver": True}


def found(environment: dict[str, str] | None = None, **facts: object) -> list[tuple[str, str, str | None]]:
    return [(one.level, one.sentence, one.mend) for one in device_findings(Devices(**facts), environment or {})]


@pytest.mark.parametrize(
    ("facts", "says", "mends"),
    [
        ({**NVIDIA, "torch": FOR_ROCM}, '"No HIP GPUs are available" means this', "torch for CUDA"),
        ({**NVIDIA, "torch": FOR_CPU}, "was built for processors only, and the GPUs here are NVIDIA's", "for CUDA"),
        ({**AMD, "torch": FOR_CUDA}, "was built for CUDA 12.8, and the GPU here is AMD's", "torch for ROCm"),
        ({**AMD, "may_use_amd_driver": False, "torch": FOR_ROCM}, "may not open /dev/kfd", "usermod -aG render"),
        ({"torch": FOR_ROCM}, "AMD's driver is not loaded (no /dev/kfd)", "modprobe amdgpu"),
        ({**NVIDIA, "newest_cuda": (11, 8), "torch": FOR_CUDA}, "the driver runs CUDA 11.8 at most", "update NVIDIA's"),
        (
            {"torch": TorchBuild(fault="it ended with 1: no libtorch")},
            "cannot be imported: it ended",
            "reinstall torch",
        ),
        (
            {**NVIDIA, "torch": TorchBuild(version="2", cuda="12.8", complaint="busy")},
            "sees no GPU: busy",
            "cuda.init()",
        ),
    ],
)
def test_a_build_of_torch_that_cannot_use_the_gpu_is_told_with_what_mends_it(facts, says, mends):
    """One warning, since no plain run needs a GPU."""
    warnings = [one for one in found(**facts) if one[0] != "ok"]
    assert len(warnings) == 1
    level, sentence, mend = warnings[0]
    assert level == "warning"
    assert says in sentence
    assert mends in mend


@pytest.mark.parametrize("torch", [None, FOR_CPU, FOR_CUDA])
def test_a_machine_without_gpus_is_fine(torch):
    """Whatever torch was built for; and nothing is said of variables that hide what is not there."""
    assert {one[0] for one in found({"CUDA_VISIBLE_DEVICES": ""}, torch=torch)} == {"ok"}


def test_a_driver_of_the_same_major_runs_a_newer_minor():
    """CUDA promises it within a major version."""
    assert {one[0] for one in found(**NVIDIA, torch=FOR_CUDA)} == {"ok"}
    assert "NVIDIA L4" in found(**NVIDIA, torch=FOR_CUDA)[0][1]


@pytest.mark.parametrize(
    ("environment", "facts", "says", "mends"),
    [
        ({"CUDA_VISIBLE_DEVICES": ""}, NVIDIA, "which hides every GPU", "unset CUDA_VISIBLE_DEVICES"),
        ({"HIP_VISIBLE_DEVICES": "-1"}, AMD, "which hides every GPU", "unset HIP_VISIBLE_DEVICES"),
        ({"CUDA_VISIBLE_DEVICES": "0,5"}, NVIDIA, "names GPU 5, and the last one here is 0", "CUDA_VISIBLE_DEVICES=0"),
        ({"ROCR_VISIBLE_DEVICES": "2", "HIP_VISIBLE_DEVICES": "2"}, AMD, "counts among", "unset HIP_VISIBLE_DEVICES"),
    ],
)
def test_a_variable_that_hides_gpus_is_named(environment, facts, says, mends):
    """With the line that takes it away; what torch says of it is not told a second time."""
    blind = TorchBuild(version="2", cuda="12.4") if facts is NVIDIA else TorchBuild(version="2", hip="6.4")
    warnings = [one for one in found(environment, **facts, torch=blind) if one[0] != "ok"]
    assert len(warnings) == 1
    assert says in warnings[0][1]
    assert mends in warnings[0][2]


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """A program called nvidia-smi that prints what it is given."""

    def put(listing: str, page: str = "", *, code: int = 0) -> None:
        (tmp_path / "listing").write_text(listing)
        (tmp_path / "page").write_text(page)
        program = tmp_path / "nvidia-smi"
        program.write_text(f'#!/bin/sh\ncd {tmp_path}\n[ -n "$1" ] && cat listing || cat page\nexit {code}\n')
        program.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return put


def test_the_driver_is_asked_for_names_and_memory(smi):
    """As nvidia-smi prints them; a line of another form is no GPU."""
    smi("NVIDIA L4, 23034, 550.90\nNVIDIA GeForce GT 710, [N/A], 470.2\nnonsense\n", "| CUDA Version: 12.4 |")
    assert [(gpu.name, gpu.memory_bytes, gpu.driver) for gpu in nvidia_gpus()] == [
        ("NVIDIA L4", 23034 * 2**20, "550.90"),
        ("NVIDIA GeForce GT 710", None, "470.2"),
    ]
    assert newest_cuda() == (12, 4)


def test_a_driver_that_does_not_answer_has_no_gpus(smi):
    """Such as one that was updated and not loaded again."""
    smi("Failed to initialize NVML, x, y\n", "CUDA Version: 12.4", code=18)
    assert nvidia_gpus() == ()
    assert newest_cuda() is None
