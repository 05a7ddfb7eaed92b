"""What is done, and which row counts, against a slow truth in plain Python."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark import schema
from earmark.errors import StoreError
from earmark.store.folder import Folder
from earmark.store.reader import READ_COLUMNS, done_batches, progress, windows, winning_rows
from tests.store.parts import OURS, ToyRow, memory_folder, put_part

Unit = tuple[int, int]  # index and segment


@dataclass(frozen=True)
class ToyPart:
    name: str
    rows: tuple[ToyRow, ...]
    whole: tuple[int, ...]


@dataclass(frozen=True)
class ToyRun:
    """A plan, as the segments of each batch, and parts in the order in which they were written."""

    batches: tuple[tuple[Unit, ...], ...]
    parts: tuple[ToyPart, ...]

    def plan(self) -> pa.Table:
        rows = [
            {"index": index, "segment": segment, "num_segments": 3, "duration_s": 1.0, "batch": batch, "cost": 1.0}
            for batch, units in enumerate(self.batches)
            for index, segment in units
        ]
        return pa.Table.from_pylist(rows, schema.PLAN)

    def folder(self) -> Folder:
        folder = memory_folder()
        for part in self.parts:
            put_part(folder, part.name, part.rows, part.whole)
        return folder

    def winners(self) -> dict[Unit, ToyRow]:
        """The truth: of all rows of a segment a success first, then the least name."""
        rows: dict[Unit, list[tuple[bool, str, ToyRow]]] = {}
        for part in self.parts:
            for row in part.rows:
                rows.setdefault((row.index, row.segment), []).append((row.text is None, part.name, row))
        return {unit: min(found, key=lambda one: one[:2])[2] for unit, found in sorted(rows.items())}


@st.composite
def toy_runs(draw: st.DrawFn) -> ToyRun:
    """Up to 5 batches of 1 to 4 segments, and up to 6 parts of whole batches and pieces of batches."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    units = draw(st.permutations([(index, segment) for index in range(7) for segment in range(3)]))
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    batches = tuple(tuple(units[start : start + size]) for start, size in zip(starts, sizes, strict=True))
    names = draw(st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=6))
    parts = tuple(draw(toy_parts(name, batches)) for name in names)
    return ToyRun(batches, tuple(part for part in parts if part.rows))


@st.composite
def toy_parts(draw: st.DrawFn, name: str, batches: tuple[tuple[Unit, ...], ...]) -> ToyPart:
    chosen = draw(st.lists(st.integers(0, len(batches) - 1), unique=True, min_size=1))
    rows: list[ToyRow] = []
    whole = []
    for batch in chosen:
        is_whole = draw(st.booleans())
        if is_whole:
            whole.append(batch)
        kept = batches[batch] if is_whole else draw(st.lists(st.sampled_from(batches[batch]), unique=True))
        for index, segment in kept:
            text = draw(st.sampled_from([None, "", f"{name} said"]))
            rows.append(ToyRow(index, segment, batch, text, is_split=not is_whole))
    return ToyPart(name, tuple(rows), tuple(whole))


@settings(max_examples=100, deadline=None)
@given(toy_runs(), st.integers(0, 7), st.integers(0, 7), st.randoms())
def test_the_winning_rows_are_those_of_the_slow_truth(run, start, stop, chance):
    """For any parts in any order, each of them named once or twice, and any window of utterances."""
    names = [f"parts/{part.name}.parquet" for part in run.parts] * 2
    chance.shuffle(names)
    found = winning_rows(run.folder(), names[chance.randint(0, 1) :] if run.parts else names, start, stop)
    assert found.column_names == list(READ_COLUMNS)
    expected = [
        (unit[0], unit[1], row.text, row.text is None, row.is_split)
        for unit, row in run.winners().items()
        if start <= unit[0] < stop
    ]
    columns = ("index", "segment", "hypothesis", "error", "is_split")
    rows = zip(*(found[name].to_pylist() for name in columns), strict=True)
    assert [(index, segment, text, error is not None, split) for index, segment, text, error, split in rows] == expected


@settings(max_examples=60, deadline=None)
@given(toy_runs(), st.integers(1, 9))
def test_windows_are_the_winning_rows_cut_into_pieces(run, size):
    """Of any size, in order, none left out, also where a window has no row."""
    folder = run.folder()
    names = progress(folder, OURS).part_names
    found = list(windows(folder, names, 7, size))
    starts = range(0, 7, size)
    assert found == [winning_rows(folder, names, start, min(start + size, 7)) for start in starts]


@settings(max_examples=60, deadline=None)
@given(toy_runs(), st.integers(0, 6))
def test_any_prefix_of_the_parts_is_a_state_of_its_own(run, num_parts):
    """After a kill only some parts are there, and the winners are those among them."""
    prefix = ToyRun(run.batches, run.parts[:num_parts])
    names = [f"parts/{part.name}.parquet" for part in prefix.parts]
    found = winning_rows(run.folder(), names, 0, 99)
    assert found["hypothesis"].to_pylist() == [row.text for row in prefix.winners().values()]


@settings(max_examples=100, deadline=None)
@given(toy_runs())
def test_a_batch_is_done_when_all_its_segments_have_a_row(run):
    """Whether they came together or as the pieces of a split batch, in however many parts."""
    folder = run.folder()
    have = set(run.winners())
    done = done_batches(folder, run.plan(), progress(folder, OURS))
    assert done.tolist() == [have >= set(units) for units in run.batches]


@settings(max_examples=100, deadline=None)
@given(toy_runs())
def test_to_retry_is_to_count_a_batch_with_a_failure_as_not_done(run):
    """A failure that a success has beaten is none."""
    folder = run.folder()
    winners = run.winners()
    done = done_batches(folder, run.plan(), progress(folder, OURS), retry_failed=True)
    assert done.tolist() == [
        all(unit in winners and winners[unit].text is not None for unit in units) for units in run.batches
    ]


def test_a_plan_of_nothing_has_nothing_to_do():
    """All utterances were skipped."""
    folder = memory_folder()
    plan = schema.PLAN.empty_table()
    assert done_batches(folder, plan, progress(folder, OURS), retry_failed=True).tolist() == []


def test_no_parts_have_no_rows_and_the_same_columns():
    """So that a reader needs no special case."""
    found = winning_rows(memory_folder(), [], 0, 10)
    assert len(found) == 0
    assert found.column_names == list(READ_COLUMNS)
    assert all(found.schema.field(name).type == schema.PARTS.field(name).type for name in READ_COLUMNS)


def test_progress_names_the_parts_in_order():
    """The readable ones by their receipts."""
    folder = memory_folder()
    for name in "bca":
        put_part(folder, name, [ToyRow(0, 0, 0, "x")], [0])
    assert progress(folder, OURS).part_names == ("parts/a.parquet", "parts/b.parquet", "parts/c.parquet")


def test_a_part_that_was_removed_after_looking_is_an_error():
    """Not rows that are silently fewer."""
    folder = memory_folder()
    put_part(folder, "a", [ToyRow(0, 0, 0, "x")], [0])
    names = progress(folder, OURS).part_names
    folder.remove(names[0])
    with pytest.raises(StoreError, match=names[0]):
        winning_rows(folder, names, 0, 1)
