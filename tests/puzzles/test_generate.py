from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import UsageError
from earmark.puzzles import dig
from earmark.puzzles import generate as module
from earmark.puzzles.generate import are_for_test, generate
from tests.puzzles.truths import follows_rules, pattern_grid, solutions_of


@pytest.fixture(scope="module")
def every_grid() -> np.ndarray:
    # All the solved grids of size 4, by brute force.
    return np.array(list(solutions_of([1] * 16, 4)), dtype=np.uint8)


def test_puzzles_of_size_4_have_one_solution_among_all_grids(every_grid):
    """By comparing each with every solved grid that there is."""
    assert len(every_grid) == 288
    puzzles = generate(4, 1500, 0)
    is_clue = puzzles.clues > 1
    fits = ((puzzles.clues[:, None] == every_grid[None]) | ~is_clue[:, None]).all(axis=2)
    assert (fits.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(every_grid[fits.argmax(axis=1)], puzzles.solutions)
    assert set(is_clue.sum(axis=1).tolist()) == {4, 5, 6}
    assert len(np.unique(puzzles.clues, axis=0)) == 1500
    assert len(np.unique(puzzles.solutions, axis=0)) > 200


def test_puzzles_of_size_9_have_one_solution_by_another_search():
    """Every solution that the slow search finds is the one that was given."""
    puzzles = generate(9, 6, 1, num_clues=(26, 32))
    for clues, solution in zip(puzzles.clues.tolist(), puzzles.solutions.tolist(), strict=True):
        assert follows_rules(clues, solution, 9)
        assert list(solutions_of(clues, 9)) == [solution]
        assert 26 <= sum(clue > 1 for clue in clues) <= 32


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_clue_goes_exactly_where_one_solution_stays(data):
    """In every order and to every target, as the slow search decides."""
    order = np.array([data.draw(st.permutations(range(16)))])
    target = data.draw(st.integers(0, 16))
    solved = pattern_grid(4)
    grid = solved[0].tolist()
    for cell in order[0].tolist():
        if sum(token > 1 for token in grid) <= target:
            break
        without = [1 if place == cell else token for place, token in enumerate(grid)]
        if len(list(solutions_of(without, 4))) == 1:
            grid = without
    is_clue = dig.clues_left(solved, order, np.array([target]), 4)
    assert np.where(is_clue, solved, 1)[0].tolist() == grid


def test_what_is_dug_depends_on_no_neighbour(monkeypatch):
    """The same alone, with others, and where only a few branches are narrowed at once."""
    chance = np.random.RandomState(3)
    solved = generate(9, 5, 3).solutions
    orders = chance.random_sample(solved.shape).argsort(axis=1)
    targets = np.array([24, 30, 26, 24, 40])
    together = dig.clues_left(solved, orders, targets, 9)
    alone = [dig.clues_left(solved[[i]], orders[[i]], targets[[i]], 9)[0] for i in range(2)]
    np.testing.assert_array_equal(together[:2], alone)
    monkeypatch.setattr(dig, "_MOST_AT_ONCE", 8)
    np.testing.assert_array_equal(dig.clues_left(solved, orders, targets, 9), together)


@pytest.mark.parametrize(("size", "num"), [(4, 300), (9, 20)])
def test_a_seed_means_the_same_puzzles_and_more_begin_with_them(size, num):
    """Repeated, asked for fewer, and with another seed."""
    puzzles = generate(size, num, 7)
    assert generate(size, num, 7).fingerprint == puzzles.fingerprint
    few = generate(size, 10, 7)
    np.testing.assert_array_equal(few.clues, puzzles.clues[:10])
    np.testing.assert_array_equal(few.solutions, puzzles.solutions[:10])
    assert not np.array_equal(generate(size, 10, 8).clues, few.clues)


@pytest.mark.parametrize(
    ("size", "fingerprint"),
    [
        (4, "e209156e5eabc1f5674e49f9e5cf916f7442bad508e2bb803badc4c5b4be8108"),
        (9, "60311b74ff79952df3002247edb92913e237b3e6e368412da3776c0c9768e0a6"),
    ],
)
def test_the_puzzles_are_the_same_on_every_machine(size, fingerprint):
    """Chance comes from a stream that never changes, so these stand for ever."""
    assert generate(size, 8, 0).fingerprint == fingerprint


def test_train_and_test_share_no_solution_whatever_their_seeds(every_grid):
    """Of size 4, where grids are few, and of size 9."""
    train = [generate(4, 1200, seed, split="train") for seed in (0, 1)]
    test = [generate(4, 300, seed, split="test") for seed in (0, 5)]
    grids = [{row.tobytes() for one in sets for row in one.solutions} for sets in (train, test)]
    assert not grids[0] & grids[1]
    assert len(grids[0]) > 200
    assert len(grids[1]) > 20
    assert 20 <= are_for_test(every_grid).sum() <= 40
    assert are_for_test(generate(9, 4, 0, split="test").solutions).all()
    assert not are_for_test(generate(9, 4, 0, split="train").solutions).any()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"size": 6}, "size 6"),
        ({"num": 0}, "0 puzzles"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**32}, "out of range"),
        ({"num_clues": (3, 6)}, "3 to 6 clues"),
        ({"num_clues": (7, 6)}, "7 to 6 clues"),
        ({"num_clues": (4, 16)}, "4 to 16 clues"),
        ({"size": 9, "num_clues": (17, 30)}, "17 to 30 clues"),
    ],
)
def test_what_cannot_be_made_is_refused(arguments, says):
    """With what may be asked for."""
    with pytest.raises(UsageError, match=says) as caught:
        generate(**{"size": 4, "num": 5, "seed": 0, **arguments})
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_more_puzzles_than_there_are_end_with_a_sentence(monkeypatch):
    """And not in a search without end."""
    monkeypatch.setattr(module, "_BARREN_WAVES", 1)
    with pytest.raises(UsageError, match=r"100,000 different puzzles of size 4 with 15 to 15 clues") as caught:
        generate(4, 100_000, 0, num_clues=(15, 15))
    num_found = int(caught.value.cause.split()[1].replace(",", ""))
    assert 3000 < num_found <= 288 * 16  # each grid with one blank
