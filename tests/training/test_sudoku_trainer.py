from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from earmark.puzzles.hrm.weights import state_bytes
from earmark.training.sudoku_trainer import Trainer
from tests.training.toys import RECIPE, puzzles

CPU = torch.device("cpu")


def trainer(seed: int = 0, recipe=RECIPE) -> Trainer:
    return Trainer(recipe, puzzles()[0], seed=seed, device=CPU)


def test_rows_think_on_until_they_halt_and_then_begin_anew():
    """A row that has not halted keeps its puzzle; after the most steps it gets another one."""
    one = trainer()
    seen = []
    for _ in range(4):
        one.advance()
        seen.append((one._clues.clone(), one._num_thought.clone()))
    assert seen[0][1].tolist() == [1] * 8
    assert seen[1][1].tolist() == [2] * 8  # before training nothing halts by itself
    assert seen[2][1].tolist() == [3] * 8
    assert torch.equal(seen[0][0], seen[2][0])
    assert seen[3][1].tolist() == [1] * 8
    assert not torch.equal(seen[2][0], seen[3][0])


def test_a_row_that_says_it_has_answered_leaves_unless_it_must_stay():
    """A model that always says so: its rows leave at each step, but for those that explore."""
    one = trainer()
    with torch.no_grad():
        one._model.inner.q_head.bias.fill_(9.0)
    one.advance()
    assert one._is_halted.float().mean() > 0.5
    stays = trainer(recipe=replace(RECIPE, model=replace(RECIPE.model, halt_exploration_prob=1.0)))
    with torch.no_grad():
        stays._model.inner.q_head.bias.fill_(9.0)
    stays.advance()
    assert not stays._is_halted.any()


def test_the_state_is_all_that_the_next_steps_depend_on(tmp_path):
    """Saved after two steps, read by another trainer, and three steps on: the very same weights and average."""
    straight, first, second = trainer(), trainer(), trainer(seed=0)
    for _ in range(5):
        straight.advance()
    for _ in range(2):
        first.advance()
    torch.save(first.state(), tmp_path / "state")
    second.restore(torch.load(tmp_path / "state", weights_only=True))
    for _ in range(3):
        second.advance()
    assert second.step == straight.step == 5
    assert state_bytes(second.average) == state_bytes(straight.average)
    assert state_bytes(second._model) == state_bytes(straight._model)
    other = trainer(seed=1)
    other.advance()
    assert state_bytes(other.average) != state_bytes(first.average)


def test_the_rate_warms_up_and_the_average_follows():
    """The first step has its share of the rate; the average is between the first weights and the last ones."""
    one = trainer()
    key = "inner.lm_head.weight"
    before = one._model.get_parameter(key).detach().clone()
    one.advance()
    assert one._optimizer.param_groups[0]["lr"] == pytest.approx(RECIPE.learning_rate / 2)
    new, kept = one._model.get_parameter(key), one.average.get_parameter(key)
    torch.testing.assert_close(kept, before.lerp(new.detach(), 0.9))
    one.advance()
    assert one._optimizer.param_groups[0]["lr"] == pytest.approx(RECIPE.learning_rate)


def test_training_lowers_the_loss():
    """Thirty steps on a handful of puzzles, with what a small model learns first."""
    one = trainer(recipe=replace(RECIPE, learning_rate=1e-2, hint_share=1.0))
    losses = []
    for _ in range(40):
        one.advance()
        losses.append(float(one.loss))
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_chance_elsewhere_is_left_alone():
    """Making a trainer does not touch torch's own generator."""
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    trainer()
    assert torch.equal(torch.rand(3), wanted)
