from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import UnknownNameError, UsageError
from earmark.puzzles.rules import are_solved
from earmark.puzzles.variants import cyclic, variants_of
from tests.puzzles.truths import toy_set

NUMBERS = st.integers(0, 10**18 - 1)
PARTS = st.one_of(
    st.builds("{}:{}".format, st.sampled_from(["relabel", "random", "rows", "columns"]), NUMBERS),
    st.just("transpose"),
)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("+".join)


@pytest.mark.parametrize("size", [4, 9])
@settings(max_examples=80, deadline=None)
@given(name=NAMES, seed=st.integers(0, 1000))
def test_the_inverse_undoes_every_variant_on_every_grid(size, name, seed):
    """Both ways round, of any bytes, keeping dtype, shape and order in memory, and what was given."""
    grids = np.random.default_rng(seed).integers(0, 256, (3, size * size), dtype=np.uint8)
    before = grids.copy()
    (variant,) = variants_of([name], size)
    shown = variant.forward(grids)
    np.testing.assert_array_equal(variant.inverse(shown), before)
    np.testing.assert_array_equal(variant.forward(variant.inverse(grids)), before)
    np.testing.assert_array_equal(grids, before)
    assert shown.dtype == np.uint8
    assert shown.flags.c_contiguous
    assert shown.flags.owndata or shown.base is None
    assert variant.name == name


@pytest.mark.parametrize("size", [4, 9])
@settings(max_examples=60, deadline=None)
@given(name=NAMES)
def test_a_variant_of_a_puzzle_is_a_puzzle(size, name):
    """Solutions stay solutions, blanks stay blanks in number, and wrong answers stay wrong."""
    (variant,) = variants_of([name], size)
    puzzles = toy_set(size)
    assert are_solved(variant.forward(puzzles.clues), variant.forward(puzzles.solutions), size).all()
    assert (variant.forward(puzzles.clues) == 1).sum() == (puzzles.clues == 1).sum()
    wrong = puzzles.solutions.copy()
    wrong[:, [0, 5]] = wrong[:, [5, 0]]
    assert not are_solved(variant.forward(puzzles.clues), variant.forward(wrong), size).any()


def test_a_cyclic_relabel_is_that_of_the_published_script():
    """Tokens 2 to 10 become ((token - 2 + shift) mod 9) + 2; blanks and padding stay."""
    tokens = np.arange(81, dtype=np.uint8).reshape(1, -1) % 11
    for shift, variant in enumerate(cyclic(9, 9)):
        truth = [token if token < 2 else (token - 2 + shift) % 9 + 2 for token in tokens[0].tolist()]
        assert variant.forward(tokens)[0].tolist() == truth
        assert variant.name == f"relabel:{shift}"


def test_names_mean_what_they_meant():
    """The tables come from the name alone, so these stand for ever, on every machine."""
    cells = np.arange(16, dtype=np.uint8).reshape(1, -1)  # those above 5 are no digits, and stay what they are
    digits = np.arange(2, 11, dtype=np.uint8)
    turned, rows, columns = (one.forward(cells)[0] for one in variants_of(["transpose", "rows:3", "columns:3"], 4))
    assert turned.reshape(4, 4).tolist() == cells.reshape(4, 4).T.tolist()
    assert rows.tolist() == [*range(8, 16), *range(8)]
    assert columns.reshape(4, 4).tolist() == cells.reshape(4, 4)[:, [2, 3, 0, 1]].tolist()
    (relabel,) = variants_of(["random:1"], 9)
    assert relabel.forward(np.resize(digits, (1, 81)))[0, :9].tolist() == [10, 5, 9, 3, 2, 7, 8, 4, 6]


def test_joined_variants_are_done_from_left_to_right():
    """A joined one is its parts in turn."""
    grids = np.random.default_rng(0).integers(0, 11, (5, 81), dtype=np.uint8)
    parts = variants_of(["rows:3", "transpose", "random:2", "columns:5"], 9)
    (joined,) = variants_of(["rows:3+transpose+random:2+columns:5"], 9)
    for part in parts:
        grids = part.forward(grids)
    start = np.random.default_rng(0).integers(0, 11, (5, 81), dtype=np.uint8)
    np.testing.assert_array_equal(joined.forward(start), grids)


@pytest.mark.parametrize(
    ("size", "names"),
    [
        (9, ["relabel:0", "relabel:9"]),
        (4, ["relabel:3", "relabel:7"]),
        (9, ["transpose", "random:4", "transpose+relabel:0"]),
        (9, ["random:1", "random:1"]),
        (9, ["relabel:0", "transpose+transpose"]),
        (9, ["relabel:5+relabel:6", "relabel:2"]),
        (9, ["rows:2+random:1", "random:1+rows:2"]),
        (9, ["relabel:1", "relabel:01"]),
    ],
)
def test_two_variants_that_do_the_same_are_refused(size, names):
    """However they are spelled: one answer must not count twice."""
    with pytest.raises(UsageError, match=r"are the same") as caught:
        variants_of(names, size)
    assert caught.value.exit_code == 2
    assert "--variants" in caught.value.hint


def test_variants_that_do_alike_to_one_grid_only_are_two():
    """A grid with a symmetry of its own does not make two variants one."""
    mirrored = np.array([[(row + column) % 4 + 2 for row in range(4) for column in range(4)]], dtype=np.uint8)
    same, turned = variants_of(["relabel:0", "transpose"], 4)
    np.testing.assert_array_equal(turned.forward(mirrored), same.forward(mirrored))


@pytest.mark.parametrize("num", [0, -1, 10, 12])
def test_cyclic_relabels_beyond_the_family_are_refused_with_the_range(num):
    """None, fewer than none, and the ones that would begin again."""
    with pytest.raises(UsageError, match=f"--permutes {num} is out of range") as caught:
        cyclic(num, 9)
    assert "1 to 9" in caught.value.hint
    assert caught.value.exit_code == 2
    assert len(cyclic(9, 9)) == 9
    assert len(cyclic(4, 4)) == 4


@pytest.mark.parametrize(
    "name", ["relabel", "relabel:", "rows:-1", "random:x", "columns:1.5", "relabel:1:2", "random:" + "9" * 19, "rows:²"]
)
def test_a_number_that_is_none_is_refused(name):
    """With the name, and one that would do."""
    with pytest.raises(UsageError, match=r"says no number") as caught:
        variants_of([name], 9)
    assert name in caught.value.what
    assert caught.value.exit_code == 2


def test_unknown_and_senseless_names_are_refused():
    """The near names are listed."""
    with pytest.raises(UnknownNameError, match=r"relabl:1") as caught:
        variants_of(["relabl:1"], 9)
    assert "relabel" in caught.value.hint
    with pytest.raises(UsageError, match=r"takes no argument"):
        variants_of(["transpose:1"], 9)
    with pytest.raises(UnknownNameError):
        variants_of(["transpose+"], 9)
    with pytest.raises(UsageError, match=r"no variant"):
        variants_of([], 9)


def test_a_variant_travels_to_a_worker():
    """By pickle, whole."""
    (variant,) = variants_of(["rows:3+random:2"], 9)
    grids = np.random.default_rng(0).integers(0, 11, (5, 81), dtype=np.uint8)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(variant)).forward(grids), variant.forward(grids))
