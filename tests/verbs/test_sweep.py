"""Who works in a sweep over puzzles, where nobody says it."""

from __future__ import annotations

import pytest

from earmark.engines.options import EngineOptions
from earmark.recognizers.accelerator import supposing
from earmark.verbs.in_order import num_threads
from earmark.verbs.sweep import _worth, with_places


@pytest.mark.parametrize(
    ("kind", "device", "expected"),
    [
        ("cpu", "auto", EngineOptions(num_workers=num_threads())),
        ("cuda", "cpu", EngineOptions(num_workers=num_threads())),
        ("cuda", "auto", EngineOptions(gpus="auto")),
        ("cpu", "cuda", EngineOptions(gpus="auto")),
        ("cpu", "cuda:1", EngineOptions(num_workers=1)),
    ],
)
def test_one_worker_a_gpu_or_a_processor(kind, device, expected):
    """A worker of a pool sees one GPU, so the second one by its number is for a worker that sees all."""
    with supposing(kind):
        assert with_places(EngineOptions(), device) == expected


@pytest.mark.parametrize(("num_multiplications", "num_workers"), [(10**9, 1), (2 * 10**11, 2), (10**15, 8)])
def test_a_worker_must_be_worth_its_start(num_multiplications, num_workers):
    """A sweep of seconds is done in this process, one of hours by a worker a processor."""
    assert _worth(EngineOptions(num_workers=8), num_multiplications) == EngineOptions(num_workers=num_workers)


@pytest.mark.parametrize("said", [EngineOptions(num_workers=3), EngineOptions(gpus="0,")])
def test_what_is_said_counts(said):
    """Nothing is added to it."""
    with supposing("cuda"):
        assert with_places(said, "auto") is said
