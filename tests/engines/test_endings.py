"""How a worker ended, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.engines import endings
from earmark.engines.endings import ending, num_memory_kills


@pytest.fixture
def counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's counters, of a toy kernel."""
    path = tmp_path / "vmstat"
    monkeypatch.setattr(endings, "_COUNTERS", path)
    return path


def test_a_kill_for_want_of_memory_is_known_by_the_kernel_s_count(counters):
    """The same signal as a person's kill: the count has grown since the worker began."""
    counters.write_text("pgfault 7\noom_kill 4\noom_kill_other 9\n")
    assert num_memory_kills() == 4
    assert ending(-9, 3) == "was killed by SIGKILL, while the kernel killed for want of memory"
    assert ending(-9, 4) == "was killed by SIGKILL"


def test_where_the_kernel_counts_nothing_it_may_have_been_that(counters):
    """An old kernel, or another system."""
    assert num_memory_kills() is None
    assert ending(-9, None) == "was killed by SIGKILL, perhaps for want of memory"
    counters.write_text("pgfault 7\n")
    assert ending(-9, 3) == "was killed by SIGKILL, perhaps for want of memory"


def test_other_ends_are_said_as_they_are(counters):
    """Another signal by its name, an end by its code."""
    counters.write_text("oom_kill 9\n")
    assert ending(-11, 0) == "was killed by SIGSEGV"
    assert ending(3, 0) == "ended with exit code 3"
