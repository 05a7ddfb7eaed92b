"""What a rank makes of one that is gone, and of too many of them."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.errors import LostRankError, UsageError
from earmark.training.examples import Examples
from earmark.verbs.train_folder import check_shares

torch = pytest.importorskip("torch")

from earmark.training.ranks import Ranks, TorchRanks  # noqa: E402  # without torch there is none


class Nine(Ranks):
    num_ranks = 9


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[/x/gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:42\nmore"),
        torch.distributed.DistNetworkError("the store is gone"),
    ],
)
def test_a_rank_that_is_gone_is_told_as_that(error):
    """Gloo and NCCL have their own words for it."""
    ranks = TorchRanks.__new__(TorchRanks)
    with pytest.raises(LostRankError, match="another rank was lost") as caught, ranks.meeting():
        raise error
    assert caught.value.cause == str(error).splitlines()[0]


def test_other_errors_go_up_as_they_are():
    """Such as a device that is full."""
    ranks = TorchRanks.__new__(TorchRanks)
    with pytest.raises(torch.OutOfMemoryError), ranks.meeting():
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_more_ranks_than_utterances_are_refused():
    """With how to have fewer."""
    speech = type("Speech", (), {"train": _examples(8)})
    with pytest.raises(UsageError, match="9 ranks cannot share 8 utterances"):
        check_shares(speech, Nine(torch.device("cpu")))
    speech.train = _examples(9)
    check_shares(speech, Nine(torch.device("cpu")))


def _examples(number: int) -> Examples:
    names = tuple(map(str, range(number)))
    return Examples(
        ids=names, pieces=(), texts=names, labels=(), duration_s=np.ones(number), dropped={}, fingerprint=""
    )
