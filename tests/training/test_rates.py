"""The learning rate of each step, beside SpeechBrain's own schedulers."""

from __future__ import annotations

import pytest

from earmark.training.events import EpochEnded
from earmark.training.rates import rate_at
from earmark.training.recipe import OptimizerRecipe


def epochs(*figures, name="wer"):
    """Epochs that ended with these error rates, or perplexities."""
    rest = {"num_epochs": 9, "step": 1, "losses": (), "is_best": False, "padding_share": 0.0, "waiting_share": 0.0}
    return [
        EpochEnded(epoch=number, **{"wer": None, "cer": None, name: one}, **rest)
        for number, one in enumerate(figures, start=1)
    ]


def rate(rule, step=1000, *, done=0.0, tried=()):
    return rate_at(rule, step, epochs_done=done, num_epochs=10, tried=tried)


def test_it_climbs_and_falls_in_a_straight_line():
    rule = OptimizerRecipe(learning_rate=0.1, warmup_steps=100)
    assert rate(rule, 49) == pytest.approx(0.05)
    assert rate(rule, done=2.5) == pytest.approx(0.075)
    assert rate(OptimizerRecipe(learning_rate=0.1, decay="none"), done=9.9) == pytest.approx(0.1)


@pytest.mark.parametrize("patience", [0, 1, 2])
@pytest.mark.parametrize(
    "figures", [(0.9, 0.5, 0.4999, 0.49, 0.49, 0.6, 0.3), (0.2, 0.0, 0.0, 0.0), (0.5,), (0.3, 0.3, 0.3, 0.3, 0.3)]
)
def test_the_rate_of_newbob_is_that_of_speechbrain(figures, patience):
    """After each epoch, with an improvement that is too small, none at all, and a step back."""
    schedulers = pytest.importorskip("speechbrain.nnet.schedulers")
    theirs = schedulers.NewBobScheduler(0.1, annealing_factor=0.8, improvement_threshold=0.01, patient=patience)
    rule = OptimizerRecipe(
        learning_rate=0.1, warmup_steps=0, decay="newbob", annealing_factor=0.8, improvement_threshold=0.01,
        annealing_patience=patience,
    )  # fmt: skip
    for number, figure in enumerate(figures, start=1):
        _, wanted = theirs(figure)
        assert rate(rule, tried=epochs(*figures[:number])) == pytest.approx(wanted)


def test_a_language_model_is_annealed_by_its_loss():
    """From 8.0 to 7.9 is six thousandths of the loss, and over one hundredth of the perplexity."""
    rule = OptimizerRecipe(learning_rate=0.1, warmup_steps=0, decay="newbob", improvement_threshold=0.01)
    assert rate(rule, tried=epochs(8.0, 7.9, name="perplexity")) == pytest.approx(0.05)


def test_speech_without_a_word_does_not_anneal_the_first_that_has_some():
    """No rate at all is worse than any."""
    rule = OptimizerRecipe(learning_rate=0.1, warmup_steps=0, decay="newbob")
    assert rate(rule, tried=epochs(None, 0.9)) == pytest.approx(0.1)
    assert rate(rule, tried=epochs(None, None)) == pytest.approx(0.05)
