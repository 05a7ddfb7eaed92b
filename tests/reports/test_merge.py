from __future__ import annotations

import errno
import subprocess
import sys
from collections import Counter

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import StoreError, UsageError
from earmark.reports import merge
from earmark.reports.merge import MERGED, merge_into, merge_mistakes
from earmark.reports.mistakes import Mistake, MistakesExport
from earmark.schema import MISTAKES
from earmark.store.disk import Disk
from earmark.store.folder import LocalFolder

SEED_EXAMPLE = """\
import pandas as pd

# Load merged mistakes
df = pd.read_parquet('merged_mistakes.parquet')

# Analyze errors
print(f"Total mistakes: {len(df)}")
print(f"Average WER: {df['sample_wer'].mean():.4f}")
print(f"Worst mistakes (highest WER):")
print(df.nlargest(5, 'sample_wer')[['reference', 'prediction', 'sample_wer']])

# Analyze by batch
batch_stats = df.groupby('batch_id').agg({
    'sample_wer': ['count', 'mean'],
    'sample_cer': 'mean'
}).round(4)
print(batch_stats)

# Multi-GPU analysis (if applicable)
if 'gpu_rank' in df.columns and df['gpu_rank'].nunique() > 1:
    gpu_stats = df.groupby('gpu_rank').agg({
        'sample_wer': ['count', 'mean'],
        'sample_cer': 'mean'
    }).round(4)
    print("Performance by GPU:")
    print(gpu_stats)
"""


def export_run(folder, *, run8="abc12345", num_ranks=1, num_utterances=600, every=2):
    """Export a run whose every second utterance has errors; its rank is its index modulo the ranks."""
    export = MistakesExport(LocalFolder(folder), run8=run8, num_ranks=num_ranks)
    for rank in range(num_ranks):
        indices = range(rank, num_utterances, num_ranks)
        wrong = [index for index in indices if index // num_ranks % every == 0]
        export.add(
            rank, indices, [Mistake(i, f"one two {i}", f"one {i}", "one -two", i / 1000, 0.25, rank) for i in wrong]
        )
    export.flush()
    return LocalFolder(folder / "batch_mistakes_parquet")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.path.iterdir()}


def write_frame(folder, name, rows, **options):
    folder.path.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(folder.path / name, **options)


def old_rows(first, num_rows):
    """Rows as the seed's own script had them on a single GPU."""
    return [
        {"index": i, "reference": "a b", "prediction": "a", "diff": "a -b", "sample_wer": 0.5, "sample_cer": 0.5}
        for i in range(first, first + num_rows)
    ]


@pytest.mark.parametrize("num_ranks", [1, 2])
def test_pandas_example_runs_unchanged(tmp_path, num_ranks):
    """The user's own analysis reads the merged file, and the section on GPUs shows exactly where there are several."""
    inputs = export_run(tmp_path, num_ranks=num_ranks)
    merge_mistakes(inputs, str(tmp_path / "merged_mistakes.parquet"))
    (tmp_path / "example.py").write_text(SEED_EXAMPLE)
    example = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert "Total mistakes: 300\n" in example.stdout
    assert "\n0000 " in example.stdout
    assert ("Performance by GPU:" in example.stdout) is (num_ranks == 2)
    assert example.stderr == ""


def test_columns_and_origin_of_rows(tmp_path):
    """Each row keeps its values and gains its file's base name and number, all plain types for pandas."""
    inputs = export_run(tmp_path, num_ranks=2)
    report = merge_mistakes(inputs, str(tmp_path / "merged.parquet"))
    table = pq.read_table(tmp_path / "merged.parquet")
    assert table.schema.equals(MERGED)
    assert (report.num_files, report.num_rows, report.damaged, report.num_removed) == (4, 300, (), 0)
    assert report.output == str(tmp_path / "merged.parquet")
    truth = []
    for name in inputs.names():
        for row in pq.read_table(inputs.path / name).to_pylist():
            truth.append({**row, "source_file": name, "batch_id": name[15:19]})  # noqa: PERF401
    assert table.to_pylist() == truth
    assert set(table["batch_id"].to_pylist()) == {"0000", "0001"}
    frame = table.to_pandas()
    assert not isinstance(frame["source_file"].dtype, pd.CategoricalDtype)
    assert frame["gpu_rank"].dtype == "int32"


def test_merging_twice_gives_the_same_bytes(tmp_path):
    """A second merge of the same files changes nothing."""
    inputs = export_run(tmp_path)
    output = tmp_path / "merged.parquet"
    first = merge_mistakes(inputs, str(output))
    data = output.read_bytes()
    assert merge_mistakes(inputs, str(output)) == first
    assert output.read_bytes() == data


def test_output_is_never_its_own_input(tmp_path):
    """The output may lie among the inputs, and a name that the next merge would take for an input is refused."""
    inputs = export_run(tmp_path)
    output = inputs.path / "merged_mistakes.parquet"
    first = merge_mistakes(inputs, str(output), cleanup=False)
    assert merge_mistakes(inputs, str(output)) == first
    before = contents(inputs)
    for name in ("mistakes_batch_all.parquet", inputs.names()[1]):
        with pytest.raises(UsageError, match="is the name of a mistakes file"):
            merge_mistakes(inputs, str(inputs.path / name))
    assert contents(inputs) == before


def test_cleanup_removes_exactly_the_merged(tmp_path):
    """After a merge with cleanup the strange, the damaged and the other files are still there."""
    inputs = export_run(tmp_path)
    merged = inputs.names()
    (inputs.path / "notes.txt").write_text("mine")
    (inputs.path / "mistakes_batch_0009_torn.parquet").write_bytes(b"PAR1 torn")
    report = merge_mistakes(inputs, str(tmp_path / "merged.parquet"), cleanup=True)
    assert report.num_removed == report.num_files == len(merged)
    assert report.damaged == ("mistakes_batch_0009_torn.parquet",)
    assert inputs.names() == ["mistakes_batch_0009_torn.parquet", "notes.txt"]


def test_merge_after_cleanup_keeps_merged_file(tmp_path):
    """Where no input is left, or none can be read, the merged file of before stands."""
    inputs = export_run(tmp_path)
    output = tmp_path / "merged.parquet"
    merge_mistakes(inputs, str(output), cleanup=True)
    data = output.read_bytes()
    with pytest.raises(UsageError, match="no mistakes files in"):
        merge_mistakes(inputs, str(output), cleanup=True)
    (inputs.path / "mistakes_batch_0000_torn.parquet").write_bytes(b"")
    with pytest.raises(UsageError, match="none of the 1 mistakes files"):
        merge_mistakes(inputs, str(output), cleanup=True)
    assert output.read_bytes() == data
    assert inputs.names() == ["mistakes_batch_0000_torn.parquet"]


@pytest.mark.parametrize("failing", ["open_new", "write", "sync", "replace", "sync_folder"])
def test_nothing_is_removed_before_output_is_safe(tmp_path, failing):
    """Whichever operation fails while the output is written, every input is still there."""
    inputs = export_run(tmp_path)
    before = contents(inputs)

    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    disk = type("FailingDisk", (Disk,), {failing: refuse})()
    target = LocalFolder(tmp_path / "out", disk=disk)
    with pytest.raises(StoreError, match=r"cannot write merged\.parquet"):
        merge_into(inputs, target, "merged.parquet", cleanup=True)
    assert contents(inputs) == before


def test_killed_cleanup_is_finished_by_the_next(tmp_path):
    """A cleanup that dies half way leaves a whole merged file, with every row."""

    class DyingDisk(Disk):
        num_removed = 0

        def remove(self, path):
            if self.num_removed == 1:
                raise OSError(errno.EIO, "Input/output error")
            self.num_removed += 1
            super().remove(path)

    inputs = LocalFolder(export_run(tmp_path).path, disk=DyingDisk())
    with pytest.raises(StoreError):
        merge_mistakes(inputs, str(tmp_path / "merged.parquet"), cleanup=True)
    assert len(inputs.names()) == 2
    assert pq.read_table(tmp_path / "merged.parquet")["index"].to_pylist() == list(range(0, 600, 2))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-20],
        lambda data: b"",
        lambda data: data[:300] + bytes([data[300] ^ 255]) + data[301:],
        lambda data: data[:-200] + bytes(200),
    ],
)
def test_damaged_file_is_skipped_and_named(tmp_path, damage):
    """A torn, empty or corrupted file costs its own rows only, and stays for the user to look at."""
    inputs = export_run(tmp_path)
    broken = inputs.names()[1]
    (inputs.path / broken).write_bytes(damage((inputs.path / broken).read_bytes()))
    report = merge_mistakes(inputs, str(tmp_path / "merged.parquet"), cleanup=True)
    assert report.damaged == (broken,)
    assert inputs.names() == [broken]
    indices = pq.read_table(tmp_path / "merged.parquet")["index"].to_pylist()
    assert indices == [*range(0, 250, 2), *range(500, 600, 2)]


def test_unreadable_input_stops_the_merge(tmp_path):
    """A file that the disk does not give is not a damaged one: nothing is merged without it."""
    inputs = export_run(tmp_path)

    class Listing(LocalFolder):
        def names(self, prefix=""):
            return [*super().names(prefix), "mistakes_batch_9999_gone.parquet"]

    with pytest.raises(StoreError, match=r"cannot read mistakes_batch_9999_gone\.parquet"):
        merge_mistakes(Listing(inputs.path), str(tmp_path / "merged.parquet"), cleanup=True)
    assert not (tmp_path / "merged.parquet").exists()
    assert len(inputs.names()) == 3


def test_files_of_pandas_merge(tmp_path):
    """Files of older scripts, with an index column, another order, other types or no rank, merge with ours."""
    inputs = export_run(tmp_path, num_utterances=10)
    write_frame(inputs, "mistakes_batch_0001_20241208_143022_dummy_ru.parquet", old_rows(100, 3), index=True)
    write_frame(inputs, "mistakes_batch_0002_20241208_143022_dummy_ru_rank3.parquet", old_rows(200, 2))
    reordered = [{"note": "mine", **dict(reversed(row.items())), "gpu_rank": 1} for row in old_rows(300, 1)]
    write_frame(inputs, "mistakes_batch_0003_20241208_143022_w_rank1.parquet", reordered, index=False)
    renamed = pd.DataFrame(old_rows(400, 2)).iloc[::-1]
    renamed.to_parquet(inputs.path / "mistakes_batch_0004_20241208_143022_w.parquet")
    report = merge_mistakes(inputs, str(tmp_path / "merged.parquet"))
    assert report.damaged == ()
    table = pq.read_table(tmp_path / "merged.parquet")
    assert table.schema.equals(MERGED)
    rows = [(row["index"], row["gpu_rank"], row["batch_id"]) for row in table.to_pylist() if row["index"] >= 100]
    assert rows == [
        (100, 0, "0001"),
        (101, 0, "0001"),
        (102, 0, "0001"),
        (200, 3, "0002"),
        (201, 3, "0002"),
        (300, 1, "0003"),
        (401, 0, "0004"),
        (400, 0, "0004"),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [{"index": 1, "text": "something else"}],
        [{**old_rows(0, 1)[0], "index": "not a number"}],
        [{**old_rows(0, 1)[0], "source_file": "x.parquet", "batch_id": "0000"}],
    ],
    ids=["other columns", "other types", "a merged file"],
)
def test_other_schema_is_named_not_merged(tmp_path, rows):
    """A Parquet file of another kind under our name is skipped, named and kept."""
    inputs = export_run(tmp_path, num_utterances=10)
    write_frame(inputs, "mistakes_batch_0005_other.parquet", rows)
    report = merge_mistakes(inputs, str(tmp_path / "merged.parquet"), cleanup=True)
    assert report.damaged == ("mistakes_batch_0005_other.parquet",)
    assert report.num_rows == 5
    assert inputs.names() == ["mistakes_batch_0005_other.parquet"]


def test_one_run_of_two(tmp_path):
    """Two runs share a folder: all of it merges, or the one that is asked for, with its cleanup."""
    inputs = export_run(tmp_path, run8="aaaaaaaa", num_utterances=300)
    export_run(tmp_path, run8="bbbbbbbb", num_utterances=400, num_ranks=2)
    both = merge_mistakes(inputs, str(tmp_path / "both.parquet"))
    assert (both.num_files, both.num_rows) == (4, 350)
    one = merge_mistakes(inputs, str(tmp_path / "one.parquet"), run8="bbbbbbbb", cleanup=True)
    assert (one.num_files, one.num_rows) == (2, 200)
    assert len(inputs.names()) == 2
    with pytest.raises(UsageError, match="no mistakes files of the run bbbbbbbb in"):
        merge_mistakes(inputs, str(tmp_path / "one.parquet"), run8="bbbbbbbb")


def test_run_without_mistakes_merges_to_no_rows(tmp_path):
    """A perfect recognizer's files merge into a table with all columns and no rows."""
    export = MistakesExport(LocalFolder(tmp_path), run8="abc12345", num_ranks=1)
    export.add(0, range(10), [])
    export.flush()
    report = merge_mistakes(LocalFolder(tmp_path / "batch_mistakes_parquet"), str(tmp_path / "merged.parquet"))
    assert (report.num_files, report.num_rows) == (1, 0)
    assert pq.read_table(tmp_path / "merged.parquet").schema.equals(MERGED)


def test_output_in_the_working_folder(tmp_path, monkeypatch):
    """A bare name as the output is a file in the working folder."""
    inputs = export_run(tmp_path / "run", num_utterances=10)
    monkeypatch.chdir(tmp_path)
    merge_mistakes(inputs, "merged_mistakes.parquet")
    assert pq.read_metadata(tmp_path / "merged_mistakes.parquet").num_rows == 5


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(0, 40), max_size=20), rows_per_group=st.integers(1, 50))
def test_groups_are_full_but_the_last(sizes, rows_per_group):
    """Joined groups hold the rows in their order, each group full except the last."""
    starts = [sum(sizes[:position]) for position in range(len(sizes))]
    tables = [
        pa.table({"row": pa.array(range(at, at + size), pa.int64())}) for at, size in zip(starts, sizes, strict=True)
    ]
    groups = list(merge._groups(iter(tables), rows_per_group))
    assert [row for group in groups for row in group["row"].to_pylist()] == list(range(sum(sizes)))
    assert all(group.num_rows == rows_per_group for group in groups[:-1])
    assert all(0 < group.num_rows <= rows_per_group for group in groups[-1:])


def test_row_groups_of_the_file(tmp_path):
    """The merged file's row groups hold 65,536 rows, so memory is the same for any number of files."""
    folder = LocalFolder(tmp_path)
    rows = pa.Table.from_pylist([{**row, "gpu_rank": 0} for row in old_rows(0, 50_000)], schema=MISTAKES)
    for number in range(3):
        pq.write_table(rows, tmp_path / f"mistakes_batch_{number:04d}_20241208_143022_abc12345.parquet")
    merge_mistakes(folder, str(tmp_path / "merged.parquet"))
    metadata = pq.read_metadata(tmp_path / "merged.parquet")
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    assert groups == [65_536, 65_536, 150_000 - 2 * 65_536]
    assert Counter(pq.read_table(tmp_path / "merged.parquet")["batch_id"].to_pylist()) == dict.fromkeys(
        ["0000", "0001", "0002"], 50_000
    )
