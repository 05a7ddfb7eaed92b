"""Each format of the field is read as its users expect, and each mistake in a file is named with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earmark.errors import ManifestError, UsageError
from earmark.formats import FORMATS, read_transcript
from earmark.formats.sniff import format_of
from earmark.formats.transcript import Wanted
from tests.formats.views import hypotheses, references

BOTH, REFERENCE, HYPOTHESIS = Wanted("both"), Wanted("reference"), Wanted("hypothesis")


def test_nemo_manifest_gives_all_its_systems(put):
    """Every pred_text column is a system, and ids come from the audio's path, as in earmark eval."""
    row = {
        "audio_filepath": "a/1.wav",
        "duration": 2.5,
        "text": "x y",
        "pred_text_b1": "x",
        "pred_text_b2": "y",
        "n": 3,
    }
    found = read_transcript(put("m.json", [row]), BOTH)
    assert references(found) == {"a/1": "x y"}
    assert hypotheses(found) == {"pred_text_b1": ["x"], "pred_text_b2": ["y"]}
    assert found.rows["duration_s"].to_pylist() == [2.5]
    assert json.loads(found.rows["extra"][0].as_py()) == {"n": 3}


def test_a_single_pred_text_is_named_after_the_file(put):
    """The column says nothing of the system, and the file's name does."""
    path = put(
        "MODEL_x.jsonl", [{"audio_filepath": "sample_0", "duration": 1, "time": 0.1, "text": "a", "pred_text": "b"}]
    )
    assert hypotheses(read_transcript(path, BOTH)) == {"MODEL_x": ["b"]}


def test_an_object_of_hypotheses_gives_its_keys(put):
    """Names of systems may be anything."""
    rows = [{"id": "1", "reference": "a", "hypotheses": {"x+y": "b", "z": None}}]
    assert hypotheses(read_transcript(put("r.jsonl", rows), BOTH)) == {"x+y": ["b"], "z": [None]}


def test_a_system_that_comes_later_is_refused(put):
    """It would have no hypothesis for the rows before."""
    rows = [
        {"id": str(k), "reference": "a", "hypotheses": systems} for k, systems in enumerate(({"x": "b"}, {"y": "b"}))
    ]
    with pytest.raises(ManifestError, match=r"r\.jsonl:2: the first row has no system 'y'"):
        read_transcript(put("r.jsonl", rows), BOTH)


def test_kaldi_text_may_have_no_words(put):
    """An id alone is an empty text; a tab parts as a space does."""
    found = read_transcript(put("text", "u-1 a  b\nu-2\nu-3\tc\n"), REFERENCE)
    assert references(found) == {"u-1": "a  b", "u-2": "", "u-3": "c"}


def test_trn_has_the_id_at_the_end(put):
    """An empty text is legal, comments are left out, and a bracket without spaces is a word's own."""
    found = read_transcript(put("r.trn", ";; by hand\na b (s-1)\n(s-2)\nf(x) c (s-3) \n"), REFERENCE)
    assert references(found) == {"s-1": "a b", "s-2": "", "s-3": "f(x) c"}


@pytest.mark.parametrize("line", ["{ a / b } c (s-1)", "(uh) c (s-1)", "c (%hesitation) d (s-1)"])
def test_what_asks_sclite_to_choose_is_refused(put, line):
    """Alternatives and optional words, with the place."""
    with pytest.raises(ManifestError, match=r"r\.trn:1:\d+: alternatives .* optional"):
        read_transcript(put("r.trn", f"{line}\n"), REFERENCE)


def test_a_line_of_trn_without_an_id_is_shown(put):
    """With a caret at its end."""
    with pytest.raises(ManifestError, match=r"r\.trn:2:3: no \(id\) at the end"):
        read_transcript(put("r.trn", "a (1)\na b\n"), REFERENCE)


def test_plain_lines_lose_nothing(put):
    """Blank lines, lines of one character, spaces and Windows line ends; no newline at the end is needed."""
    found = read_transcript(put("h.txt", "a b\r\n\n x \ny"), HYPOTHESIS)
    assert hypotheses(found) == {"h": ["a b", "", " x ", "y"]}
    assert not found.is_keyed


def test_stm_segments_have_times(put):
    """Labels are no words, and what is not to be scored carries the rule."""
    text = ";; c\nf 1 A 1.5 3 <o,f0> a b\nf B spk 3 4\nf A A 4 5 <o> IGNORE_TIME_SEGMENT_IN_SCORING\n"
    rows = read_transcript(put("r.stm", text), REFERENCE).rows
    assert rows["reference"].to_pylist()[:2] == ["a b", ""]
    assert rows["channel"].to_pylist() == [0, 1, 0]
    assert rows["duration_s"].to_pylist() == [1.5, 1, 1]
    assert rows["skip_reason"].to_pylist() == [None, None, "ignore_time_segment_in_scoring"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("r.stm", "f 1 A 1\n", "fewer than"),
        ("r.stm", "f 1 A x 2 w\n", "'x' is no time"),
        ("r.stm", "f 1 A 2 1 w\n", "ends .* before it starts"),
        ("r.stm", "f 1 A nan 1 w\n", "'nan' is no time"),
        ("h.ctm", "f 1 0.1 w\n", "fewer than"),
        ("h.ctm", "f 1 0.1 0.1 <ALT_BEGIN>\n", "alternatives"),
        ("s.json", '[{"session_id": "s"}]', "segment 1: it has no start_time"),
        (
            "s.json",
            '[{"session_id": "s", "start_time": 2, "end_time": 1, "speaker": "a", "words": "w"}]',
            "no piece of",
        ),
        ("s.json", "[1]", "segment 1 is not a JSON object"),
        ("s.json", '[{"words": 1},\n{"a" 2}]', r"s\.json:2:6: not valid JSON"),
        ("r.json", '[{"text": "a"},\n{"text" 2}]', r"r\.json:2:9: not a whole JSON array"),
        ("m.jsonl", '{"text": "a", "pred_text": "b"}\n{"text" "a"}\n', r"m\.jsonl:2:9: not valid JSON"),
        ("m.jsonl", "", "is empty|no utterance"),
        ("empty.txt", "", "is empty"),
        ("r.trn", "", "no utterance"),
        ("r.txt", b"a\n\xffb\n", r"r\.txt:2:1: not UTF-8"),
        ("r.txt", "a b\n".encode("utf-16"), "UTF-16"),
        ("r.txt", b"\x1f\x8b\x08\x00", "is compressed"),
        ("m.csv", "id,text,pred_text\n1,a\n", r"m\.csv:2:4: 2 cells"),
    ],
)
def test_a_broken_file_is_named_with_the_place(put, name, text, problem):
    """File, line, and what is wrong."""
    wanted = HYPOTHESIS if name.endswith(".ctm") else BOTH if name.startswith("m.") else REFERENCE
    with pytest.raises(ManifestError, match=problem):
        read_transcript(put(name, text), wanted)


def test_a_byte_order_mark_is_no_text(put):
    """Windows writes it before UTF-8."""
    assert references(read_transcript(put("r.txt", b"\xef\xbb\xbfa b\n"), REFERENCE)) == {"1": "a b"}


def test_a_missing_file_is_said_with_a_near_one(put):
    """A typing error."""
    path = Path(put("refs.txt", "a\n"))
    with pytest.raises(ManifestError) as raised:
        read_transcript(str(path.with_name("ref.txt")), REFERENCE)
    assert raised.value.hint == f"did you mean {path}?"


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet"])
def test_tables_find_their_columns_by_name(tmp_path, name):
    """Upper and lower case are one, and other columns are kept."""
    cells = {"Utt_ID": ["u1", "u2"], "Reference": ["a b", "c"], "hypothesis": ["a", ""], "accent": ["x", "y"]}
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(pa.table(cells), path)
    else:
        mark = "," if name.endswith("csv") else "\t"
        rows = [list(cells), *zip(*cells.values(), strict=True)]
        path.write_text("".join(mark.join(row) + "\n" for row in rows))
    found = read_transcript(str(path), BOTH)
    assert references(found) == {"u1": "a b", "u2": "c"}
    assert hypotheses(found) == {"t": ["a", ""]}
    assert json.loads(found.rows["extra"][1].as_py()) == {"accent": "y"}


def test_named_columns_go_before_the_usual_ones(put):
    """Several --hyp-column are several systems under their names."""
    path = put("t.csv", "id,key,text,raw,hyp,other\n1,k,a,b,c,d\n")
    found = read_transcript(path, Wanted("both", "key", "raw", ("other", "hyp")))
    assert references(found) == {"k": "b"}
    assert hypotheses(found) == {"other": ["d"], "hyp": ["c"]}


@pytest.mark.parametrize(
    ("wanted", "problem", "hint"),
    [
        (Wanted("both"), "no hypothesis text", "--hyp-column predicted"),
        (Wanted("both", text_column="txt"), "no column 'txt'", "--text-column text"),
        (Wanted("both", hyp_columns=("predicte",)), "no column 'predicte'", "--hyp-column predicted"),
        (Wanted("both", id_column="idd"), "no column 'idd'", "--id-column id"),
    ],
)
def test_a_column_that_is_not_there_is_said_with_those_that_are(put, wanted, problem, hint):
    """And the near one is proposed."""
    with pytest.raises(UsageError, match=problem) as raised:
        read_transcript(put("t.csv", "id,text,predicted\n1,a,b\n"), wanted)
    assert raised.value.cause == "its columns are id, text, predicted"
    assert raised.value.hint == hint


def test_rows_without_ids_are_numbered(put):
    """And so are those whose ids are not to be used."""
    found = read_transcript(put("t.csv", "text,hyp\na,b\nc,d\n"), BOTH)
    assert (references(found), found.is_keyed) == ({"1": "a", "2": "c"}, False)
    found = read_transcript(put("u.csv", "id,text,hyp\nx,a,b\nx,c,d\n"), Wanted("both", id_column="none"))
    assert (references(found), found.is_keyed) == ({"1": "a", "2": "c"}, False)


@pytest.mark.parametrize("value", [None, float("nan"), ["a"], {"a": 1}, True])
def test_a_reference_that_is_no_text_is_none(put, value):
    """Its row stays, so that it can be named."""
    path = put("m.jsonl", [{"id": "1", "text": value, "pred_text": "a"}, {"id": "2", "text": 42, "pred_text": "42"}])
    assert references(read_transcript(path, BOTH)) == {"1": None, "2": "42"}


def test_one_text_is_not_both(put):
    """A file of references alone cannot be scored, and the message says with what it can."""
    with pytest.raises(UsageError) as raised:
        read_transcript(put("r.trn", "a (1)\n"), BOTH)
    assert "-r" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("name", "text", "name_of_format"),
    [
        ("x.txt", "a b c\nd\n", "lines"),
        ("x.txt", "a (s-1)\n(s-2)\n", "trn"),
        ("x.txt", "spk1-u1 a\nspk1-u2 b\n", "kaldi"),
        ("x.txt", "1 2 3\n4 5\n", "lines"),
        ("x", '{"text": "a"}\n', "jsonl"),
        ("x.json", '[{"session_id": "a"}]', "seglst"),
        ("x.json", '[{"words": "a"}', "seglst"),
        ("x.json", "[1]", "seglst"),
        ("x.json", '[\n{"text": "a"}]', "jsonl"),
        ("text", "id\n", "kaldi"),
        ("x.STM", "", "stm"),
        ("x.txt", "\n\n", "lines"),
    ],
)
def test_the_format_is_told_by_ending_and_content(put, name, text, name_of_format):
    """Kaldi's text and trn are known by their ids, also where they are called .txt."""
    assert format_of(put(name, text)) == name_of_format


def test_a_format_that_cannot_be_told_is_asked_for(put):
    """Guessing would give numbers that look right."""
    with pytest.raises(UsageError, match="cannot tell the format") as raised:
        format_of(put("hyp", "hello there\ngood bye\n"))
    assert "--from" in (raised.value.hint or "")


def test_every_format_that_is_listed_can_be_loaded():
    """And is called with path, what is wanted, and a name."""
    assert all(callable(FORMATS.load(name)) for name in FORMATS.entries())


def test_seglst_refuses_half_a_character(put):
    """As JSON Lines do: no file of ours can hold it."""
    segment = '[{"session_id": "a", "start_time": 0, "end_time": 1, "speaker": "s", "words": "\\ud800"}]'
    with pytest.raises(ManifestError, match="half of a surrogate pair"):
        read_transcript(put("x.json", segment), Wanted("reference"))
