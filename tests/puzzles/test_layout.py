from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.errors import EarmarkError, FolderError, ManifestError, UsageError
from earmark.puzzles.layout import read_puzzles, write, write_table
from earmark.puzzles.whole_files import write_whole
from tests.puzzles.truths import toy_set

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 34245746\n"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    write(folder, train=toy_set(9, 7), test=toy_set(9, 5))
    return folder


def save(folder: Path, name: str, array: np.ndarray) -> None:
    np.save(folder / "test" / f"all__{name}.npy", array)


def load(folder: Path, name: str) -> np.ndarray:
    return np.load(folder / "test" / f"all__{name}.npy")


def refused(place: Path, **arguments) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read_puzzles(place, **arguments)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("size", [4, 9])
def test_the_built_layout_is_the_published_one(tmp_path, size):
    """Names, dtypes, shapes and values, read without the package."""
    puzzles = toy_set(size, 5)
    write(tmp_path / "new" / "data", train=toy_set(size, 3), test=puzzles)
    folder = tmp_path / "new" / "data"
    assert json.loads((folder / "identifiers.json").read_text()) == ["<blank>"]
    names = {"inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices"}
    for split in ("train", "test"):
        files = {f"all__{name}.npy" for name in names} | {"dataset.json"}
        assert {path.name for path in (folder / split).iterdir()} == files
    arrays = {name: load(folder, name) for name in names}
    kinds = {name: (array.dtype.name, array.shape) for name, array in arrays.items()}
    assert kinds == {
        "inputs": ("uint8", (5, size * size)),
        "labels": ("uint8", (5, size * size)),
        "puzzle_identifiers": ("int32", (5,)),
        "puzzle_indices": ("int32", (6,)),
        "group_indices": ("int32", (6,)),
    }
    np.testing.assert_array_equal(arrays["inputs"], puzzles.clues)
    np.testing.assert_array_equal(arrays["labels"], puzzles.solutions)
    assert not arrays["puzzle_identifiers"].any()
    assert arrays["puzzle_indices"].tolist() == arrays["group_indices"].tolist() == [0, 1, 2, 3, 4, 5]
    assert json.loads((folder / "test" / "dataset.json").read_text()) == {
        "seq_len": size * size,
        "vocab_size": size + 2,
        "pad_id": 0,
        "ignore_label_id": 0,
        "blank_identifier_id": 0,
        "num_puzzle_identifiers": 1,
        "total_groups": 5,
        "mean_puzzle_examples": 1,
        "sets": ["all"],
    }


@pytest.mark.parametrize("size", [4, 9])
@pytest.mark.parametrize("labelled", [True, False])
def test_what_is_written_is_read_again(tmp_path, size, labelled):
    """Both splits, with labels and without, over another set that was there; the name is what the user typed."""
    write(tmp_path, train=toy_set(size, 2), test=toy_set(size, 2))
    train, test = toy_set(size, 4, labelled=labelled), toy_set(size, 3, labelled=labelled)
    write(tmp_path, train=train, test=test)
    assert read_puzzles(tmp_path).fingerprint == test.fingerprint
    found = read_puzzles(f"{tmp_path}/", split="train")
    assert found.fingerprint == train.fingerprint
    assert found.name == f"{tmp_path}/"


def test_the_table_is_the_published_one(tmp_path):
    """Header, 81 characters a grid, a dot for a blank; read with Python's own reader, and again with ours."""
    puzzles = toy_set(9, 4)
    write_table(tmp_path / "test.csv", puzzles)
    with (tmp_path / "test.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["source", "question", "answer", "rating"]
    for row, clues, solution in zip(rows, puzzles.clues.tolist(), puzzles.solutions.tolist(), strict=True):
        assert row["question"] == "".join("." if token == 1 else str(token - 1) for token in clues)
        assert row["answer"] == "".join(str(token - 1) for token in solution)
        assert row["rating"] == "0"
    for place in (tmp_path / "test.csv", tmp_path):
        assert read_puzzles(place).fingerprint == puzzles.fingerprint
    shutil.copy(tmp_path / "test.csv", tmp_path / "train.csv")
    assert read_puzzles(tmp_path, split="train").fingerprint == puzzles.fingerprint


def test_tables_of_others_are_read(tmp_path):
    """Columns in another order, zeros for blanks, Windows' line ends, quotes, and no answers."""
    (tmp_path / "one.csv").write_bytes(b'rating,question\r\n3,"1.00.1.....1...."\r\n,................\r\n')
    puzzles = read_puzzles(tmp_path / "one.csv")
    assert puzzles.solutions is None
    assert puzzles.clues.tolist() == [[2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1], [1] * 16]


def test_what_is_read_may_be_changed_without_changing_the_files(built):
    """The arrays are mapped, and are the reader's own."""
    puzzles = read_puzzles(built)
    before = load(built, "inputs")
    puzzles.clues[:] = 0
    np.testing.assert_array_equal(load(built, "inputs"), before)


def test_labels_may_be_absent(built):
    """Then there are no solutions."""
    (built / "test" / "all__labels.npy").unlink()
    assert read_puzzles(built).solutions is None


@pytest.mark.parametrize("name", ["inputs", "labels"])
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda grids: grids[:-1], "4"),
        (lambda grids: grids.astype(np.int64), "int64"),
        (lambda grids: grids[:, :16], "(5, 16)"),
        (lambda grids: grids.reshape(-1), "(405,)"),
        (lambda grids: np.array(5, dtype=np.uint8), "shape ()"),
    ],
)
def test_arrays_of_another_length_shape_or_dtype_are_refused(built, name, spoil, says):
    """With the file and what is expected."""
    save(built, name, spoil(load(built, name)))
    error = refused(built)
    assert f"all__{name}.npy" in error.what or says == "4"  # of two lengths neither is the wrong one
    assert "all__labels.npy" in error.what or says != "4"
    assert says in error.what


def test_an_empty_set_is_refused(built):
    """No rows are no result."""
    for name in ("inputs", "labels"):
        save(built, name, load(built, name)[:0])
    assert "all__inputs.npy: it holds no puzzle" in refused(built).what


@pytest.mark.parametrize(
    ("name", "row", "cell", "token", "says"),
    [
        ("inputs", 3, 80, 11, "row 3 (the first is 0): cell 80 is token 11, where 0 to 10"),
        ("labels", 2, 5, 0, "row 2 (the first is 0): cell 5 is token 0, where 2 to 10"),
        ("labels", 4, 0, 1, "row 4 (the first is 0): cell 0 is token 1, where 2 to 10"),
        ("labels", 1, 3, 255, "row 1 (the first is 0): cell 3 is token 255"),
    ],
)
def test_a_token_that_is_none_is_refused_with_its_row(built, name, row, cell, token, says):
    """The first bad row, the cell and the token, in the file that has it."""
    grids = load(built, name)
    grids[row:, cell] = token
    save(built, name, grids)
    assert f"all__{name}.npy: {says}" in refused(built).what


def test_a_label_that_is_no_answer_is_refused_with_its_row(built):
    """One that contradicts a clue, and one that breaks the rules; the earlier row is told."""
    labels, inputs = load(built, "labels"), load(built, "inputs")
    labels[4, [0, 1]] = labels[4, [1, 0]]  # both cells are blank
    save(built, "labels", labels)
    assert "all__labels.npy: row 4 (the first is 0): the solution has a digit twice" in refused(built).what
    inputs[2] = np.roll(inputs, 1, axis=0)[2]
    save(built, "inputs", inputs)
    said = refused(built).what
    clue, solution = inputs[2, 8] - 1, labels[2, 8] - 1
    assert f"all__labels.npy: row 2 (the first is 0): cell 8 has the clue {clue}, and {solution}" in said


def test_rows_that_were_shuffled_apart_are_found(built):
    """Inputs and labels in another order."""
    save(built, "labels", load(built, "labels")[[0, 2, 1, 3, 4]])
    error = refused(built)
    assert "row 1 (the first is 0)" in error.what
    assert "same order" in error.hint


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"seq_len": 82}, "'seq_len' is 82, where 16 or 81"),
        ({"seq_len": 900}, "'seq_len' is 900"),
        ({"seq_len": "81"}, "'seq_len' is '81'"),
        ({"seq_len": None}, "'seq_len' is None"),
        ({"vocab_size": 12}, "'vocab_size' is 12, where 11"),
        ({"seq_len": 16}, "'vocab_size' is 11, where 6"),
        ({"pad_id": 1}, "'pad_id' is 1"),
        ({"sets": ["all", "more"]}, "'sets' is ['all', 'more']"),
    ],
)
def test_facts_of_another_task_are_refused(built, facts, says):
    """With the fact, what it is and what is expected."""
    path = built / "test" / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))
    error = refused(built)
    assert says in error.what
    assert "dataset.json" in error.what


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, POINTER])
def test_facts_that_are_no_object_are_refused(built, content):
    """Whatever stands there."""
    (built / "test" / "dataset.json").write_bytes(content)
    assert "dataset.json" in refused(built).what


@pytest.mark.parametrize("name", ["all__inputs.npy", "dataset.json"])
def test_a_missing_file_is_named(built, name):
    """The inputs, and the facts, which are written last."""
    (built / "test" / name).unlink()
    assert f"{name}: it is missing" in refused(built).what


@pytest.mark.parametrize("name", ["test/all__inputs.npy", "test/all__labels.npy", "test/dataset.json", "test.csv"])
def test_a_pointer_of_git_lfs_is_known(tmp_path, name):
    """Its hint is the command that brings the file."""
    if name == "test.csv":
        (tmp_path / name).write_bytes(POINTER)
    else:
        write(tmp_path, train=toy_set(), test=toy_set())
        (tmp_path / name).write_bytes(POINTER)
    error = refused(tmp_path)
    assert "Git LFS pointer" in error.what
    assert name in error.what
    assert "git lfs pull" in error.hint


class Attack:
    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def test_nothing_is_unpickled(built, monkeypatch, tmp_path):
    """An array of objects is refused before anything in it runs."""
    monkeypatch.chdir(tmp_path)
    np.save(built / "test" / "all__inputs.npy", np.array([Attack()], dtype=object), allow_pickle=True)
    assert "no whole array" in refused(built).what
    assert not (tmp_path / "unpickled").exists()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 200), new=st.binary(max_size=30), length=st.integers(0, 600))
def test_a_damaged_array_is_refused_or_read_and_nothing_else(built, place, new, length):
    """Bytes changed in its head, and its end cut off."""
    path = built / "test" / "all__inputs.npy"
    whole = load(built, "labels")
    save(built, "inputs", whole)
    data = path.read_bytes()
    path.write_bytes((data[:place] + new + data[place + len(new) :])[:length])
    with contextlib.suppress(ManifestError):
        read_puzzles(built)
    save(built, "inputs", whole)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("source,question,answer,rating\n", "it holds no puzzle"),
        ("", "cannot be read as a table"),
        ("source,quiz,answer\na,b,c\n", "its columns are 'source', 'quiz', 'answer'"),
        ("question,question\na,b\n", "its columns are 'question', 'question'"),
        ("question,answer\n1234,1234\n", "row 1 after the header, 'question': it has 4 cells"),
        ("question\n{blank}\n{blank}\n{blank}.\n", "row 3 after the header, 'question': it has 17 cells"),
        ("question,answer\n{blank},{solved}\n{blank},\n", "row 2 after the header, 'answer': it has 0 cells"),
        ("question\n{blank}\n...5............\n", "row 2 after the header, 'question': '5' is no cell"),
        ("question,answer\n{blank},{blank}\n", "row 1 after the header, 'answer': cell 0 is token 1"),
        ("question,answer\n{blank},{solved}\n2...............,{solved}\n", "row 2 after the header, 'answer': cell 0"),
        ("question,answer\n{blank},1234123412341234\n", "row 1 after the header, 'answer': the solution has a digit"),
        ("question,answer\n{blank},{solved}\n{blank}\n", "cannot be read as a table"),
        ('question,answer\n"{blank},{solved}\n', "cannot be read as a table"),
    ],
)
def test_a_bad_table_is_refused_with_its_first_bad_row(tmp_path, table, says):
    """With the file, the row after the header, and the column."""
    path = tmp_path / "some.csv"
    path.write_text(table.format(blank="." * 16, solved="1234341221434321"))
    error = refused(path)
    assert error.what.startswith(str(path))
    assert says in error.what


def test_a_cell_may_be_any_byte_without_a_traceback(tmp_path):
    """Text that is no UTF-8 is a cell that is none."""
    path = tmp_path / "some.csv"
    path.write_bytes(b"question\n" + b"\xff" * 16 + b"\n")
    assert "row 1 after the header" in refused(path).what


def test_a_place_without_puzzles_says_what_was_looked_for(tmp_path, built):
    """Nothing, an empty folder, one split, a split that is absent, and two layouts at once."""
    assert "no such file" in refused(tmp_path / "absent").cause
    assert "too long" in refused(tmp_path / ("x" * 5000)).cause
    (tmp_path / "empty").mkdir()
    assert "test/all__inputs.npy nor test.csv" in refused(tmp_path / "empty").cause
    assert f"above it: {built}" in refused(built / "test").hint
    shutil.rmtree(built / "train")
    assert "train.csv" in refused(built, split="train").cause
    write_table(built / "test.csv", toy_set(9))
    assert "both test/ and test.csv" in refused(built).what


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    """A file stands in its place."""
    (tmp_path / "data").write_text("mine")
    with pytest.raises(FolderError) as caught:
        write(tmp_path / "data", train=toy_set(), test=toy_set())
    assert str(tmp_path / "data") in caught.value.what
    assert (tmp_path / "data").read_text() == "mine"


def test_a_file_is_there_whole_or_as_it_was(tmp_path):
    """A writer that breaks off leaves nothing of its own."""
    path = tmp_path / "file"
    write_whole(path, lambda file: file.write(b"old"))

    def break_off(file) -> None:
        file.write(b"new")
        raise EarmarkError("broken")

    with pytest.raises(EarmarkError):
        write_whole(path, break_off)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_split_that_was_broken_off_is_not_taken_for_whole(built, monkeypatch):
    """Its facts go first and come last."""
    monkeypatch.setattr(np, "save", lambda file, arr, allow_pickle: file.write(b"x") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(built, train=toy_set(9, 7), test=toy_set(9, 5))
    assert "dataset.json: it is missing" in refused(built, split="train").what
