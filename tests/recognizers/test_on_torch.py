"""What all recognizers on torch share about their device."""

from __future__ import annotations

import pytest

from earmark.errors import OutOfMemoryError, RecognizerError
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


def test_numbers_are_the_same_each_time():
    """No shorter mantissa and no search for what is fastest today, whatever was allowed before."""
    backends = torch.backends
    for owner, name, value in (
        (backends.cuda.matmul, "allow_tf32", False),
        (backends.cudnn, "allow_tf32", False),
        (backends.cudnn, "benchmark", False),
        (backends.cudnn, "deterministic", True),
    ):
        setattr(owner, name, not value)
        assert on_torch.prepared_device("cpu", 0.5) == torch.device("cpu")
        assert getattr(owner, name) is value


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_memory_that_does_not_suffice_is_told_in_one_way(error):
    """That of a GPU and that of a processor, outside of the handler: its traceback holds what the call allocated."""

    def ask(batch: list[int]) -> list[int]:
        raise error

    with pytest.raises(OutOfMemoryError, match="2 utterances do not fit") as full:
        on_torch.within_memory(ask, [1, 2], 2)
    assert full.value.cause == str(error).splitlines()[0]
    assert full.value.__context__ is None


def test_another_fault_is_no_lack_of_memory():
    """It goes up as it is; and what is answered is the answer."""

    def ask(batch: list[int]) -> list[int]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        on_torch.within_memory(ask, [1], 1)
    assert on_torch.within_memory(lambda batch: [2 * one for one in batch], [1, 2], 2) == [2, 4]


def test_a_statistic_that_is_no_number_is_refused():
    """It is no weight, and spoils every answer all the same; what is saved beside tensors is let be."""
    layer = torch.nn.BatchNorm1d(2)
    on_torch.check_numbers("it", [*layer.state_dict().items(), ("note", "text")])
    layer.running_var[1] = float("nan")
    with pytest.raises(RecognizerError, match="no numbers") as refused:
        on_torch.check_numbers("it", layer.state_dict().items())
    assert "running_var" in str(refused.value.cause)
