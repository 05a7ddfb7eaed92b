from __future__ import annotations

import numpy as np
import pytest

from earmark.training.augmentation import Augmentation, SpeltAtSpeeds, augmentation_of
from earmark.training.examples import TOO_MUCH_TEXT, Letters
from earmark.training.recipe import AugmentationRecipe, read_recipe
from tests.training.speech_toys import RECIPE

SPEEDS = (0.9, 1.0, 1.1)
TONE = (0.1 * np.sin(np.arange(16_000) / 10)).astype(np.float32)


def heard(row, epoch, *, seed=0, **rule):
    return Augmentation(AugmentationRecipe(**rule), seed)(TONE, row, epoch)


def test_seed_epoch_and_utterance_alone_say_what_is_heard():
    """Again the same; and each of the three changes it."""
    rule = {"speeds": SPEEDS, "noise_snr_db": (10.0, 20.0)}
    first = heard(3, 1, **rule)
    assert np.array_equal(first, heard(3, 1, **rule))
    others = heard(4, 1, **rule), heard(3, 2, **rule), heard(3, 1, seed=1, **rule)
    assert not any(np.array_equal(first, one) for one in others)


def test_a_speed_changes_the_length_and_is_known_before():
    """All of them are drawn, and equally often."""
    change = Augmentation(AugmentationRecipe(speeds=SPEEDS), 0)
    speeds = [change.speed(row, 0) for row in range(300)]
    assert all(80 < speeds.count(one) < 120 for one in SPEEDS)
    for row in range(10):
        assert len(change(TONE, row, 0)) == pytest.approx(16_000 / speeds[row], abs=1)
        assert (change(TONE, row, 0) is TONE) == (speeds[row] == 1.0)


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_is_as_loud_as_the_recipe_says(snr_db):
    """In decibels under the speech."""
    noise = heard(0, 0, noise_snr_db=(snr_db, snr_db)) - TONE
    assert 10 * np.log10(np.mean(TONE**2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.2)


def test_silence_stays_silence():
    """There is nothing to be louder than."""
    change = Augmentation(AugmentationRecipe(noise_snr_db=(0.0, 10.0)), 0)
    assert not change(np.zeros(100, np.float32), 0, 0).any()


def test_text_must_have_room_at_the_highest_speed():
    """Else a step would meet a loss without an end."""
    letters = Letters({"a": 1, "b": 2}, frames_per_s=10)
    assert letters("abab", 0.42) == (1, 2, 1, 2)
    assert SpeltAtSpeeds(letters, SPEEDS)("abab", 0.42) == TOO_MUCH_TEXT
    assert SpeltAtSpeeds(letters, SPEEDS)("abab", 0.45) == (1, 2, 1, 2)


def test_a_recipe_without_it_changes_nothing_and_is_the_same_training_as_before(tmp_path):
    """Its identity has no word of it."""
    (tmp_path / "toy.toml").write_text(RECIPE.format(data="data.jsonl"))
    recipe = read_recipe(str(tmp_path / "toy.toml")).recipe
    assert augmentation_of(recipe) is None
    assert "augmentation" not in recipe.identity()
    other = read_recipe(str(tmp_path / "toy.toml"), ["augmentation.speeds=[0.9, 1.0, 1.1]"]).recipe
    assert other.identity()["augmentation"]["speeds"] == SPEEDS
