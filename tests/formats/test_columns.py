"""Which column holds what: told by name, asked for where it cannot be told, and none that means something is lost."""

from __future__ import annotations

import pytest

from earmark.errors import ManifestError, UsageError
from earmark.formats import named, read_transcript
from earmark.formats.transcript import Wanted
from tests.formats.views import hypotheses, references, rows

BOTH, HYPOTHESIS = Wanted("both"), Wanted("hypothesis")
REFERENCES = ("r.jsonl", [{"id": "1", "text": "a b"}])


@pytest.mark.parametrize(
    ("row", "others"),
    [
        ({"id": "1", "text": "a", "asr": "b"}, "asr, text"),
        ({"id": "1", "sentence": "a", "output": None}, "output, sentence"),
        ({"id": "1", "text": "a", "reference": "b"}, "text, reference"),
    ],
)
def test_a_reference_beside_another_text_is_no_hypothesis(put, row, others):
    """Most outputs repeat the references, which have no errors against themselves."""
    with pytest.raises(UsageError, match=r"no hypothesis text in .*h\.jsonl") as raised:
        read_transcript(put("h.jsonl", [row]), HYPOTHESIS)
    assert raised.value.hint == f"--hyp-column NAME, which may be one of {others}"


def test_the_only_text_of_hypotheses_is_taken_and_said(pair, tmp_path):
    """Whatever it is called; a column that the user names needs no note."""
    hyps = ("h.jsonl", [{"id": "1", "text": "a c", "duration": 1.0}])
    outputs = pair(REFERENCES, hyps)
    assert rows(outputs) == {"1": ("a b", "a c")}
    assert outputs.notes == (f"note: hypotheses of {tmp_path / 'h.jsonl'} are its column 'text'",)
    assert pair(REFERENCES, hyps, hyp_columns=("text",)).notes == ()


@pytest.mark.parametrize("more", [{"pred_text": "a b"}, {"pred_text_x": "c"}, {"hypotheses": {"x": "c"}}])
def test_swapped_sides_are_refused(pair, tmp_path, more):
    """The references of the one file would be scored against those of the other: 0.00 %."""
    outputs, plain = ("r.jsonl", [REFERENCES[1][0] | more]), ("h.jsonl", REFERENCES[1])
    with pytest.raises(UsageError, match="as if -r and -h were swapped") as raised:
        pair(outputs, plain)
    assert repr(next(iter(more))) in (raised.value.cause or "")
    assert f"earmark score -r {tmp_path / 'h.jsonl'} -h {tmp_path / 'r.jsonl'}" in (raised.value.hint or "")
    assert rows(pair(outputs, plain, hyp_columns=("text",))) == {"1": ("a b", "a b")}


def test_an_output_file_may_hold_the_references(pair):
    """Its hypotheses are not looked at where the other side has its own."""
    outputs = pair(
        ("r.jsonl", [{"id": "1", "text": "a", "pred_text": "b"}]), ("h.jsonl", [{"id": "1", "pred_text": "c"}])
    )
    assert rows(outputs) == {"1": ("a", "c")}


@pytest.mark.parametrize("wanted", [BOTH, Wanted("both", hyp_columns=("pred_text",))])
def test_a_column_that_the_first_row_lacks_is_found(put, wanted):
    """A key that is not there is as one that is null."""
    path = put("m.jsonl", [{"id": "1", "text": "a"}, {"id": "2", "text": "b", "pred_text": "c"}])
    assert list(hypotheses(read_transcript(path, wanted)).values()) == [[None, "c"]]


@pytest.mark.parametrize("more", [{}, {"other": 1}])
def test_what_comes_later_is_used(put, more):
    """No system and no speaker is lost, with the fast path and without."""
    first = {"id": "1", "text": "a", "pred_text_x": "a"} | more
    path = put("m.jsonl", [first, first | {"id": "2", "pred_text_y": "b", "speaker": "s", "duration": 2, "lang": "en"}])
    found = read_transcript(path, BOTH)
    assert hypotheses(found) == {"pred_text_x": ["a", "a"], "pred_text_y": [None, "b"]}
    facts = [found.rows[name].to_pylist() for name in ("speaker", "duration_s", "language")]
    assert facts == [[None, "s"], [None, 2.0], [None, "en"]]


def test_hypotheses_that_come_later_are_not_replaced_by_references(put):
    """A first row that failed has a reference alone."""
    path = put("h.jsonl", [{"id": "1", "text": "a"}, {"id": "2", "text": "b", "pred_text": "c"}])
    assert hypotheses(read_transcript(path, HYPOTHESIS)) == {"h": [None, "c"]}


def test_another_text_that_comes_later_is_asked_about(put):
    """It may be what was recognized, whatever it is called."""
    path = put("h.jsonl", [{"id": "1", "text": "a"}, {"id": "2", "text": "b", "asr": "c"}])
    with pytest.raises(UsageError, match="no hypothesis text") as raised:
        read_transcript(path, HYPOTHESIS)
    assert raised.value.hint == "--hyp-column NAME, which may be one of asr, text"


def test_ids_that_come_later_are_asked_for(put):
    """A row without an id in a file of ids is named with its line."""
    path = put("m.jsonl", [{"text": "a", "pred_text": "a"}, {"id": "2", "text": "b", "pred_text": "c"}])
    with pytest.raises(ManifestError, match=r"m\.jsonl:1: no id in 'id'"):
        read_transcript(path, BOTH)


@pytest.mark.parametrize(
    ("first", "later"), [("speaker", "spk_id"), ("text", "sentence"), ("id", "utt_id"), ("hyp", "prediction")]
)
def test_a_row_that_calls_a_column_by_another_name_is_refused(put, first, later):
    """It would lose what is in it."""
    row = {"id": "1", "text": "a", "hyp": "a", "speaker": "s"}
    other = {(later if name == first else name): value for name, value in row.items()}
    with pytest.raises(ManifestError, match=rf"m\.jsonl:2: it has no '{first}', and its '{later}' may be the same"):
        read_transcript(put("m.jsonl", [row, other | {"n": 1}]), BOTH)


def test_a_system_of_the_object_can_be_chosen(put):
    """By its key, also where the first row lacks it; the others need not be known."""
    path = put(
        "m.jsonl",
        [
            {"id": "1", "reference": "a", "hypotheses": {"x": "b"}},
            {"id": "2", "reference": "a", "hypotheses": {"x": "c", "y": "d"}},
        ],
    )
    assert hypotheses(read_transcript(path, Wanted("both", hyp_columns=("x",)))) == {"x": ["b", "c"]}
    assert hypotheses(read_transcript(path, Wanted("both", hyp_columns=("y", "x")))) == {
        "y": [None, "d"],
        "x": ["b", "c"],
    }
    with pytest.raises(UsageError, match="no column 'z'") as raised:
        read_transcript(path, Wanted("both", hyp_columns=("z",)))
    assert raised.value.hint == "--hyp-column NAME, which may be one of x, y"


def test_a_row_without_an_object_has_no_hypothesis(put):
    """Also the first one."""
    path = put(
        "m.jsonl", [{"id": str(k), "reference": "a", "hypotheses": one} for k, one in enumerate((None, {"x": "b"}))]
    )
    found = read_transcript(path, BOTH)
    assert (references(found), hypotheses(found)) == ({"0": "a", "1": "a"}, {"x": [None, "b"]})


def test_a_plain_file_is_read_once_and_quickly(put, monkeypatch):
    """Columns that come and go cost only the files that have them."""
    monkeypatch.setattr(named, "checked", None)
    monkeypatch.setattr(named, "row_of_all", None)
    path = put("m.jsonl", [{"id": "1", "text": "a", "pred_text": "b"}] * 2)
    assert hypotheses(read_transcript(path, BOTH)) == {"m": ["b", "b"]}


@pytest.mark.parametrize("name", ["h.csv", "h.tsv"])
def test_a_blank_line_of_one_column_is_an_empty_text(put, name):
    """Rows that are matched by number must not shift."""
    found = read_transcript(put(name, "hyp\na b\n\nc\n"), HYPOTHESIS)
    assert hypotheses(found) == {"h": ["a b", "", "c"]}
    assert len(read_transcript(put(name, f"hyp{',' if name == 'h.csv' else chr(9)}n\na,\t1\n\n"), HYPOTHESIS)) == 1


@pytest.mark.parametrize(
    ("name", "text", "column", "pointed"),
    [
        ("m.csv", 'id,text,hyp\n1,"a, b",c,d e\n', 12, "d e"),
        ("m.csv", "id,text,hyp\n1,a\n", 4, ""),
        ("m.tsv", "id\ttext\thyp\n1\ta, b\tc\td\n", 10, "d"),
    ],
)
def test_a_wrong_number_of_cells_is_pointed_to(put, name, text, column, pointed):
    """At the first that is too many, or where cells are missing."""
    with pytest.raises(ManifestError, match=rf"{name}:2:{column}: \d cells, where the header has 3") as raised:
        read_transcript(put(name, text), BOTH)
    line, caret = (raised.value.excerpt or "").split("\n")
    assert line[caret.index("^") :] == pointed
