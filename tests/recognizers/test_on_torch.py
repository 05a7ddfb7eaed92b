"""What all recognizers on torch share about their device."""

from __future__ import annotations

import pytest

from earmark.errors import RecognizerError
from earmark.recognizers import on_torch

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'earmark[transformers]'")


def test_the_limit_of_a_gpus_memory_is_set_before_the_model_goes_there(monkeypatch):
    """On the device that is asked for; on a processor nothing is set."""
    told = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *given: told.append(given))
    on_torch.limit_memory(torch.device("cpu"), 0.9)
    on_torch.limit_memory(torch.device("cuda:1"), None)
    assert told == []
    on_torch.limit_memory(torch.device("cuda:1"), 0.9)
    on_torch.limit_memory(torch.device("cuda"), 0.5)
    assert told == [(0.9, 1), (0.5, None)]


def test_a_gpu_beyond_the_last_one_is_not_there():
    """Never another one in its place."""
    with pytest.raises(RecognizerError, match="no device"):
        on_torch.device_of(f"cuda:{torch.cuda.device_count()}")
