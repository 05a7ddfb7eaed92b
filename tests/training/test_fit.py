"""When a training asks whether to stop, and what it has kept when it does; of a model that learns nothing."""

from __future__ import annotations

import types

import numpy as np
import pytest

from earmark.store.folder import LocalFolder
from earmark.training.recipe import BatchingRecipe, DataRecipe, ModelRecipe, OptimizerRecipe, Recipe

torch = pytest.importorskip("torch")

from earmark.training.checkpoints import Checkpoints  # noqa: E402  # without torch there is none
from earmark.training.fit import Fit  # noqa: E402  # likewise
from earmark.training.lessons import Speech, Tried  # noqa: E402  # likewise
from earmark.training.ranks import Ranks  # noqa: E402  # likewise

NUM_BATCHES = 6
"""In each epoch."""


class Rows:
    """A batch of one row, and all rows there are."""

    ids = ("row",)
    sizes = np.ones(NUM_BATCHES)

    def to(self, device):
        return self


class Loader:
    waited_s = 0.0

    def batches(self, planned, **_):
        for _ in planned:
            yield Rows()


class Brain:
    """SpeechBrain's, as far as a training knows it: it counts the optimizer's steps as a weight."""

    device = "cpu"

    def __init__(self, module, accumulate):
        self.module, self.accumulate, self.step = module, accumulate, 0
        self.optimizer = torch.optim.AdamW(module.parameters())

    def on_fit_start(self):
        pass

    def fit_batch(self, batch):
        if self.step % self.accumulate == 0:
            with torch.no_grad():
                self.module.weight += 1
        return torch.tensor(1.0)


class TwoRanks(Ranks):
    """Rank 0 of two that find the same."""

    num_ranks = 2

    def gathered(self, value):
        return [value, value]


def fit(folder, *, accumulate=1, epochs=10, ranks=Ranks):
    """A training, and the module whose weight is the number of the optimizer's steps."""
    module = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(module.weight)
    system = types.SimpleNamespace(
        modules={"module": module}, loader=lambda _: Loader(), tried=lambda *_: Tried(order=(1.0,), wer=1.0, cer=1.0)
    )
    recipe = Recipe(
        kind="lm",
        data=DataRecipe(source="none"),
        model=ModelRecipe(hyperparams="none"),
        epochs=epochs,
        optimizer=OptimizerRecipe(accumulate=accumulate),
        batching=BatchingRecipe(max_batch_tokens=1),
    )
    checkpoints = Checkpoints(LocalFolder(folder), lambda _: None)
    speech = Speech(Rows(), Rows())
    made = Fit(system, Brain(module, accumulate), speech, recipe, ranks(torch.device("cpu")), checkpoints, lambda _: 0)
    made.restore()
    return made, module


@pytest.mark.parametrize(("accumulate", "num_batches"), [(1, 1), (4, 4), (10, 6)])
def test_a_stop_is_heard_at_the_first_step_of_the_optimizer(tmp_path, accumulate, num_batches):
    """Even where an epoch has fewer batches than a step has; and that step is kept."""
    made, module = fit(tmp_path, accumulate=accumulate)
    done = made.run(lambda: True)
    assert (done.step, done.is_ended) == (num_batches, False)
    assert module.weight.item() == 1
    again, module = fit(tmp_path, accumulate=accumulate)
    assert again.step == num_batches
    assert module.weight.item() == 1


@pytest.mark.parametrize("accumulate", [1, 4, 10])
def test_a_training_that_is_stopped_at_every_question_makes_the_steps_of_one_that_is_not(tmp_path, accumulate):
    """It comes to its end all the same."""
    made, module = fit(tmp_path / "whole", accumulate=accumulate, epochs=3)
    assert made.run(lambda: False).is_ended
    num_starts, is_ended = 0, False
    while not is_ended:
        made, again = fit(tmp_path / "stopped", accumulate=accumulate, epochs=3)
        is_ended, num_starts = made.run(lambda: True).is_ended, num_starts + 1
        assert num_starts < 100
    assert num_starts > 3
    assert torch.equal(again.weight, module.weight)


def test_a_stop_while_an_epoch_is_tried_is_heard_before_the_next(tmp_path):
    """What was tried is kept."""
    made, _ = fit(tmp_path)
    asked = iter([False] * NUM_BATCHES + [True])
    done = made.run(lambda: next(asked))
    assert (done.step, len(done.epochs), done.is_ended) == (NUM_BATCHES, 1, False)


@pytest.mark.parametrize("accumulate", [1, 3, 4])
def test_several_ranks_are_asked_every_ten_steps_and_after_each_epoch(tmp_path, accumulate, monkeypatch):
    """Whatever the number of batches in a step of the optimizer, of which ten is no multiple."""
    monkeypatch.setattr(Rows, "sizes", np.ones(25))
    made, _ = fit(tmp_path, accumulate=accumulate, epochs=1, ranks=TwoRanks)
    asked = []
    made.run(lambda: asked.append(made.step))
    assert asked == {1: [10, 20, 25], 3: [12, 24, 25], 4: [12, 24, 25]}[accumulate]
