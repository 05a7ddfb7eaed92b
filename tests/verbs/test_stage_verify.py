"""``verify``: a staged set is what its rows say, or it is staged again, or it is not called whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earmark import schema
from earmark.errors import FolderError, StagedMismatchError, StoreError
from earmark.records import Receipt
from earmark.sources import open_source
from earmark.store.folder import LocalFolder
from earmark.store.parts import read_part, receipts, write_part_table
from earmark.verbs import stage_attempt, stage_rows
from earmark.verbs.events import RunProgressed
from earmark.verbs.stage import stage
from tests.toys import ToySource, toy_source, write_wav


def table(folder: Path) -> list[dict]:
    return pq.read_table(folder / "utterances.parquet").to_pylist()


def are_as_the_rows_say(folder: Path) -> bool:
    rows = [row for row in table(folder) if row["sha256"]]
    return all(hashlib.sha256((folder / row["path"]).read_bytes()).hexdigest() == row["sha256"] for row in rows)


def test_a_file_that_is_gone_with_its_original_is_a_failure(tmp_path):
    """The row of the time when both were there does not win; when the original is back, the set is whole again."""
    source = toy_source(tmp_path / "audio", 4)
    stage(source, tmp_path / "set", missing_audio="fail")
    (tmp_path / "set" / table(tmp_path / "set")[1]["path"]).unlink()
    (tmp_path / "audio" / "001.wav").rename(tmp_path / "aside.wav")
    summary = stage(source, tmp_path / "set", missing_audio="fail", verify=True)
    assert (summary.num_damaged, summary.num_staged, summary.num_failed) == (1, 3, 1)
    assert table(tmp_path / "set")[1]["error_kind"] == "missing"
    (tmp_path / "aside.wav").rename(tmp_path / "audio" / "001.wav")
    summary = stage(source, tmp_path / "set", missing_audio="fail", retry_failed=True)
    assert (summary.num_new, summary.num_staged, summary.num_failed) == (1, 4, 0)
    assert stage(source, tmp_path / "set", missing_audio="fail", verify=True).num_new == 0


def test_a_mended_original_is_staged_once(tmp_path):
    """Its new bytes win over the row of the old ones, so that a second look finds nothing."""
    source = toy_source(tmp_path / "audio", 8)
    stage(source, tmp_path / "set", workers=2, engine="processes")
    write_wav(tmp_path / "audio" / "003.wav", 0.5, seed=99)
    path = tmp_path / "set" / table(tmp_path / "set")[3]["path"]
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert stage(source, tmp_path / "set", verify=True).num_new == 1
    assert are_as_the_rows_say(tmp_path / "set")
    again = stage(source, tmp_path / "set", verify=True)
    assert (again.num_damaged, again.num_new, again.num_staged) == (0, 0, 8)


def test_a_kill_after_the_damage_was_found_does_not_hide_it(tmp_path, monkeypatch):
    """The next call, without ``verify``, stages what is gone."""
    source = toy_source(tmp_path / "audio", 4)
    stage(source, tmp_path / "set")
    (tmp_path / "set" / table(tmp_path / "set")[2]["path"]).unlink()

    class KilledError(BaseException):
        pass

    def kill(*_, **__):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(stage_attempt, "shards_in_order", kill)
        with pytest.raises(KilledError):
            stage(source, tmp_path / "set", verify=True)
    assert stage(source, tmp_path / "set").num_new == 1
    assert are_as_the_rows_say(tmp_path / "set")


@pytest.mark.parametrize("name", ["utterances.parquet", "staged.json", "errors.jsonl"])
@pytest.mark.parametrize("harm", ["gone", "garbage"])
def test_the_tables_are_looked_at_as_well(tmp_path, name, harm):
    """One that is gone or has other bytes is written again, and no audio is."""
    source = toy_source(tmp_path / "audio", 4)
    (tmp_path / "audio" / "001.wav").unlink()
    stage(source, tmp_path / "set", missing_audio="skip")
    before = {path.name: path.read_bytes() for path in (tmp_path / "set").glob("*.*")}
    path = tmp_path / "set" / name
    if harm == "gone":
        path.unlink()
    elif name != "errors.jsonl":
        path.write_bytes(b"{" + path.read_bytes())
    if (name, harm) == ("staged.json", "garbage"):
        with pytest.raises(FolderError) as caught:
            stage(source, tmp_path / "set", missing_audio="skip")
        assert caught.value.hint == "--verify makes it anew"
    summary = stage(source, tmp_path / "set", missing_audio="skip", verify=True)
    assert (summary.num_new, summary.num_staged, summary.num_skipped) == (0, 3, 1)
    after = {path.name: path.read_bytes() for path in (tmp_path / "set").glob("*.*")}
    assert {name: after[name] for name in after if name != "run.log"} == {
        name: before[name] for name in before if name != "run.log"
    }
    assert len(list(open_source(str(tmp_path / "set")).utterances())) == 3


def test_rows_that_do_not_add_up_are_no_whole_set(tmp_path):
    """A part is lost between the last worker and the table: no table is written, and the same call mends it."""
    source = toy_source(tmp_path / "audio", 6)
    lost = []

    def lose(event):
        if isinstance(event, RunProgressed) and not lost:
            lost.extend((tmp_path / "set" / "parts").glob("[!.]*.parquet"))
            lost[0].unlink()

    with pytest.raises(StoreError, match=r"not whole: rows for \d of 6 utterances"):
        stage(source, tmp_path / "set", observer=lose)
    assert not (tmp_path / "set" / "utterances.parquet").exists()
    assert not json.loads((tmp_path / "set" / "staged.json").read_text())["is_complete"]
    assert stage(source, tmp_path / "set").num_staged == 6


def test_a_copy_of_a_part_changes_nothing_but_the_damaged_rows(tmp_path):
    """A row in several parts is withdrawn from all of them, and the others stay."""
    source = toy_source(tmp_path / "audio", 4)
    stage(source, tmp_path / "set")
    for part in list((tmp_path / "set" / "parts").glob("[!.]*.parquet")):
        shutil.copy(part, part.with_name(f"copy-{part.name}"))
    LocalFolder(tmp_path / "set").remove(table(tmp_path / "set")[0]["path"])
    summary = stage(source, tmp_path / "set", verify=True)
    assert (summary.num_new, summary.num_staged) == (1, 4)
    assert stage(source, tmp_path / "set", verify=True).num_new == 0


def test_the_table_is_the_same_however_many_rows_are_in_hand(tmp_path, monkeypatch):
    """Read from the parts a few at a time, across parts, with failures among them."""
    source = toy_source(tmp_path / "audio", 12)
    (tmp_path / "audio" / "005.wav").write_bytes(b"RIFF")
    stage(source, tmp_path / "one")
    monkeypatch.setattr(stage_rows, "_ROWS_AT_ONCE", 5)
    summary = stage(source, tmp_path / "other", workers=2, engine="processes")
    assert (summary.num_staged, summary.num_failed) == (11, 1)
    assert table(tmp_path / "one") == table(tmp_path / "other")
    assert stage(source, tmp_path / "other", verify=True).num_new == 0


def change_parts(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Rewrite each part with other rows and its own receipt, as somebody might who writes parts."""
    store = LocalFolder(folder)
    fingerprint = pq.read_schema(next(folder.glob("parts/*.parquet"))).metadata[b"earmark.receipt"]
    for receipt in receipts(store, json.loads(fingerprint)["spec_fingerprint"]):
        assert isinstance(receipt, Receipt)
        rows = read_part(store, receipt.part, schema.STAGED_PARTS.names).replace_schema_metadata(None)
        write_part_table(store, change(rows), receipt)


def with_first(rows: pa.Table, name: str, value: object) -> pa.Table:
    """The rows with another value in the first one."""
    place = rows.schema.get_field_index(name)
    field = rows.schema.field(place)
    return rows.set_column(place, field, pa.array([value, *rows[name].to_pylist()[1:]], field.type))


STRANGE = {
    "an index beyond the data": lambda rows: with_first(
        with_first(rows, "index", 4), "path", "audio/00000/00000004.wav"
    ),
    "an index before the data": lambda rows: with_first(
        with_first(rows, "index", -1), "path", "audio/-0001/-0000001.wav"
    ),
    "a failure far beyond the data": lambda rows: with_first(with_first(rows, "index", 2**62), "error_kind", "empty"),
    "a file of no size": lambda rows: with_first(rows, "size_bytes", None),
    "an index of text": lambda rows: rows.set_column(0, "index", rows["index"].cast(pa.string())),
    "an index that may be null": lambda rows: rows.set_column(0, "index", rows["index"]),
    "no path": lambda rows: rows.drop_columns(["path"]),
    "no index": lambda rows: rows.drop_columns(["index"]),
}


@pytest.mark.parametrize("change", STRANGE.values(), ids=STRANGE)
def test_a_part_that_no_worker_of_this_set_wrote_is_damaged(tmp_path, change):
    """Its rows count for nothing, and it is named; what it should hold is staged again, and the set is whole."""
    source = toy_source(tmp_path / "audio", 4)
    stage(source, tmp_path / "set")
    before = table(tmp_path / "set")
    change_parts(tmp_path / "set", change)
    events = []
    summary = stage(source, tmp_path / "set", observer=events.append)
    assert len(events[0].damaged_parts) == len(list((tmp_path / "set").glob("parts/*.parquet")))
    assert (summary.num_new, summary.num_staged, summary.num_failed) == (4, 4, 0)
    assert table(tmp_path / "set") == before
    assert stage(source, tmp_path / "set", verify=True).num_new == 0


@pytest.mark.parametrize("path", ["../victim.txt", "staged.json", "audio/00000/00000009.wav", "", None])
def test_a_part_that_names_another_file_is_damaged(tmp_path, path):
    """No file that is not the utterance's own is read or removed; what the part held is staged again."""
    source = toy_source(tmp_path / "audio", 4)
    stage(source, tmp_path / "set")
    before = {str(one): one.read_bytes() for one in (tmp_path / "set" / "audio").rglob("*.wav")}
    (tmp_path / "victim.txt").write_text("precious")
    change_parts(tmp_path / "set", lambda rows: with_first(rows, "path", path))
    events = []
    summary = stage(source, tmp_path / "set", verify=True, observer=events.append)
    assert len(events[0].damaged_parts) == len(list((tmp_path / "set").glob("parts/*.parquet")))
    assert (summary.num_damaged, summary.num_new, summary.num_staged) == (0, 4, 4)
    assert (tmp_path / "victim.txt").read_text() == "precious"
    assert {str(one): one.read_bytes() for one in (tmp_path / "set" / "audio").rglob("*.wav")} == before


def test_parts_whose_set_is_unknown_are_not_taken_for_others(tmp_path):
    """Beside a damaged ``staged.json`` only the data of the parts are gone on with; ``fresh`` throws the parts away."""
    source = toy_source(tmp_path / "audio", 6)
    fewer = ToySource(source.root, source.items[2:4])
    stage(source, tmp_path / "set")
    (tmp_path / "set" / "staged.json").write_bytes(b"{")
    before = {path: path.read_bytes() for path in (tmp_path / "set").rglob("*.*") if path.name != "run.log"}
    for data, how in [(fewer, "wav"), (source, "flac")]:
        with pytest.raises(StagedMismatchError) as caught:
            stage(data, tmp_path / "set", verify=True, audio_format=how)
        assert "--fresh" in caught.value.hint
    assert {path: path.read_bytes() for path in (tmp_path / "set").rglob("*.*") if path.name != "run.log"} == before
    assert stage(source, tmp_path / "set", verify=True).num_new == 0
    (tmp_path / "set" / "staged.json").write_bytes(b"{")
    assert stage(fewer, tmp_path / "set", fresh=True).num_staged == 2
    assert len(list((tmp_path / "set" / "audio").rglob("*.*"))) == 2
    assert len(table(tmp_path / "set")) == 2


def test_a_kill_after_the_facts_were_made_anew_still_verifies(tmp_path, monkeypatch):
    """The call that mends ``staged.json`` dies before it has read a file: the next one reads them all."""
    source = toy_source(tmp_path / "audio", 4)
    stage(source, tmp_path / "set")
    (tmp_path / "set" / "staged.json").write_bytes(b"{")
    (tmp_path / "set" / table(tmp_path / "set")[2]["path"]).write_bytes(b"RIFF")

    def kill(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage_rows, "sha256_of", kill)
        with pytest.raises(KeyboardInterrupt):
            stage(source, tmp_path / "set", verify=True)
    assert stage(source, tmp_path / "set").num_new == 1
    assert are_as_the_rows_say(tmp_path / "set")
