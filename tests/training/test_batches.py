from __future__ import annotations

import numpy as np
import pytest

from earmark.spec import BatchingSpec
from earmark.training.batches import epoch_batches, padding_share, rows_of_rank

LIKE_LIBRISPEECH_S = np.clip(np.random.default_rng(0).normal(12.3, 3.8, 5_000), 1.3, 35.0)
RULE = BatchingSpec(max_batch_s=120.0)


def test_every_utterance_is_in_one_batch_and_no_batch_is_over_its_budget():
    """The padded seconds count."""
    batches = epoch_batches(LIKE_LIBRISPEECH_S, RULE, seed=0, epoch=3)
    assert sorted(np.concatenate(batches)) == list(range(5_000))
    assert max(LIKE_LIBRISPEECH_S[rows].max() * len(rows) for rows in batches) <= 120.0


def test_little_is_padding():
    """At most five per cent on lengths like LibriSpeech's."""
    batches = epoch_batches(LIKE_LIBRISPEECH_S, RULE, seed=0, epoch=0)
    assert padding_share(LIKE_LIBRISPEECH_S, batches) < 0.05


def test_epochs_differ_and_the_same_epoch_does_not():
    """All chance is in the seed and the number."""
    first, again, other = (epoch_batches(LIKE_LIBRISPEECH_S, RULE, seed=7, epoch=one) for one in (0, 0, 1))
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    sets = [{frozenset(rows.tolist()) for rows in one} for one in (first, other)]
    assert len(sets[0] & sets[1]) < 0.05 * len(first)  # the longest ones are alone each time


@pytest.mark.parametrize(("num_rows", "num_ranks"), [(7, 1), (7, 2), (8, 3), (1, 2), (2, 5)])
def test_the_shares_of_the_ranks_are_the_batch(num_rows, num_ranks):
    """The mean over the ranks of their weighted sums is the mean over the utterances."""
    rows = np.arange(10, 10 + num_rows)
    shares = [rows_of_rank(rows, rank, num_ranks) for rank in range(num_ranks)]
    assert all(len(own) for own, _ in shares)
    total = sum(float((own * weights).sum()) for own, weights in shares) / num_ranks
    assert total == pytest.approx(rows.mean(), rel=1e-6)
