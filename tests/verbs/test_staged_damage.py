"""A staged set that is not what was staged: it is missing where it is used, and mended by the line that staged it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import earmark
from earmark.errors import DamagedPartError, FolderError, ManifestError, MissingAudioError, StagedMismatchError
from earmark.recognizers.doubles import Noisy
from earmark.sources import open_source
from earmark.store.folder import LocalFolder
from earmark.verbs.stage import stage
from earmark.verbs.stage_rows import StagedParts
from tests.toys import ToySource, toy_source, write_manifest


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 6)


@pytest.fixture
def staged_set(source: ToySource, tmp_path: Path) -> Path:
    stage(write_manifest(Path(source.root, "m.jsonl"), source), tmp_path / "set")
    return tmp_path / "set"


def file_of(folder: Path, number: int) -> Path:
    return folder / pq.read_table(folder / "utterances.parquet")["path"][number].as_py()


def problem(found, kind: str):
    return next(one for one in found.problems if one.kind == kind)


def test_a_file_of_another_size_is_missing(source, staged_set, tmp_path):
    """It is never heard as what it was: an evaluation refuses, or fails it, or leaves it out, as it is asked to."""
    path = file_of(staged_set, 2)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MissingAudioError) as caught:
        earmark.evaluate(Noisy(source.texts), str(staged_set), out=str(tmp_path / "error"))
    said = f"{path.name} is not the file that was staged ({len(whole) // 2:,} bytes, the table says {len(whole):,})"
    assert caught.value.cause == said
    assert "--verify" in caught.value.hint
    failed = earmark.evaluate(
        Noisy(source.texts), str(staged_set), out=str(tmp_path / "fail"), missing_audio="fail", limit=4
    )
    assert (failed.num_utterances, failed.num_failed) == (4, 1)
    skipped = earmark.evaluate(Noisy(source.texts), str(staged_set), out=str(tmp_path / "skip"), missing_audio="skip")
    assert (skipped.num_skipped, skipped.num_failed) == (1, 0)


def test_a_look_says_that_a_file_has_another_size(staged_set):
    """Without decoding."""
    path = file_of(staged_set, 2)
    path.write_bytes(path.read_bytes() + b"?")
    found = earmark.check(staged_set, decode="none")
    missing = problem(found, "missing_audio")
    assert (missing.number, missing.first_id, found.exit_code) == (1, "utt-002", 2)
    assert "is not the file that was staged" in missing.detail
    assert "--verify; --missing-audio fail or skip" in missing.todo


def test_a_look_with_decoding_compares_the_bytes(staged_set):
    """A file of the very size, that decodes, is found by its digest alone."""
    path = file_of(staged_set, 3)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert not [one for one in earmark.check(staged_set, decode="none").problems if one.kind == "changed_audio"]
    changed = problem(earmark.check(staged_set, decode="all"), "changed_audio")
    assert (changed.number, changed.first_id) == (1, "utt-003")
    assert changed.todo.endswith("--verify")


def test_a_look_at_a_set_with_a_file_gone_says_what_an_evaluation_says(staged_set):
    """That it was staged, and the line that mends it; and no flag that was given is advised."""
    file_of(staged_set, 1).unlink()
    missing = problem(earmark.check(staged_set), "missing_audio")
    assert missing.detail == "it was staged, and is gone"
    assert "--verify" in missing.todo
    assert "--audio-root" not in missing.todo
    assert "--missing-audio" in missing.todo
    for rule in ("fail", "skip"):
        assert "--missing-audio" not in problem(earmark.check(staged_set, missing_audio=rule), "missing_audio").todo


def test_the_same_line_looks_at_what_is_there(source, staged_set):
    """Without verify: a file that is gone, one of another size and a damaged table are made anew, and no other."""
    data = Path(source.root, "m.jsonl")
    table = staged_set / "utterances.parquet"
    whole = table.read_bytes()
    file_of(staged_set, 0).unlink()
    file_of(staged_set, 1).write_bytes(b"RIFF")
    summary = stage(data, staged_set)
    assert (summary.num_damaged, summary.num_new, summary.num_staged) == (2, 2, 6)
    table.write_bytes(whole[:-100])
    summary = stage(data, staged_set)
    assert (summary.num_damaged, summary.num_new, summary.is_new_table) == (0, 0, True)
    assert table.read_bytes() == whole
    assert stage(data, staged_set, verify=True).num_new == 0


@pytest.mark.parametrize("harm", ["short", "gone"])
def test_a_damaged_table_is_mended_by_the_line_that_made_it(staged_set, harm):
    """The hint says so; it proposes neither to begin again nor to open what is broken."""
    table = staged_set / "utterances.parquet"
    table.write_bytes(table.read_bytes()[:-100])
    if harm == "gone":
        table.unlink()
    with pytest.raises(ManifestError) as caught:
        next(open_source(str(staged_set)).utterances())
    assert "earmark stage" in caught.value.hint
    assert "--fresh" not in caught.value.hint
    assert "--data" not in caught.value.hint


def test_a_set_without_its_facts_is_a_staged_set(source, staged_set, tmp_path):
    """Its parts say so: the same line makes the facts anew and no audio; another set is refused, or begins again."""
    data = Path(source.root, "m.jsonl")
    facts = staged_set / "staged.json"
    before = json.loads(facts.read_text())
    for verify in (False, True):
        facts.unlink()
        assert stage(data, staged_set, verify=verify).num_new == 0
        assert json.loads(facts.read_text()) == before
    other = toy_source(tmp_path / "other", 3)
    facts.unlink()
    with pytest.raises(StagedMismatchError):
        stage(other, staged_set)
    assert not facts.exists()
    assert stage(other, staged_set, fresh=True).num_staged == 3
    assert len(list((staged_set / "audio").rglob("*.wav"))) == 3


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("num_samples", -5, "it has a num_samples of -5"),
        ("size_bytes", -1, "it has a size_bytes of -1"),
        ("sha256", "0" * 63 + "G", "it has a sha256 that is none"),
        ("sha256", "0" * 64 + "\n", "it has a sha256 that is none"),
        ("id", "another", "it has rows of other utterances"),
    ],
)
def test_a_part_with_values_that_cannot_be_is_damaged(source, staged_set, column, value, problem):
    """A part of anybody's is not believed: its work counts as not done, and is done again."""
    path = next((staged_set / "parts").glob("*.parquet"))
    rows = pq.read_table(path)
    values = [*rows[column].to_pylist()[:-1], value]
    place = rows.schema.get_field_index(column)
    pq.write_table(rows.set_column(place, rows.schema.field(column), pa.array(values, rows.schema.types[place])), path)
    parts = StagedParts(LocalFolder(staged_set), "", pa.chunked_array([[one.id for one in source.items]]))
    with pytest.raises(DamagedPartError) as caught:
        parts.read(f"parts/{path.name}")
    assert caught.value.cause == problem
    summary = stage(Path(source.root, "m.jsonl"), staged_set)
    assert (summary.num_new, summary.num_staged) == (len(rows), 6)
    assert all(count > 0 for count in pq.read_table(staged_set / "utterances.parquet")["num_samples"].to_pylist())


def test_parts_of_a_run_are_no_staged_set(source, tmp_path):
    """A run that lost everything but its parts is not written into."""
    earmark.evaluate(Noisy(source.texts), source, out=str(tmp_path / "run"))
    for path in (tmp_path / "run").iterdir():
        if path.is_file():
            path.unlink()
    with pytest.raises(FolderError):
        stage(source, tmp_path / "run", fresh=True)
    assert list((tmp_path / "run" / "parts").glob("*.parquet"))


def test_the_program_says_what_the_samples_are_those_of(source, staged_set):
    """Short audio in seconds; an original that changed since is named."""
    data = Path(source.root, "m.jsonl")
    command = [sys.executable, "-m", "earmark", "stage", str(data), "--to", str(staged_set), "--engine", "inline"]
    first = Path(source.root, source.items[0].audio.uri)
    whole = first.read_bytes()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "       6 hold the very samples that a run would decode\n" in done.stdout
    assert re.search(r"^audio  \d\.\d s, ", done.stdout, re.MULTILINE)
    try:
        first.write_bytes(whole[:-2] + b"??")
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        first.write_bytes(whole)
    assert "but of originals that changed since (1 of the 6 sampled)" in done.stdout
    assert "warning: 1 of the 6 sampled audio files changed since staging began" in done.stderr
    done = subprocess.run([*command, "--verify"], capture_output=True, text=True, check=True)
    assert "note: 6 files read and compared" in done.stderr
