"""What the operating system gives to a process, judged by the numbers that a run needs."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from earmark.diagnosis.machine import (
    Cores,
    clock_finding,
    core_finding,
    cores,
    disk_finding,
    open_files_finding,
    shared_memory_finding,
    temporary_finding,
)


def group(folder, text: str):
    own = folder / "own"
    own.write_text(text)
    return own


@pytest.mark.parametrize(
    ("limits", "quota"),
    [
        ({"a/b/cpu.max": "150000 100000"}, 1.5),
        ({"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, 0.5),
        ({"a/b/cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_the_least_quota_of_the_groups_around_a_process_counts(tmp_path, limits, quota):
    """Of both versions of control groups."""
    for name, text in limits.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    assert cores(tmp_path / "groups", group(tmp_path, "0::/a/b\n")).quota == quota
    assert cores(tmp_path / "groups", tmp_path / "missing").quota is None


def test_a_group_that_may_use_less_than_auto_starts_is_told():
    """With the number of workers that fits."""
    finding = core_finding(Cores(num_there=16, num_allowed=16, quota=2.5))
    assert (finding.level, finding.mend) == ("warning", "--workers 2")
    assert core_finding(Cores(num_there=16, num_allowed=4, quota=4.0)).level == "ok"
    assert core_finding(Cores(num_there=16, num_allowed=4, quota=None)).sentence == "this process may use 4 of 16"


@pytest.mark.parametrize(
    ("limit", "level"), [(64, "problem"), (512, "warning"), (1024, "ok"), (resource.RLIM_INFINITY, "ok")]
)
def test_a_low_limit_of_open_files_is_told(limit, level):
    """Below 256 a run does not work, below 1,024 many workers do not."""
    assert open_files_finding(limit).level == level


def test_a_disk_must_take_what_a_run_writes(tmp_path):
    """A folder that is not there yet is judged by the one that it will be made in; a file is no folder."""
    assert disk_finding("runs", tmp_path / "a" / "b").level in ("ok", "warning")
    (tmp_path / "file").write_text("x")
    finding = disk_finding("cache", tmp_path / "file" / "x")
    assert finding.level == "problem"
    assert "EARMARK_CACHE" in finding.mend


def test_shared_memory_that_is_not_there_is_no_fault(tmp_path):
    """Some systems have none."""
    assert shared_memory_finding(tmp_path / "none").level == "ok"


def test_a_clock_before_the_installation_is_wrong():
    """Certificates would not be valid yet."""
    assert clock_finding(0.0).level == "warning"
    assert clock_finding().level == "ok"


def test_a_folder_that_a_right_allows_and_the_disk_does_not_is_told():
    """Who may do everything still cannot write into the kernel's own tree."""
    finding = disk_finding("cache", Path("/proc/self/earmark"))
    assert finding.level == "problem"
    assert "cannot be written to" in finding.sentence
    assert "EARMARK_CACHE" in finding.mend
    assert disk_finding("cache", Path("/" + "x" * 300)).level == "problem"


def test_a_folder_for_temporary_files_that_is_passed_over_is_told(tmp_path):
    """Python takes another without a word; nothing is left in one that is fine."""
    finding = temporary_finding({"TMPDIR": str(tmp_path / "none here")})
    assert finding.level == "warning"
    assert finding.mend == f"mkdir -p '{tmp_path}/none here', or unset TMPDIR"
    assert temporary_finding({"TMPDIR": str(tmp_path)}).level != "problem"
    assert temporary_finding({}).name == "disk, temporary"
    assert list(tmp_path.iterdir()) == []
