from __future__ import annotations

import numpy as np
import pytest
import soundfile

from earmark.errors import UsageError
from earmark.training.examples import Examples, Piece

torch = pytest.importorskip("torch")

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
    assert [one.ids for one in shares] == [("utt-0", "utt-2", "utt-1"), ("utt-1", "utt-3")]
    assert [one.weights.tolist() for one in shares] == [[0.5, 0.5, 0.0], [0.5, 0.5]]
    for one in shares:
        for row, name in enumerate(one.ids):
            there = whole.ids.index(name)
            assert torch.equal(one.samples[row], whole.samples[there])
            assert one.lengths[row] == whole.lengths[there]


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
