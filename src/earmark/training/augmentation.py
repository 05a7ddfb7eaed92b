"""Speech as it is learnt from: faster or slower, and in noise, in another way in each epoch. Knows no torch.

All chance is drawn from the seed, the epoch and the utterance: so a training that goes on after a kill, or on another
number of ranks, hears the same. It is done where audio is decoded, ahead of the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.audio.changes import changed
from earmark.training.examples import Spelling
from earmark.training.recipe import AugmentationRecipe, Recipe


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What is done to each utterance. ``row`` is its position in the training data."""

    rule: AugmentationRecipe
    seed: int

    def speed(self, row: int, epoch: int) -> float:
        """How many times as fast it is."""
        return _speed(self.rule, self._chance(row, epoch))

    def __call__(self, samples: NDArray[np.float32], row: int, epoch: int) -> NDArray[np.float32]:
        """Samples in [-1, 1] at 16 kHz, as many as the speed leaves; silence gets no noise."""
        chance = self._chance(row, epoch)
        speed = _speed(self.rule, chance)
        if speed != 1.0:
            samples = changed(samples, speed=speed, is_peak=False, level_db=None)
        if self.rule.noise_snr_db:
            least_db, most_db = self.rule.noise_snr_db
            loudness = np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
            level = loudness * 10 ** (-chance.uniform(least_db, most_db) / 20)
            noise = chance.standard_normal(len(samples), dtype=np.float32) * np.float32(level)
            samples = np.clip(samples + noise, np.float32(-1), np.float32(1))
        return samples

    def _chance(self, row: int, epoch: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, epoch, row))


def augmentation_of(recipe: Recipe) -> Augmentation | None:
    """None where speech is learnt from as it is."""
    rule = recipe.augmentation
    return Augmentation(rule, recipe.seed) if rule.speeds or rule.noise_snr_db else None


@dataclass(frozen=True, slots=True)
class SpeltAtSpeeds:
    """A spelling of what is heard at any of these speeds: a rule of one of them is a rule of the utterance."""

    spelling: Spelling
    speeds: Sequence[float]

    def __call__(self, text: str, duration_s: float) -> tuple[int, ...] | str:
        """As ``Spelling`` says."""
        found = [self.spelling(text, duration_s / one) for one in {1.0, min(self.speeds), max(self.speeds)}]
        return next((one for one in found if isinstance(one, str)), found[0])


def _speed(rule: AugmentationRecipe, chance: np.random.Generator) -> float:
    """Drawn first, so that it is known without the samples."""
    return float(chance.choice(rule.speeds)) if rule.speeds else 1.0
