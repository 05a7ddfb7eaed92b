"""What is not quite data: a folder with a manifest in it, a table without a header, a column of something else."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earmark.errors import UsageError
from earmark.sources import open_source
from earmark.verbs.check import check
from tests.toys import write_wav


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / "clips" / name, 0.1)
        (tmp_path / "clips" / name).with_suffix(".json").write_text('{"audio": "a.wav", "text": "of this clip"}')
    return Path("clips")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.jsonl", '{"id": "x", "audio": "a.wav", "text": "x"}\n'),
        ("m.json", '[\n  {"text": "x", "audio_filepath": "a.wav"}\n]'),
        ("m.json", '{"data": [{"audio": "a.wav", "text": "x"}]}'),
        ("test.csv", "ID,duration, wav, wrd\nx,0.1,a.wav,x\n"),
        ("test.tsv", "client_id\tpath\tsentence\nx\ta.wav\tx\n"),
        ("m.parquet", None),
    ],
)
def test_a_folder_with_a_manifest_is_refused_with_the_manifests_name(clips, name, text):
    """Read as plain audio it would have no references, in silence; both names in the hint can be typed."""
    if text is None:
        pq.write_table(pa.table({"audio": ["a.wav"], "text": ["x"]}), clips / name)
    else:
        (clips / name).write_text(text)
    with pytest.raises(UsageError, match="is a folder with a manifest") as caught:
        open_source("./clips")
    assert caught.value.hint == f"clips/{name}; folder:clips reads it as a plain folder"
    assert [one.reference for one in open_source(f"clips/{name}").utterances()] == ["x"]
    assert len(list(open_source("folder:clips").utterances())) == 2


def test_of_several_manifests_the_likeliest_is_proposed_and_all_are_named(clips):
    """A test set before others, and what is called a manifest before a name that says nothing."""
    for name in ("x.csv", "manifest.csv", "my_test.csv"):
        (clips / name).write_text("audio,text\na.wav,x\n")
    with pytest.raises(UsageError, match="is a folder with a manifest") as caught:
        open_source("./clips")
    assert str(caught.value.hint).startswith("clips/my_test.csv; ")
    assert str(caught.value.cause).endswith("; so do manifest.csv, x.csv")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("facts.json", '{"license": "mit", "audio": {"rate": 16000}}'),
        ("speakers.csv", "speaker,audiobook\nx,y\n"),
        ("notes.jsonl", '{"text": "x"}\n'),
        (".hidden.parquet", "no parquet"),
    ],
)
def test_a_folder_with_other_tables_is_plain_audio(clips, name, text):
    """What names no audio is no manifest; nor is the JSON beside each clip."""
    (clips / name).write_text(text)
    assert [one.id for one in open_source("./clips").utterances()] == ["a", "b"]


@pytest.mark.parametrize("name", ["m.csv.gz", "m.jsonl.gz"])
def test_a_packed_manifest_is_told_how_to_unpack(clips, name):
    """It is no manifest of Lhotse's, though those are packed, too."""
    (clips / name).write_bytes(gzip.compress(b'{"audio": "a.wav", "text": "x"}\n'))
    with pytest.raises(UsageError, match=f"clips/{name} is packed") as caught:
        open_source(f"clips/{name}")
    assert caught.value.hint == f"gunzip --keep clips/{name}, and give clips/{name.removesuffix('.gz')}"


def test_one_audio_file_is_told_what_data_are(clips):
    """With its folder, which can be typed."""
    with pytest.raises(UsageError, match=r"clips/a\.wav is one audio file") as caught:
        open_source("clips/a.wav")
    assert str(caught.value.hint).startswith("clips is its folder")


def test_the_hub_in_capitals_is_told_the_prefix():
    """As any other prefix is."""
    with pytest.raises(UsageError, match="no source 'HF'") as caught:
        open_source("HF:owner/name")
    assert caught.value.hint == "did you mean hf:owner/name?"


@pytest.mark.parametrize(("name", "comma", "header"), [("m.csv", ",", "audio,..."), ("m.tsv", "\t", "audio TAB ...")])
def test_a_table_without_a_header_is_told_so(clips, name, comma, header):
    """Not as a column of a strange name that is missing; and not row by row."""
    path = clips / name
    path.write_text("".join(f"{one}.wav{comma}text {one}\n" for one in "ab"))
    for options in ({}, {"text_column": "none"}, {"text_column": "text a"}):
        with pytest.raises(UsageError, match="has no header line") as caught:
            list(open_source(str(path), **options).utterances())
        assert str(caught.value.hint).endswith(header)
        with pytest.raises(UsageError, match="has no header line"):
            check(path, **options)


def test_a_table_without_audio_is_told_all_that_it_lacks_once(clips):
    """Not row by row, and not one fault after the other."""
    path = clips / "m.csv"
    path.write_text("file,words\na.wav,x\nb.wav,y\n")
    for read in (lambda: list(open_source(str(path)).utterances()), lambda: check(path)):
        with pytest.raises(UsageError, match=r"^no audio path and no reference text in ") as caught:
            read()
        assert str(caught.value.cause).startswith("its columns are file, words; ")
    with pytest.raises(UsageError, match=r"^no audio path in "):
        check(path, text_column="words")


def test_a_header_that_looks_like_a_file_is_a_header(clips):
    """Where a column is called as columns are."""
    (clips / "m.csv").write_text("audio,text,best.wav\na.wav,x,y\n")
    (found,) = open_source("clips/m.csv").utterances()
    assert found.extra == {"best.wav": "y"}


@pytest.mark.parametrize("column", ["audio", "id", "start", "duration", "sentence_id"])
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_column_of_something_else_is_no_text(clips, column, kind):
    """Paths and ids as references would give a word error rate of nonsense."""
    row = {"sentence_id": "5f", "id": "x", "audio": "a.wav", "start": 0.0, "duration": 0.1, "sentence": "said"}
    path = clips / f"m.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), path)
    else:
        path.write_text(json.dumps(row) + "\n")
    with pytest.raises(UsageError, match=f"--text-column {column} does not hold the references") as caught:
        list(open_source(str(path), text_column=column).utterances())
    assert caught.value.hint == "--text-column sentence; none if there is no such text"
    with pytest.raises(UsageError, match="does not hold the references"):
        check(path, text_column=column)
    (found,) = open_source(str(path), text_column="sentence").utterances()
    assert found.reference == "said"
