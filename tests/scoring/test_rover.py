from __future__ import annotations

import functools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.scoring.rover import Weighing, _path, _Slot, rover
from tests.scoring.nist import needs_sctk, nist_rover

words = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=5)


def noisy_copies(chance: random.Random, num_systems: int, *, most_words: int = 8) -> list[list[str]]:
    """What several systems might hear of one utterance, none of them nothing at all."""
    said = [chance.choice("abcdefgh") + chance.choice("xyz") for _ in range(chance.randint(3, most_words))]
    systems = []
    for _ in range(num_systems):
        heard = []
        for word in said:
            roll = chance.random()
            heard += [] if roll < 0.1 else [chance.choice("abcdefgh") + "w" if roll < 0.25 else word]
            heard += [chance.choice("pqr")] if chance.random() < 0.1 else []
        systems.append(heard or ["zz"])
    return systems


def cheapest(slots: list[_Slot], tokens: list[str]) -> int:
    """The least cost of all alignments, by trying every one."""

    @functools.cache
    def rest(i: int, j: int) -> int:
        found = []
        if i < len(slots):
            found.append((1 if None in slots[i].said else 6) + rest(i + 1, j))
        if j < len(tokens):
            found.append(6 + rest(i, j + 1))
        if i < len(slots) and j < len(tokens):
            new = 2 if None in slots[i].said else 8
            found.append((0 if tokens[j] in slots[i].said else new) + rest(i + 1, j + 1))
        return min(found, default=0)

    return rest(0, 0)


def cost_of(path: list[int], slots: list[_Slot], tokens: list[str]) -> int:
    """What the steps cost (0 stays, 1 skips, 2 adds), each of them looked up by itself."""
    cost = i = j = 0
    for step in path:
        if step == 0:
            cost += 0 if tokens[j] in slots[i].said else 2 if None in slots[i].said else 8
        else:
            cost += 6 if step == 2 else 1 if None in slots[i].said else 6
        i, j = i + (step != 2), j + (step != 1)
    assert (i, j) == (len(slots), len(tokens))
    return cost


def test_the_majority_wins_in_each_slot():
    """Three systems with an error each, in different places, make none together."""
    systems = ["the cat sat on the mat", "the cap sat on a mat", "the cat on the mat"]
    assert " ".join(rover([text.split() for text in systems])) == "the cat sat on the mat"


def test_what_one_of_three_adds_is_voted_away():
    """And what two of three add stays."""
    assert rover([["a", "b"], ["a", "x", "b"], ["a", "b"]]) == ["a", "b"]
    assert rover([["a", "b"], ["a", "x", "b"], ["a", "x", "b"]]) == ["a", "x", "b"]


def test_ties_go_to_the_earliest_word_and_to_a_word_over_nothing():
    """Two systems that disagree come to the first one's words, and to every word that only one of them says."""
    assert rover([["a", "b", "c"], ["a", "x", "c"]]) == ["a", "b", "c"]
    assert rover([["a", "c"], ["a", "x", "c"]]) == ["a", "x", "c"]


def test_a_sure_system_wins_over_two_unsure_ones_where_confidence_counts():
    """With votes alone it loses, and so it does against a sure nothing."""
    systems = [["a", "b"], ["a", "c"], ["a", "c"]]
    sure = [[0.9, 0.9], [0.9, 0.1], [0.9, 0.1]]
    assert rover(systems, sure) == ["a", "c"]
    assert rover(systems, sure, Weighing(alpha=0.2, null_confidence=0.0)) == ["a", "b"]
    unsure = [["a", "b"], ["a"]], [[0.9, 0.3], [0.9]]
    assert rover(*unsure, Weighing(alpha=0.5, null_confidence=0.5)) == ["a"]
    assert rover(*unsure, Weighing(alpha=0.5, null_confidence=0.2)) == ["a", "b"]


def test_what_cannot_be_voted_is_refused():
    """No system at all, and confidences of other words."""
    with pytest.raises(ValueError, match="no hypothesis"):
        rover([])
    with pytest.raises(ValueError, match="one of each"):
        rover([["a"], ["b"]], [[0.5], []])


@given(words, st.integers(1, 5))
def test_systems_that_agree_are_believed(heard, num_systems):
    """However many there are; one alone, too."""
    assert rover([heard] * num_systems) == heard


@given(st.lists(words, min_size=1, max_size=5))
def test_nothing_is_made_up(systems):
    """Each word was said by somebody, and no word comes more often than all systems together said it."""
    voted = rover(systems)
    said = [word for heard in systems for word in heard]
    assert all(voted.count(word) <= said.count(word) for word in set(voted))


@given(st.lists(st.lists(st.sampled_from(["a", "b", None]), min_size=2, max_size=2), max_size=4), words)
def test_the_alignment_is_a_cheapest_one(columns, tokens):
    """No other alignment of network and hypothesis costs less."""
    slots = [_Slot(column, [0.0, 0.0]) for column in columns]
    assert cost_of(_path(slots, tokens), slots, tokens) == cheapest(slots, tokens)


@needs_sctk
def test_nist_votes_the_same_where_systems_err_apart(tmp_path):
    """Where at each place at most one of three systems errs, there is one answer, and both find it."""
    chance = random.Random(5)
    cases = []
    for _ in range(100):
        said = [f"w{number}" for number in range(chance.randint(3, 9))]
        systems = [list(said) for _ in range(3)]
        for place in range(0, len(said), 2):
            systems[chance.randrange(3)][place] = chance.choice(["xx", "yy"])
        cases.append(systems)
    assert nist_rover(tmp_path, cases) == [rover(systems) for systems in cases]


@needs_sctk
@pytest.mark.parametrize(("num_systems", "least"), [(2, 1.0), (3, 0.97), (4, 0.95)])
def test_nist_votes_almost_always_the_same(tmp_path, num_systems, least):
    """In random texts full of errors, where equally cheap alignments abound."""
    chance = random.Random(num_systems)
    cases = [noisy_copies(chance, num_systems) for _ in range(400)]
    same = [theirs == rover(ours) for theirs, ours in zip(nist_rover(tmp_path, cases), cases, strict=True)]
    assert sum(same) >= least * len(cases)


@needs_sctk
def test_nist_mixes_confidences_the_same(tmp_path):
    """Its method maxconf, with the share of votes that we give it and the confidence of nothing."""
    chance = random.Random(11)
    cases = [noisy_copies(chance, 3) for _ in range(400)]
    sure = [[[chance.randint(1, 99) / 100 for _ in heard] for heard in systems] for systems in cases]
    theirs = nist_rover(tmp_path, cases, sure, alpha=0.5, null_confidence=0.5)
    ours = [rover(*one, Weighing(alpha=0.5, null_confidence=0.5)) for one in zip(cases, sure, strict=True)]
    assert sum(a == b for a, b in zip(theirs, ours, strict=True)) >= 0.97 * len(cases)
