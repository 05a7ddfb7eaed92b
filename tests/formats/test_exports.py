"""What is written for other programs is read back as it was, and opens nowhere as a formula."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import ManifestError, UnknownNameError, UsageError
from earmark.formats.ctm import read_ctm, write_ctm
from earmark.formats.exported_run import ExportedRun
from earmark.formats.exports import EXPORTS
from earmark.formats.scored_csv import COLUMNS, read_scored_csv, write_scored_csv
from earmark.formats.scored_jsonl import read_scored_jsonl, write_scored_jsonl
from earmark.formats.transcript import Wanted
from earmark.records import Alternative, ScoredUtterance, Word

SCORED = ScoredUtterance(
    id="b",
    status="scored",
    reference="one Two",
    hypothesis="one too",
    reference_normalized="one two",
    hypothesis_normalized="one too",
    hits=1,
    substitutions=1,
    deletions=0,
    insertions=0,
    confidence=0.25,
    duration_s=1.5,
    words=(Word("one", 0.1, 0.5, 0.5), Word("too", 0.5, 1.2345)),
    alternatives=(Alternative("one too", -0.5), Alternative("one two", -1.0)),
)
SILENT = dataclasses.replace(SCORED, id="a", hypothesis="", hypothesis_normalized="", words=(), alternatives=())
FAILED = ScoredUtterance(id="c", status="failed", reason="unreadable: no audio", reference="x", duration_s=0.0)


UTTERANCES = {"words": [SCORED], "silence": [SILENT, dataclasses.replace(FAILED, duration_s=1.0)], "nothing": []}
EMPTY_SUBTITLES = {("srt", "silence"), ("srt", "nothing"), ("vtt", "nothing")}


def test_every_export_is_called_alike():
    """It yields bytes, also of nothing, or says that players refuse an empty file; an unknown one is named."""
    numbers = {"data": "hf:owner/set", "wer": 0.5, "num_scored": 1}
    rules = {role: {"name": "basic", "version": "1", "hash": "0" * 64} for role in ("normalizer", "scorer")}
    for name in EXPORTS.entries():
        for kind, utterances in UTTERANCES.items():
            pieces = EXPORTS.load(name)(ExportedRun(utterances, {**numbers, **rules}))
            if (name, kind) in EMPTY_SUBTITLES:
                with pytest.raises(UsageError, match=f"nothing to write as {name}"):
                    list(pieces)
            else:
                assert all(isinstance(piece, bytes) for piece in pieces), name
    with pytest.raises(UnknownNameError, match="export format"):
        EXPORTS.load("xls")


def test_a_ctm_has_a_word_a_line_in_the_order_of_ids(tmp_path):
    """Times in milliseconds; a confidence only where there is one; nothing for silence and failures."""
    later = dataclasses.replace(SCORED, id="a-2", words=(Word("é", 0.0, 0.0, 1.0),))
    text = b"".join(write_ctm(ExportedRun([SCORED, FAILED, SILENT, later]))).decode()
    assert text.splitlines() == [
        "a-2 1 0.000 0.000 é 1.000000",
        "b 1 0.100 0.400 one 0.500000",
        "b 1 0.500 0.734 too",
    ]
    path = tmp_path / "words.ctm"
    path.write_text(text, encoding="utf-8")
    transcript = read_ctm(str(path), Wanted("hypothesis"), "system")
    assert transcript.hypotheses["system"].to_pylist() == ["é", "one", "too"]
    assert transcript.rows["start_s"].to_pylist() == [0.0, 0.1, 0.5]
    assert transcript.rows["duration_s"].to_pylist() == [0.0, 0.4, 0.734]


def test_a_ctm_of_a_model_without_times_says_so():
    """And what holds the texts all the same."""
    with pytest.raises(UsageError, match="gave none") as refused:
        list(write_ctm(ExportedRun([dataclasses.replace(SCORED, words=None)])))
    assert "b has a text" in (refused.value.cause or "")
    assert "--to jsonl" in (refused.value.hint or "")


@pytest.mark.parametrize("broken", ["a b", "", ";;a", "<ALT_BEGIN>", "a\u2028b"])
def test_what_a_ctm_cannot_hold_is_refused(broken):
    """An id or a word that would be read as something else."""
    for one in (
        dataclasses.replace(SCORED, id=broken),
        dataclasses.replace(SCORED, words=(Word(broken, 0.0, 1.0),)),
    ):
        with pytest.raises(UsageError, match="cannot hold"):
            list(write_ctm(ExportedRun([one])))


def read_back(path: Path, pieces, read) -> list[ScoredUtterance]:
    path.write_bytes(b"".join(pieces))
    return list(read(str(path)))


def test_jsonl_comes_back_whole(tmp_path):
    """With words, confidences and n best, one object a line."""
    given = [SCORED, SILENT, FAILED, dataclasses.replace(SCORED, words=None, confidence=None, hypothesis='"\n\u2028')]
    assert read_back(tmp_path / "x.jsonl", write_scored_jsonl(given), read_scored_jsonl) == given
    first = json.loads(next(write_scored_jsonl(given)))
    assert list(first) == [field.name for field in dataclasses.fields(ScoredUtterance)]


@pytest.mark.parametrize("line", ["{}", '{"words": 1}', '{"words": [{}], "alternatives": []}'])
def test_other_jsonl_is_no_export(tmp_path, line):
    """With its line."""
    (tmp_path / "x.jsonl").write_text(f"{line}\n")
    with pytest.raises(ManifestError, match="exported run"):
        list(read_scored_jsonl(str(tmp_path / "x.jsonl")))


def in_csv(one: ScoredUtterance) -> ScoredUtterance:
    return dataclasses.replace(one, words=None, alternatives=())


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "'=1", "''-", "'tis", "plain", ' "quoted", \n two'])
def test_a_cell_is_no_formula_and_comes_back(tmp_path, text):
    """An apostrophe stands before what a spreadsheet would run, and before nothing else."""
    one = dataclasses.replace(SCORED, id=f"{text}x", hypothesis=text)
    data = b"".join(write_scored_csv([one, SILENT, FAILED]))
    header, row, *_ = csv.reader(io.StringIO(data.decode(), newline=""))
    assert tuple(header) == COLUMNS
    assert all(cell[:1] not in "=+-@\t\r" for cell in row if cell)
    assert dict(zip(header, row, strict=True))["hypothesis"] in (text, f"'{text}")
    expected = [in_csv(one), in_csv(SILENT), FAILED]
    assert read_back(tmp_path / "x.csv", [data], read_scored_csv) == expected


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=20))
def test_any_text_comes_back(tmp_path_factory, text):
    """From both tables, as the hypothesis of an utterance that was scored."""
    one = dataclasses.replace(SCORED, hypothesis=text)
    folder = tmp_path_factory.mktemp("any")
    assert read_back(folder / "x.jsonl", write_scored_jsonl([one]), read_scored_jsonl) == [one]
    assert read_back(folder / "x.csv", write_scored_csv([one]), read_scored_csv) == [in_csv(one)]


def test_another_csv_is_no_export(tmp_path):
    """With its line."""
    (tmp_path / "x.csv").write_text("id,text\n1,a\n")
    with pytest.raises(ManifestError, match="exported run"):
        list(read_scored_csv(str(tmp_path / "x.csv")))
