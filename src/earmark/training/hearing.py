"""What all systems that hear have in common while they are trained: their speech, and what they are worth on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from earmark.scoring import load_scorer
from earmark.text import load_normalizer
from earmark.text.base import normalized_all
from earmark.training.augmentation import SpeltAtSpeeds, augmentation_of
from earmark.training.batches import longest_first_batches
from earmark.training.examples import Examples, Spelling, examples_of, train_and_valid
from earmark.training.lessons import Speech, Tried
from earmark.training.loading import Loader, PaddedBatch

if TYPE_CHECKING:
    from earmark.training.ranks import Ranks
    from earmark.training.recipe import Recipe


class Hearing(ABC):
    """What systems that hear have in common: the loader of their speech, and what they are worth."""

    _recipe: Recipe
    spelling: Spelling
    _with_longest = True
    """As the loader takes it."""

    @abstractmethod
    def hypotheses(self, batch: PaddedBatch) -> list[str]:
        """A text for each row of the batch."""

    def speech(self) -> Speech:
        """What the recipe has it learn from, and be tried on. Raises UsageError for none."""
        data = self._recipe.data
        train, valid = train_and_valid(data)
        speeds = self._recipe.augmentation.speeds
        spelling = SpeltAtSpeeds(self.spelling, speeds) if speeds else self.spelling
        return Speech(examples_of(train, data, spelling), examples_of(valid, data, None))

    def loader(self, lessons: Examples) -> Loader:
        """What decodes them, and changes them where the recipe says so."""
        return Loader(lessons, with_longest=self._with_longest, augmentation=augmentation_of(self._recipe))

    def tried(self, lessons: Examples, ranks: Ranks) -> Tried:
        """The errors in held-out speech, of which each rank transcribes its share. Fewer in words come first."""
        recipe = self._recipe
        planned = longest_first_batches(lessons.sizes, recipe.batch_rule())[ranks.rank :: ranks.num_ranks]
        heard: dict[int, str] = {}
        for rows, batch in zip(planned, Loader(lessons).batches(planned, rank=0, num_ranks=1), strict=True):
            heard |= zip(rows.tolist(), self.hypotheses(batch.to(ranks.device)), strict=True)
        together = {row: text for one in ranks.gathered(heard) for row, text in one.items()}
        normalizer = load_normalizer(recipe.evaluation.normalizer)
        references = normalized_all(normalizer, lessons.texts)
        texts = normalized_all(normalizer, [together[row] for row in range(len(lessons))])
        scorer = load_scorer(recipe.evaluation.scorer)
        counts = scorer.counts([one or "" for one in references], [one or "" for one in texts]).total()
        return Tried(order=(counts.words.errors, counts.character_errors), wer=counts.wer, cer=counts.cer)
