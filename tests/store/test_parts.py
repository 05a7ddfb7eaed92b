"""A part holds its rows and its receipt, whole, or counts for nothing."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earmark import schema
from earmark.errors import DamagedPartError, StoreError
from earmark.recognizers.doubles import Echo
from earmark.records import Alternative, AudioRef, Batch, Segment, Shard, Usage, Word
from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.parts import DamagedPart, part_name, read_part, receipts, write_part, write_part_table
from earmark.store.reader import progress
from earmark.verbs.evaluate import evaluate
from tests.store.parts import OURS, ToyRow, put_part, toy_receipt
from tests.toys import toy_source

ROWS = [ToyRow(0, 0, 0, "one"), ToyRow(1, 0, 0, None), ToyRow(2, 1, 1, "")]
PART = "parts/a.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    folder = LocalFolder(tmp_path)
    put_part(folder, "a", ROWS, [0, 1])
    return folder


def problem(folder: LocalFolder) -> str:
    """What is wrong with the only part."""
    [damaged] = receipts(folder, OURS)
    assert isinstance(damaged, DamagedPart)
    assert damaged.name == PART
    assert "\n" not in damaged.problem
    return damaged.problem


def batch(number: int, *indices: int, is_split: bool = False) -> Batch:
    segments = tuple(Segment(index, 0, 1, f"u{index}", AudioRef("x.wav")) for index in indices)
    return Batch(number, segments, is_split=is_split)


def test_rows_and_receipt_come_back_as_they_were(folder):
    """Every column, and every fact."""
    rows = read_part(folder, PART)
    assert rows.schema.equals(schema.PARTS)
    assert rows.to_pylist() == [dataclasses.asdict(row.full()) | {"alternatives": None} for row in ROWS]
    again = put_part(folder, "b", ROWS, [0])
    assert list(receipts(folder, OURS))[1] == again
    assert (again.num_piece_rows, again.num_failed) == (1, 1)


def test_words_confidences_and_alternatives_come_back(tmp_path):
    """Null where there is none; a word without a confidence keeps its times, and no word is an answer."""
    words = (Word("a", 0.0, 0.25, 0.5), Word("b", 0.25, 0.5))
    said = [
        dataclasses.replace(ROWS[0].full(), words=words, confidence=0.5, alternatives=(Alternative("a b", -1.5),)),
        dataclasses.replace(ROWS[0].full(), segment=1, words=()),
        dataclasses.replace(ROWS[0].full(), segment=2),
    ]
    write_part(LocalFolder(tmp_path), said, toy_receipt(PART, ROWS[:3]))
    rows = read_part(LocalFolder(tmp_path), PART, ["words", "confidence", "alternatives"]).to_pylist()
    assert rows == [
        {
            "words": [dataclasses.asdict(word) for word in words],
            "confidence": 0.5,
            "alternatives": [{"text": "a b", "score": -1.5}],
        },
        {"words": [], "confidence": None, "alternatives": None},
        {"words": None, "confidence": None, "alternatives": None},
    ]


def test_a_usage_comes_back(tmp_path):
    """From the row and from the receipt; null where no server was asked."""
    usage = Usage(num_calls=2, num_calls_with_seconds=1, stated_s=1.5, unstated_s=0.5, input_tokens=7)
    said = [dataclasses.replace(ROWS[0].full(), usage=usage), dataclasses.replace(ROWS[0].full(), segment=1)]
    receipt = dataclasses.replace(toy_receipt(PART, ROWS[:2]), usage=usage)
    write_part(LocalFolder(tmp_path), said, receipt)
    rows = read_part(LocalFolder(tmp_path), PART, ["usage"])
    assert rows["usage"].to_pylist() == [dataclasses.asdict(usage), None]
    assert list(receipts(LocalFolder(tmp_path), OURS)) == [receipt]


def test_a_receipt_from_before_there_was_a_usage_has_none(folder, tmp_path):
    """It is read as one of a recognizer that asked no server."""
    [receipt] = receipts(folder, OURS)
    table = pq.read_table(tmp_path / PART)
    facts = json.loads(table.schema.metadata[b"earmark.receipt"])
    del facts["usage"]
    older = table.drop_columns(["usage", "is_unfinished"]).replace_schema_metadata(
        {b"earmark.receipt": json.dumps(facts).encode()}
    )
    pq.write_table(older, tmp_path / PART)
    assert list(receipts(folder, OURS)) == [receipt]
    assert read_part(folder, PART)["usage"].null_count == len(ROWS)
    assert read_part(folder, PART)["is_unfinished"].null_count == len(ROWS)


def test_a_part_from_before_there_were_words_has_none(folder):
    """Its file has no such columns; it is read as one whose recognizer gave none."""
    new = ("words", "confidence", "alternatives")
    [receipt] = receipts(folder, OURS)
    write_part_table(folder, read_part(folder, PART).drop_columns(list(new)), receipt)
    assert list(receipts(folder, OURS)) == [receipt]
    rows = read_part(folder, PART)
    assert rows.schema.equals(schema.PARTS)
    assert all(rows[name].null_count == len(ROWS) for name in new)


def test_a_part_is_what_its_file_is_called(folder, tmp_path):
    """A renamed part answers to its new name, so that it can be read."""
    (tmp_path / PART).rename(tmp_path / "parts" / "b.parquet")
    [receipt] = receipts(folder, OURS)
    assert receipt.part == "parts/b.parquet"


def test_the_same_work_has_the_same_name():
    """A function of the spec, the batches, the retry and whether it was given up, and of nothing else."""
    name = part_name(OURS, Shard((batch(1, 5, 6),)))
    assert name == part_name(OURS, Shard((batch(1, 5, 6),)))
    others = [
        part_name("e" * 64, Shard((batch(1, 5, 6),))),
        part_name(OURS, Shard((batch(2, 5, 6),))),
        part_name(OURS, Shard((batch(1, 5, 6), batch(2, 7)))),
        part_name(OURS, Shard((batch(1, 5, 6, is_split=True),))),
        part_name(OURS, Shard((batch(1, 5, is_split=True),))),
        part_name(OURS, Shard((batch(1, 6, is_split=True),))),
        part_name(OURS, Shard((batch(1, 5, 6),)), retry="20260101T000000Z"),
        part_name(OURS, Shard((batch(1, 5, 6),)), is_given_up=True),
    ]
    assert len({name, *others}) == 9
    assert all(one.startswith(f"{layout.PARTS}/") and one.endswith(".parquet") for one in others)


@pytest.mark.parametrize("size", [0, 4, 100, -1, -8, -200])
def test_a_part_that_ends_early_is_damaged(folder, tmp_path, size):
    """Cut anywhere, it counts for nothing and is named."""
    data = (tmp_path / PART).read_bytes()
    (tmp_path / PART).write_bytes(data[:size])
    assert problem(folder)


def test_what_is_no_part_is_damaged(folder, tmp_path):
    """Another kind of file, a table without a receipt, and receipts that are none."""
    (tmp_path / PART).write_text("hello, I am not a table")
    assert "Parquet" in problem(folder)
    table = pa.table({"x": [1]})
    for metadata in (None, {b"earmark.receipt": b"no json"}, {b"earmark.receipt": b"[1]"}, {b"earmark.receipt": b"{}"},
                     {b"earmark.receipt": b'{"batches": [], "part": "x"}'}):  # fmt: skip
        pq.write_table(table.replace_schema_metadata(metadata), tmp_path / PART)
        assert problem(folder)


def test_a_part_of_another_run_is_damaged(folder):
    """Its rows answer another question."""
    [damaged] = receipts(folder, "e" * 64)
    assert damaged == DamagedPart(PART, "belongs to another run")


def test_what_a_killed_writer_left_is_no_part(folder, tmp_path):
    """Temporary files are nobody's results."""
    (tmp_path / "parts" / ".tmp-b.parquet-00").write_bytes(b"half")
    assert len(list(receipts(folder, OURS))) == 1


def test_a_flipped_bit_in_the_rows_is_noticed(folder, tmp_path):
    """Disks rot and cables lie: rows are read as they were written, or not at all."""
    path = tmp_path / PART
    data = path.read_bytes()
    truth = read_part(folder, PART)
    footer_size = int.from_bytes(data[-8:-4], "little") + 8
    chance = random.Random(0)  # repeatable, not secret
    unnoticed = []
    for position in chance.sample(range(4, len(data) - footer_size), 200):
        spoilt = bytearray(data)
        spoilt[position] ^= 1 << chance.randrange(8)
        path.write_bytes(spoilt)
        try:
            rows = read_part(folder, PART)
        except StoreError:
            continue
        if not rows.equals(truth):
            unnoticed.append(position)
    assert unnoticed == []


def test_a_part_whose_rows_are_damaged_is_named(tmp_path):
    """Its receipt is whole and its rows are not: who reads them learns which part it is, and a run does it again."""
    source = toy_source(tmp_path / "audio", 4)
    whole = evaluate(Echo(source.texts), source, out=str(tmp_path / "run"))
    part = min((tmp_path / "run" / layout.PARTS).iterdir())
    data = bytearray(part.read_bytes())
    data[4:80] = b"\xff" * 76
    part.write_bytes(data)
    with pytest.raises(StoreError, match=part.name) as raised:
        read_part(LocalFolder(tmp_path / "run"), f"{layout.PARTS}/{part.name}")
    assert raised.value.hint
    again = evaluate(Echo(source.texts), source, out=str(tmp_path / "run"))
    assert again.scores_hash == whole.scores_hash
    assert again.num_damaged_parts == 0


class _BrokenCable(LocalFolder):
    """A folder whose files open, and whose bytes cannot be read."""

    def open(self, name: str) -> pa.PythonFile:
        """Open what cannot be read."""
        return pa.PythonFile(_Broken(), mode="r")

    def read(self, name: str) -> bytes:
        """Fail as a network does."""
        raise StoreError(f"cannot read {name}", cause="connection reset")


class _Broken:
    closed = False

    def _fail(self, *_: object) -> bytes:
        raise ConnectionResetError("connection reset")

    read = seek = tell = _fail

    def close(self) -> None:
        self.closed = True


def test_a_broken_cable_is_no_damaged_part(folder, tmp_path):
    """What cannot be read now is no reason to leave its utterances out of the score."""
    broken = _BrokenCable(tmp_path)
    for attempt in (
        lambda: read_part(broken, PART),
        lambda: list(receipts(broken, OURS)),
        lambda: progress(broken, OURS),
    ):
        with pytest.raises(StoreError) as raised:
            attempt()
        assert not isinstance(raised.value, DamagedPartError)


def test_what_is_read_at_the_second_try_is_whole(folder, tmp_path):
    """The bytes are read once more before they are judged."""

    class Once(_BrokenCable):
        def read(self, name: str) -> bytes:
            return LocalFolder.read(self, name)

    assert read_part(Once(tmp_path), PART).equals(read_part(folder, PART))
    assert not progress(Once(tmp_path), OURS).damaged
