"""A run's folder: whose it is, and what is in it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pyarrow as pa
import pytest

from earmark.errors import FolderError, RunMismatchError, StoreError
from earmark.recognizers.doubles import Failing
from earmark.spec import Asked
from earmark.store import layout
from earmark.store.folder import TEMPORARY
from earmark.store.run import RunStore
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import RunBegan
from tests.store.parts import memory_folder
from tests.toys import toy_source, toy_spec


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    return RunStore.at(str(tmp_path / "run")) if request.param == "local" else RunStore(memory_folder())


def test_a_folder_without_a_run_has_no_spec(store):
    """Nor does asking make one."""
    assert store.spec() is None
    assert store.folder.names() == []


def test_a_folder_is_adopted_once_and_again_by_the_same_run(store):
    """Its spec comes back as it was."""
    store.adopt(toy_spec())
    store.adopt(toy_spec())
    assert store.spec() == toy_spec()


def test_another_run_is_refused_with_the_fields_that_differ(store):
    """And the one that is there stays."""
    store.adopt(toy_spec())
    other = dataclasses.replace(toy_spec(), recognizer=dataclasses.replace(toy_spec().recognizer, version="2"))
    with pytest.raises(RunMismatchError) as refused:
        store.adopt(other)
    assert refused.value.fields == {"recognizer.version": ("1", "2")}
    assert store.spec() == toy_spec()


TYPED = Asked(model="echo", data="m.jsonl", options={"seed": 1}, trust=True, text_column="said")


@pytest.mark.parametrize(
    ("later", "kept"),
    [
        (Asked(model="./echo", data="n.jsonl", channel=1), Asked(model="./echo", data="n.jsonl", channel=1)),
        (Asked(), TYPED),
        (Asked(data="m.jsonl"), dataclasses.replace(TYPED, text_column=None)),
        (Asked(model="./echo"), dataclasses.replace(TYPED, model="./echo", options={}, trust=False)),
    ],
    ids=["both named", "objects", "an object that recognizes", "an object that yields data"],
)
def test_what_was_typed_outlives_a_call_that_could_not_be_typed(store, later, kept):
    """The same run goes on from Python: what has a name there is said anew, and of the rest the words stay."""
    store.adopt(toy_spec(asked=TYPED))
    store.adopt(toy_spec(asked=later))
    assert store.spec().asked == kept
    assert store.spec().fingerprint() == toy_spec().fingerprint()


def test_a_name_of_the_data_is_no_part_of_the_identity(store):
    """The same data read from another place go on with the run."""
    store.adopt(toy_spec())
    store.adopt(dataclasses.replace(toy_spec(), data=dataclasses.replace(toy_spec().data, name="elsewhere")))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00 no text",
        b"[]",
        b"null",
        b'"spec"',
        b"{}",
        b'{"name": "somebody else\'s"}',
        b'{"recognizer": {}, "data": {}, "batching": {}, "audio": {}, "format_version": 1}',
        toy_spec().to_json().replace('"audio": {', '"audio": {"new": 1,').encode(),
    ],
)
def test_a_spec_that_is_not_ours_is_refused(store, content):
    """Torn, binary, another program's or a later version's: bad input, never a traceback, and nothing is written."""
    store.folder.write(layout.SPEC, content)
    with pytest.raises(FolderError) as refused:
        store.spec()
    assert "spec.json" in refused.value.cause
    assert store.folder.read(layout.SPEC) == content


def test_a_spec_that_cannot_be_read_is_refused(tmp_path):
    """A folder stands under its name, or the file may not be read."""
    (tmp_path / layout.SPEC).mkdir()
    with pytest.raises(FolderError, match=str(tmp_path)):
        RunStore.at(str(tmp_path)).spec()


def test_clearing_takes_all_that_a_run_makes(tmp_path):
    """After it the folder is anybody's, and what is not a run's is left."""
    source = toy_source(tmp_path / "audio", 3)
    out = tmp_path / "run"
    evaluate(Failing(source.texts, ids="utt-001"), source, out=str(out), auto_merge=True)
    (out / "notes.txt").write_text("mine")
    RunStore.at(str(out)).clear()
    left = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert [name for name in left if not name.startswith(".")] == ["notes.txt", layout.LOG]
    assert RunStore.at(str(out)).spec() is None


def test_a_sweep_is_only_needed_on_a_disk(store):
    """In an object store there are no temporary files, and it is no error."""
    store.adopt(toy_spec())
    store.sweep()
    assert store.folder.names() == [layout.SPEC]
    assert not any(TEMPORARY in name for name in store.folder.names())


def test_a_table_that_is_not_there_is_said_so(store):
    """So that who needs it can make it."""
    with pytest.raises(StoreError, match=f"has no {layout.PLAN}"):
        store.read_table(layout.PLAN)
    assert store.table(layout.PLAN) is None


def test_progress_is_of_this_run(store):
    """An empty folder has none."""
    assert store.progress(toy_spec()).receipts == store.progress(toy_spec()).damaged == ()
    store.write_table("parts/x.parquet", pa.table({"x": [1]}))
    assert [part.name for part in store.progress(toy_spec()).damaged] == ["parts/x.parquet"]


def test_a_whole_number_and_its_float_are_one_run(tmp_path):
    """A budget of 1 and one of 1.0 give the same batches: nothing is done again, and no part is called damaged."""
    source = toy_source(tmp_path / "audio", 4)
    for max_batch_s in (1, 1.0):
        events = []
        out = tmp_path / "run"
        summary = evaluate(Failing(source.texts), source, out=str(out), max_batch_s=max_batch_s, observer=events.append)
        assert summary.num_damaged_parts == 0
    began = next(event for event in events if isinstance(event, RunBegan))
    assert began.num_segments_done == 4
    assert json.loads((out / layout.SPEC).read_text())["fingerprint"] == summary.spec_fingerprint


def test_rows_are_read_from_the_groups_that_hold_them(tmp_path):
    """In their order, of the columns that are named; none are none."""
    store = RunStore.at(str(tmp_path))
    schema = pa.schema([("index", pa.int64()), ("text", pa.string())])
    with store.table_writer("x.parquet", schema) as writer:
        for first in (0, 2, 4):
            rows = {"index": [first, first + 1], "text": [str(first), str(first + 1)]}
            writer.write_table(pa.table(rows, schema=schema))
    assert store.rows("x.parquet", [1, 4, 5], ["text"]).to_pylist() == [{"text": "1"}, {"text": "4"}, {"text": "5"}]
    assert store.rows("x.parquet", [], ["text"]).to_pylist() == []
    assert [len(one) for one in store.batches("x.parquet", 4, ["index"])] == [4, 2]
