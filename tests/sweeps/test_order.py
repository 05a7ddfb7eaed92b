"""The order of cells and puzzles: which pairs are done is of the answers alone, whoever does them and when."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.records import Shard
from earmark.sweeps.order import Frontier, pilot_items
from earmark.sweeps.tally import ACCEPTED, ANSWERED, FAILED, NOT_DONE

FAILS = 2


@dataclass
class World:
    """A tally whose answers are known beforehand: ``truth`` of shape (cells, puzzles) is 0 wrong, 1 right, 2 fails."""

    truth: np.ndarray
    drops: bool = True
    state: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.state = np.full(self.truth.shape, NOT_DONE, np.uint8)

    @property
    def is_accepted(self) -> np.ndarray:
        return (self.state == ACCEPTED).any(axis=0)

    def solve(self, shard: Shard) -> tuple[np.ndarray, np.ndarray]:
        pairs = [(segment.segment, segment.index) for batch in shard.batches for segment in batch.segments]
        cells, index = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
        assert (self.state[cells, index] != ANSWERED).all(), "a pair was handed out twice"
        right = ACCEPTED if self.drops else ANSWERED
        self.state[cells, index] = np.choose(self.truth[cells, index], [ANSWERED, right, FAILED])
        return cells, index


def frontier(world: World, *, num_variants: int, batch_size: int, num_workers: int = 1, num_pilot: int = 4) -> Frontier:
    return Frontier(
        world,
        num_variants=num_variants,
        num_pilot=num_pilot,
        drops=world.drops,
        retries=False,
        batch_size=batch_size,
        num_workers=num_workers,
    )


def expected(truth: np.ndarray, num_variants: int, num_pilot: int) -> set[tuple[int, int]]:
    """The slow truth: the pilot, then of each puzzle the cells in order up to the first right one."""
    num_cells, num_items = truth.shape
    members = list(range(num_cells // num_variants))
    done = set()
    if len(members) > 1:
        pilot = pilot_items(num_items, num_pilot).tolist()
        done = {(member * num_variants, item) for member in members for item in pilot}
        members.sort(key=lambda member: -sum(truth[member * num_variants, item] == 1 for item in pilot))
    order = [member * num_variants + variant for member in members for variant in range(num_variants)]
    for item in range(num_items):
        for cell in order:
            if any((one, item) in done and truth[one, item] == 1 for one in range(num_cells)):
                break
            done.add((cell, item))
    return done


def run(world: World, rng: np.random.Generator, *, num_variants: int, batch_size: int, num_workers: int) -> list[Shard]:
    """An engine that asks again, whose workers end in any order; now and then all of it is killed."""
    handed = []
    out: list[Shard] = []
    frontier_now = frontier(world, num_variants=num_variants, batch_size=batch_size, num_workers=num_workers)
    while frontier_now.is_left():
        while len(out) < num_workers and (shard := next(frontier_now, None)) is not None:
            out.append(shard)
            handed.append(shard)
        if out:
            frontier_now.done(*world.solve(out.pop(rng.integers(len(out)))))
        if rng.random() < 0.1:
            out = []
            batch_size = int(rng.integers(1, 9))
            frontier_now = frontier(world, num_variants=num_variants, batch_size=batch_size, num_workers=num_workers)
    return handed


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_pairs_depend_on_the_answers_alone(seed):
    """Any number of workers, any batch size, kills and other sizes after them: the same pairs are done."""
    rng = np.random.default_rng(seed)
    num_members, num_variants, num_items = rng.integers(1, 4), int(rng.integers(1, 4)), int(rng.integers(1, 30))
    truth = rng.choice([0, 1, FAILS], p=[0.45, 0.45, 0.1], size=(num_members * num_variants, num_items))
    world = World(truth)
    run(world, rng, num_variants=num_variants, batch_size=int(rng.integers(1, 9)), num_workers=int(rng.integers(1, 4)))
    done = {(int(cell), int(item)) for cell, item in zip(*np.nonzero(world.state), strict=True)}
    assert done == expected(truth, num_variants, 4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_without_dropping_every_pair_is_done(seed):
    """Exhaustive means all of them, each once."""
    rng = np.random.default_rng(seed)
    world = World(rng.integers(0, 3, size=(4, 13)), drops=False)
    run(world, rng, num_variants=2, batch_size=5, num_workers=2)
    assert (world.state != NOT_DONE).all()


def test_what_is_left_is_gathered_into_full_batches():
    """Of each cell at most one batch is not full, though what comes to it comes in drops."""
    rng = np.random.default_rng(1)
    world = World((rng.random((6, 100)) < 0.3).astype(np.int64))
    handed = run_calmly(world, num_variants=6, batch_size=10)
    sizes: dict[int, list[int]] = {}
    for shard in handed:
        (batch,) = shard.batches
        sizes.setdefault(batch.segments[0].segment, []).append(len(batch.segments))
    assert sorted(sizes) == list(range(6))
    assert all(sum(size < 10 for size in of_cell) <= 1 for of_cell in sizes.values())


def run_calmly(world: World, *, num_variants: int, batch_size: int) -> list[Shard]:
    now = frontier(world, num_variants=num_variants, batch_size=batch_size)
    handed = []
    while now.is_left():
        handed.append(next(now))
        now.done(*world.solve(handed[-1]))
    return handed


def test_the_best_member_of_the_pilot_goes_first():
    """The second member solves all, the first one none: after the pilot the first one gets nothing."""
    world = World(np.array([[0] * 50, [1] * 50]))
    run_calmly(world, num_variants=1, batch_size=50)
    assert ((world.state[0] != NOT_DONE).sum(), (world.state[1] != NOT_DONE).sum()) == (4, 50)


def test_a_receipt_that_comes_twice_moves_nothing_twice():
    """Engines do work at least once: a puzzle that was moved on is not moved on again."""
    world = World(np.zeros((2, 3), np.int64))
    now = frontier(world, num_variants=2, batch_size=3)
    cells, index = world.solve(next(now))
    now.done(cells, index)
    now.done(cells, index)
    (batch,) = next(now).batches
    assert [segment.index for segment in batch.segments] == [0, 1, 2]
    assert next(now, None) is None
