from __future__ import annotations

import numpy as np
import pytest

from earmark.training.texts import Texts

torch = pytest.importorskip("torch")

from earmark.training.text_batches import TextLoader  # noqa: E402  # without torch there is none

TEXTS = Texts(ids=("one", "two", "three"), tokens=((1, 2), (3,), (2, 1, 3)), dropped={}, fingerprint="")
ROWS = [np.array([0, 1, 2])]


def test_a_text_is_between_its_beginning_and_its_end():
    """What is padded does not count."""
    (batch,) = TextLoader(TEXTS, bos_index=7, eos_index=8).batches(ROWS, rank=0, num_ranks=1)
    assert batch.tokens.tolist() == [[7, 1, 2, 8, 0], [7, 3, 8, 0, 0], [7, 2, 1, 3, 8]]
    assert batch.num_predicted.tolist() == [3, 2, 4]
    assert batch.weights.tolist() == pytest.approx([1 / 9] * 3)


@pytest.mark.parametrize("num_ranks", [2, 4])
def test_the_ranks_share_a_batch_by_its_tokens(num_ranks):
    """The mean of what they lose is the mean over all tokens; a rank more than texts loses nothing."""
    losses = {"one": 3.0, "two": 20.0, "three": 100.0}
    loader = TextLoader(TEXTS, bos_index=7, eos_index=8)
    shares = [next(loader.batches(ROWS, rank=rank, num_ranks=num_ranks)) for rank in range(num_ranks)]
    lost = [
        sum(losses[name] * weight for name, weight in zip(one.ids, one.weights.tolist(), strict=True)) for one in shares
    ]
    assert sum(lost) / num_ranks == pytest.approx(123 / 9)
