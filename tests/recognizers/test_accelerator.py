"""Whether there is a GPU, asked of its driver, without torch."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable

import pytest

from earmark.recognizers import accelerator
from earmark.recognizers.accelerator import device_kind, num_gpus


class ToyDriver:
    """Answers as a driver's library does: 0 is success, and numbers are written where they are wanted."""

    def __init__(self, count: int, status: int = 0) -> None:
        self._count, self._status = count, status

    def cuInit(self, flags: int) -> int:  # noqa: N802  # the name is the driver's
        return self._status

    def cuDeviceGetCount(self, count: object) -> int:  # noqa: N802
        count._obj.value = self._count  # type: ignore[attr-defined]  # what ctypes.byref points at
        return 0


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Gives what stands for the driver's library; an error is raised."""

    def given(found: object) -> None:
        def load(name: str) -> object:
            if isinstance(found, Exception):
                raise found
            return found

        num_gpus.cache_clear()
        monkeypatch.setattr(ctypes, "CDLL", load)

    yield given
    num_gpus.cache_clear()


@pytest.mark.parametrize(
    ("found", "number"),
    [(ToyDriver(2), 2), (ToyDriver(0), 0), (ToyDriver(2, status=100), 0), (OSError("no such file"), 0)],
    ids=["two", "none", "a driver that does not start", "no driver"],
)
def test_gpus_are_counted_by_their_driver(library, found, number):
    """And none where it is missing or does not work."""
    library(found)
    assert num_gpus() == number


def test_auto_is_a_gpu_where_there_is_one_and_a_torch_that_can_use_it(library, monkeypatch):
    """What is named is what it is."""
    library(ToyDriver(1))
    kinds = {}
    for build in ("2.13.0", "2.13.0+cu130", "2.13.0+cpu"):
        monkeypatch.setattr(accelerator, "version", lambda _, build=build: build)
        kinds[build] = device_kind("auto")
    assert kinds == {"2.13.0": "cuda", "2.13.0+cu130": "cuda", "2.13.0+cpu": "cpu"}
    assert [device_kind(name) for name in ("cpu", "cuda", "cuda:1")] == ["cpu", "cuda", "cuda"]
    library(ToyDriver(0))
    monkeypatch.setattr(accelerator, "version", lambda _: "2.13.0")
    assert device_kind("auto") == "cpu"


def test_a_torch_for_amd_asks_the_kernel_for_gpus(library, monkeypatch, tmp_path):
    """A node with an id is one, unless the environment hides them; torch calls it cuda all the same."""
    library(OSError("no NVIDIA here"))
    for name in accelerator._AMD_HIDES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(accelerator, "version", lambda _: "2.13.0+rocm7.0")
    monkeypatch.setattr(accelerator, "_AMD_NODES", tmp_path)
    for number, gpu_id in enumerate((0, 4711)):
        assert device_kind("auto") == "cpu"
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "gpu_id").write_text(f"{gpu_id}\n")
    assert device_kind("auto") == "cuda"
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "1")
    assert device_kind("auto") == "cuda"
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "-1")
    assert device_kind("auto") == "cpu"


def test_asking_loads_no_framework():
    """A run's driver does without."""
    script = (
        "import sys; from earmark.recognizers.accelerator import device_kind; device_kind('auto');"
        "sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
