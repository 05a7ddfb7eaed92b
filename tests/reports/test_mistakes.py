from __future__ import annotations

import contextlib
import errno
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import StoreError
from earmark.reports.mistakes import COVERED_KEY, UTTERANCES_PER_FILE, Mistake, MistakesExport
from earmark.schema import MISTAKES
from earmark.store.disk import Disk
from earmark.store.folder import LocalFolder

RUN = "abc12345"
FOLDER = "batch_mistakes_parquet"


class MemoryFolder:
    """Files in a dictionary. The ``num_writes``-th write fails, before or after its bytes are in."""

    url = "memory"

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.writes_left: int | None = None
        self.commits_before_failing = False

    def names(self, prefix=""):
        return sorted(name for name in self.files if name.rpartition("/")[0] == prefix)

    def has(self, name):
        return name in self.files

    def read(self, name):
        return self.files[name]

    def write(self, name, data):
        assert name not in self.files, "an export never writes over a file"
        if self.writes_left is not None:
            self.writes_left -= 1
            if self.writes_left < 0:
                if self.commits_before_failing:
                    self.files[name] = data
                raise StoreError("the power went")
        self.files[name] = data


class Clock:
    """One second later at each look."""

    def __init__(self) -> None:
        self.time = datetime(2024, 12, 8, 14, 30, 22, tzinfo=UTC)

    def __call__(self):
        self.time += timedelta(seconds=1)
        return self.time


def mistake(index, rank=0):
    return Mistake(index, f"one two {index}", f"one {index}", "one -two", 1 / 3, 0.25, rank)


def has_mistake(index):
    return index % 3 == 0


def add(export, rank, indices):
    export.add(rank, indices, [mistake(index, rank) for index in indices if has_mistake(index)])


def covered_in(data):
    """The indices that a file's metadata say it covers."""
    ranges = pq.read_metadata(pa.BufferReader(data)).metadata[COVERED_KEY].decode().split()
    return [index for each in ranges for index in range(*map(int, each.split("-")))]


def rows_in(data):
    return pq.read_table(pa.BufferReader(data)).to_pylist()


def test_names_to_the_letter_on_one_gpu():
    """A single worker's files are numbered from 0000 and carry time and run, but no rank."""
    folder = MemoryFolder()
    export = MistakesExport(folder, run8=RUN, num_ranks=1, now=Clock())
    add(export, 0, range(600))
    export.flush()
    assert folder.names(FOLDER) == [
        f"{FOLDER}/mistakes_batch_0000_20241208_143023_abc12345.parquet",
        f"{FOLDER}/mistakes_batch_0001_20241208_143024_abc12345.parquet",
        f"{FOLDER}/mistakes_batch_0002_20241208_143025_abc12345.parquet",
    ]


def test_names_to_the_letter_on_two_gpus():
    """Each of several ranks counts its own files, and its rank ends the name."""
    folder = MemoryFolder()
    export = MistakesExport(folder, run8=RUN, num_ranks=2, now=Clock())
    add(export, 0, range(250))
    add(export, 1, range(250, 500))
    add(export, 0, range(500, 510))
    export.flush()
    assert folder.names(FOLDER) == [
        f"{FOLDER}/mistakes_batch_0000_20241208_143023_abc12345_rank0.parquet",
        f"{FOLDER}/mistakes_batch_0000_20241208_143024_abc12345_rank1.parquet",
        f"{FOLDER}/mistakes_batch_0001_20241208_143025_abc12345_rank0.parquet",
    ]


def test_time_in_name_is_local_time():
    """Without a clock of the caller's, the name carries the wall clock of this machine."""
    folder = MemoryFolder()
    before = datetime.now().astimezone().strftime("%Y%m%d_%H%M%S")
    export = MistakesExport(folder, run8=RUN, num_ranks=1)
    add(export, 0, [1])
    export.flush()
    after = datetime.now().astimezone().strftime("%Y%m%d_%H%M%S")
    [name] = folder.names(FOLDER)
    assert before <= re.search(r"_0000_(\d{8}_\d{6})_abc12345\.parquet$", name)[1] <= after


def test_file_covers_250_and_keeps_order():
    """A file is written at the 250th utterance, not before, with its rows in the order evaluated."""
    folder = MemoryFolder()
    export = MistakesExport(folder, run8=RUN, num_ranks=1, now=Clock())
    order = list(range(1000, 1250))[::-1]
    add(export, 0, order[:249])
    assert folder.files == {}
    add(export, 0, order[249:])
    [data] = folder.files.values()
    assert covered_in(data) == sorted(order)
    assert [row["index"] for row in rows_in(data)] == [index for index in order if has_mistake(index)]
    assert pq.read_schema(pa.BufferReader(data)).equals(MISTAKES)
    assert rows_in(data)[0] == {
        "index": 1248,
        "reference": "one two 1248",
        "prediction": "one 1248",
        "diff": "one -two",
        "sample_wer": 1 / 3,
        "sample_cer": 0.25,
        "gpu_rank": 0,
    }


def test_file_without_mistakes_is_valid():
    """Utterances without an error are covered too, by a file of no rows with the same columns."""
    folder = MemoryFolder()
    MistakesExport(folder, run8=RUN, num_ranks=1, now=Clock()).add(0, range(UTTERANCES_PER_FILE), [])
    [data] = folder.files.values()
    assert rows_in(data) == []
    assert pq.read_schema(pa.BufferReader(data)).equals(MISTAKES)
    again = MistakesExport(folder, run8=RUN, num_ranks=1)
    assert len(again.covered) == UTTERANCES_PER_FILE


def test_rates_of_empty_reference_are_null():
    """A mistake without reference words has no rates, and they stay null in the file."""
    folder = MemoryFolder()
    export = MistakesExport(folder, run8=RUN, num_ranks=1)
    export.add(0, [7], [Mistake(7, "", "oh", "+oh", None, None, 0)])
    export.flush()
    [data] = folder.files.values()
    assert [(row["sample_wer"], row["sample_cer"]) for row in rows_in(data)] == [(None, None)]


def test_flush_twice_writes_once():
    """Nothing waits after a flush, so a second one writes no empty file."""
    folder = MemoryFolder()
    export = MistakesExport(folder, run8=RUN, num_ranks=1)
    add(export, 0, [1, 2, 3])
    export.flush()
    export.flush()
    assert len(folder.files) == 1


def test_covered_before_and_after_restart():
    """What is exported or waits is covered; after a kill only what is exported."""
    folder = MemoryFolder()
    export = MistakesExport(folder, run8=RUN, num_ranks=1)
    add(export, 0, range(300))
    assert 0 in export.covered
    assert 299 in export.covered
    assert 300 not in export.covered
    assert len(export.covered) == 300
    again = MistakesExport(folder, run8=RUN, num_ranks=1)
    assert [index for index in range(400) if index in again.covered] == list(range(250))


def test_numbers_continue_after_largest():
    """After a restart each rank's numbers go on, also past a gap."""
    folder = MemoryFolder()
    export = MistakesExport(folder, run8=RUN, num_ranks=2, now=Clock())
    add(export, 1, range(750))
    del folder.files[folder.names(FOLDER)[1]]
    again = MistakesExport(folder, run8=RUN, num_ranks=2, now=Clock())
    add(again, 1, range(1000, 1250))
    add(again, 0, range(2000, 2250))
    numbers = sorted(re.search(r"batch_(\d+)_.*_(rank\d)", name).group(2, 1) for name in folder.names(FOLDER))
    assert numbers == [("rank0", "0000"), ("rank1", "0000"), ("rank1", "0002"), ("rank1", "0003")]


def test_fewer_ranks_after_restart():
    """A run of two ranks that one worker finishes keeps each utterance once and gives no name twice."""
    folder = MemoryFolder()
    first = MistakesExport(folder, run8=RUN, num_ranks=2)
    add(first, 0, range(250))
    add(first, 1, range(250, 500))
    second = MistakesExport(folder, run8=RUN, num_ranks=1)
    add(second, 1, range(200, 600))
    add(second, 0, range(600, 750))
    assert Counter(index for data in folder.files.values() for index in covered_in(data)) == Counter(range(750))


def test_other_run_in_the_folder_is_not_ours():
    """Two runs share a folder; neither takes the other's utterances for its own."""
    folder = MemoryFolder()
    add(MistakesExport(folder, run8="ffffffff", num_ranks=1, now=Clock()), 0, range(250))
    export = MistakesExport(folder, run8=RUN, num_ranks=1, now=Clock())
    assert len(export.covered) == 0
    add(export, 0, range(250))
    assert len(folder.files) == 2


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: data[:0], lambda data: _flip(data, 300)])
def test_damaged_file_comes_again(damage):
    """The utterances of a truncated, emptied or corrupted file are exported again under a new number."""
    folder = MemoryFolder()
    add(MistakesExport(folder, run8=RUN, num_ranks=1, now=Clock()), 0, range(500))
    broken, _ = folder.names(FOLDER)
    folder.files[broken] = damage(folder.files[broken])
    again = MistakesExport(folder, run8=RUN, num_ranks=1, now=Clock())
    add(again, 0, range(500))
    _, _, new = folder.names(FOLDER)
    assert "_0002_" in new
    assert covered_in(folder.files[new]) == list(range(250))


def _flip(data, at):
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


def test_foreign_file_of_our_name_covers_nothing():
    """A file that does not say what it covers is left alone and not relied upon."""
    folder = MemoryFolder()
    sink = pa.BufferOutputStream()
    pq.write_table(MISTAKES.empty_table(), sink)
    folder.files[f"{FOLDER}/mistakes_batch_0000_20241208_143022_{RUN}.parquet"] = bytes(sink.getvalue())
    export = MistakesExport(folder, run8=RUN, num_ranks=1)
    assert len(export.covered) == 0
    add(export, 0, range(250))
    assert "_0001_" in folder.names(FOLDER)[1]


@pytest.mark.parametrize("mistakes", [[mistake(3)], [mistake(1), mistake(1)]])
def test_mistake_must_belong_to_an_utterance(mistakes):
    """A mistake that would be lost is an error of the caller, said at once."""
    with pytest.raises(ValueError, match="each mistake belongs"):
        MistakesExport(MemoryFolder(), run8=RUN, num_ranks=1).add(0, [1, 2], mistakes)


@pytest.mark.parametrize("failing", ["sync", "sync_folder"])
def test_full_disk_loses_nothing(tmp_path, failing):
    """Where a write fails, before or after the file is there, the next try writes its utterances, each once."""

    class FullDisk(Disk):
        is_full = True

        def sync(self, file):
            self._check("sync")
            super().sync(file)

        def sync_folder(self, path):
            self._check("sync_folder")
            super().sync_folder(path)

        def _check(self, operation):
            if self.is_full and operation == failing:
                raise OSError(errno.ENOSPC, "No space left on device")

    disk = FullDisk()
    export = MistakesExport(LocalFolder(tmp_path, disk=disk), run8=RUN, num_ranks=1, now=Clock())
    with pytest.raises(StoreError):
        add(export, 0, range(400))
    disk.is_full = False
    add(export, 0, range(400))
    export.flush()
    files = [path.read_bytes() for path in sorted((tmp_path / FOLDER).iterdir())]
    assert [len(covered_in(data)) for data in files] == [250, 150]
    assert Counter(index for data in files for index in covered_in(data)) == Counter(range(400))
    assert Counter(row["index"] for data in files for row in rows_in(data)) == Counter(range(0, 400, 3))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_kills_neither_lose_nor_double(data):
    """However often the export dies, and in whatever order and ranks it is fed again, each index stands once."""
    indices = data.draw(st.sets(st.integers(0, 5000), min_size=1, max_size=700), label="indices")
    folder = MemoryFolder()
    num_ranks = data.draw(st.integers(1, 3), label="ranks")
    for _ in range(data.draw(st.integers(0, 4), label="kills")):
        folder.writes_left = data.draw(st.integers(0, 4), label="writes until the kill")
        folder.commits_before_failing = data.draw(st.booleans(), label="commits first")
        with contextlib.suppress(StoreError):
            _feed(data, MistakesExport(folder, run8=RUN, num_ranks=num_ranks), indices, num_ranks, is_killed=True)
    folder.writes_left = None
    _feed(data, MistakesExport(folder, run8=RUN, num_ranks=num_ranks), indices, num_ranks, is_killed=False)
    assert Counter(index for file in folder.files.values() for index in covered_in(file)) == Counter(indices)
    rows = Counter(row["index"] for file in folder.files.values() for row in rows_in(file))
    assert rows == Counter(index for index in indices if has_mistake(index))


def _feed(data, export, indices, num_ranks, *, is_killed):
    random = data.draw(st.randoms(use_true_random=False))
    order = list(indices)
    random.shuffle(order)
    while order:
        size = random.randint(1, 300)
        batch, order = order[:size], order[size:]
        add(export, random.randrange(num_ranks), batch)
        if is_killed and random.random() < 0.1:
            return
    if not is_killed or random.random() < 0.5:
        export.flush()
