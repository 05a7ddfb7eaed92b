from __future__ import annotations

import numpy as np
import pytest
import soundfile

from earmark.errors import UsageError
from earmark.training.examples import Examples, Piece
from earmark.training.recipe import AugmentationRecipe

torch = pytest.importorskip("torch")

from earmark.training.augmentation import Augmentation  # noqa: E402  # likewise
from earmark.training.loading import Loader  # noqa: E402  # without torch there is none


@pytest.fixture
def examples(tmp_path) -> Examples:
    lengths_s = (0.5, 2.0, 1.0, 0.25)
    for number, length_s in enumerate(lengths_s):
        soundfile.write(tmp_path / f"{number}.wav", np.full(int(16_000 * length_s), 0.1 * (number + 1)), 16_000)
    return Examples(
        ids=tuple(f"utt-{number}" for number in range(4)),
        pieces=tuple(Piece(str(tmp_path / f"{number}.wav"), None, None, None) for number in range(4)),
        texts=("a", "ab", "b", "a"),
        labels=((1,), (1, 2), (2,), (1,)),
        duration_s=np.array(lengths_s),
        dropped={},
        fingerprint="",
    )


def test_an_utterance_meets_the_same_silence_on_any_number_of_ranks(examples):
    """Each share has the longest one in it, which counts once."""
    rows = np.array([0, 1, 2, 3])
    (whole,) = Loader(examples).batches([rows], rank=0, num_ranks=1)
    shares = [next(Loader(examples).batches([rows], rank=rank, num_ranks=2)) for rank in range(2)]
    assert whole.lengths.tolist() == [0.25, 1.0, 0.5, 0.125]
    assert [one.ids for one in shares] == [("utt-1", "utt-2"), ("utt-0", "utt-3", "utt-1")]
    assert [one.weights.tolist() for one in shares] == [[0.5, 0.5], [0.5, 0.5, 0.0]]
    for one in shares:
        for row, name in enumerate(one.ids):
            there = whole.ids.index(name)
            assert torch.equal(one.samples[row], whole.samples[there])
            assert one.lengths[row] == whole.lengths[there]


def test_an_augmented_utterance_is_the_same_on_any_number_of_ranks(examples):
    """And the longest is that of the batch as it is heard in this epoch."""
    rows, change = np.array([0, 1, 2, 3]), Augmentation(AugmentationRecipe(speeds=(0.5, 2.0), noise_snr_db=(5, 9)), 0)
    for epoch in range(4):
        (whole,) = Loader(examples, augmentation=change).batches([rows], rank=0, num_ranks=1, epoch=epoch)
        for rank in range(2):
            loader = Loader(examples, augmentation=change)
            (share,) = loader.batches([rows], rank=rank, num_ranks=2, epoch=epoch)
            for row, name in enumerate(share.ids):
                assert torch.equal(share.samples[row], whole.samples[whole.ids.index(name)])


@pytest.mark.parametrize(("num_rows", "num_ranks"), [(3, 2), (4, 2), (4, 3), (2, 4)])
def test_no_rank_has_more_rows_than_it_must(examples, num_rows, num_ranks):
    """The longest one is on each rank, and they share all these rows evenly."""
    batches = [
        next(Loader(examples).batches([np.arange(num_rows)], rank=one, num_ranks=num_ranks)) for one in range(num_ranks)
    ]
    assert max(len(one.ids) for one in batches) == -(-(num_rows + num_ranks - 1) // num_ranks)
    assert all("utt-1" in one.ids for one in batches)
    total = sum(float(one.weights.sum()) for one in batches) / num_ranks
    assert total == pytest.approx(1.0)


def test_a_model_that_hears_each_alone_hears_nobody_else(examples):
    """No row is on two ranks."""
    batches = [
        next(Loader(examples, with_longest=False).batches([np.arange(4)], rank=one, num_ranks=2)) for one in range(2)
    ]
    assert sorted(name for one in batches for name in one.ids) == sorted(examples.ids)
    assert batches[0].lengths.tolist() == [0.5, 1.0]


def test_what_is_padded_does_not_count(examples):
    """Neither samples nor labels."""
    (batch,) = Loader(examples).batches([np.array([0, 1])], rank=0, num_ranks=1)
    assert batch.labels.tolist() == [[1, 0], [1, 2]]
    assert batch.label_lengths.tolist() == [1, 2]
    assert batch.samples[0, 8_000:].abs().max() == 0


def test_audio_that_is_gone_names_its_utterance(examples, tmp_path):
    """In the middle of a training."""
    (tmp_path / "2.wav").unlink()
    with pytest.raises(UsageError, match="the audio of 'utt-2' cannot be learnt from"):
        list(Loader(examples).batches([np.array([0]), np.array([2])], rank=0, num_ranks=1))
