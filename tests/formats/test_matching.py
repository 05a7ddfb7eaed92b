"""References and hypotheses meet by id, by number or by time, and what does not fit is refused or named."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import UsageError
from earmark.formats import read_transcript
from earmark.formats.matching import both_in_one, matched
from earmark.formats.transcript import Row, Wanted, gather
from tests.formats.views import hypotheses, rows


def test_two_formats_meet_by_id(pair):
    """In the order of the references, whatever the order of the hypotheses."""
    outputs = pair(
        ("r.trn", "a (u-1)\nb (u-2)\n"), ("h.jsonl", '{"id": "u-2", "text": "y"}\n{"id": "u-1", "text": "x"}\n')
    )
    assert rows(outputs) == {"u-1": ("a", "x"), "u-2": ("b", "y")}
    assert list(outputs.hypotheses) == ["h"]


def test_a_file_without_ids_meets_one_with_ids_by_number(pair):
    """Where they have as many."""
    assert rows(pair(("r.trn", "a (u-1)\nb (u-2)\n"), ("h.txt", "x\n\n"))) == {"u-1": ("a", "x"), "u-2": ("b", "")}


def test_ids_that_do_not_match_are_counted_on_both_sides(pair):
    """With the first of each."""
    with pytest.raises(UsageError) as raised:
        pair(("r.trn", "a (u-1)\nb (u-2)\n"), ("h.trn", "x (u-1)\ny (u-3)\nz (u-4)\n"))
    assert (
        "2 hypotheses have no reference (first: 'u-3'), 1 reference has no hypothesis (first: 'u-2')"
        in raised.value.what
    )


def test_missing_hypotheses_are_deleted_or_skipped_as_asked(pair):
    """A skipped one stays null, so that it is not scored; a deleted one is an empty text."""
    files = ("r.trn", "a (u-1)\nb (u-2)\n"), ("h.trn", "x (u-1)\n")
    deleted = pair(*files, missing="delete")
    assert rows(deleted) == {"u-1": ("a", "x"), "u-2": ("b", "")}
    assert deleted.notes == ("note: h: 1 missing hypotheses count as empty ones (--missing-hyp delete)",)
    assert rows(pair(*files, missing="skip")) == {"u-1": ("a", "x"), "u-2": ("b", None)}


def test_hypotheses_without_a_reference_are_only_skipped(pair):
    """To delete them means nothing."""
    files = ("r.trn", "a (u-1)\n"), ("h.trn", "x (u-1)\ny (u-2)\n")
    with pytest.raises(UsageError, match="1 hypothesis has no reference"):
        pair(*files, missing="delete")
    assert rows(pair(*files, missing="skip")) == {"u-1": ("a", "x")}


def test_a_null_hypothesis_is_a_missing_one():
    """Also in a file that has both."""
    both = gather("m.jsonl", [Row(1, "u", "a", hypotheses=(None,))], ("s",))
    with pytest.raises(UsageError, match=r"m\.jsonl \(s\): 1 reference has no hypothesis \(first: 'u'\)"):
        both_in_one(both, "error")
    assert both_in_one(both, "delete").hypotheses["s"].to_pylist() == [""]


def test_a_duplicate_id_is_named_with_both_lines(pair):
    """In either file."""
    with pytest.raises(UsageError, match=r"h\.trn has the id 'u-1' twice, on lines 1 and 3"):
        pair(("r.trn", "a (u-1)\nb (u-2)\n"), ("h.trn", "x (u-1)\ny (u-2)\nz (u-1)\n"))


def test_a_reference_without_text_is_named(tmp_path):
    """The first one, with its line."""
    path = tmp_path / "m.jsonl"
    path.write_text('{"id": "u", "text": "a", "pred_text": "a"}\n{"id": "v", "text": null, "pred_text": "b"}\n')
    outputs = both_in_one(read_transcript(str(path), Wanted("both")), "error")
    assert outputs.notes == (f"note: {path}: 1 row has no reference text (first: line 2, 'v')",)


def sentences(number):
    return [f"the {word} of line {k} says {k * 7919 % 1000}" for k, word in enumerate(["cat", "dog"] * (number // 2))]


@given(lost=st.integers(0, 39), is_reference=st.booleans())
def test_the_line_that_was_lost_is_found(lost, is_reference):
    """A line that is missing on either side is named to within two lines, unless it is among the very last."""
    texts = sentences(40)
    fewer = texts[:lost] + texts[lost + 1 :]
    sides = (fewer, texts) if is_reference else (texts, fewer)
    reference = gather("r", [Row(k, str(k), t) for k, t in enumerate(sides[0], 1)], (), is_keyed=False)
    file = gather("h", [Row(k, str(k), hypotheses=(t,)) for k, t in enumerate(sides[1], 1)], ("h",), is_keyed=False)
    with pytest.raises(UsageError) as raised:
        matched(reference, [file], "error")
    assert raised.value.what == f"r has {len(sides[0])} texts, h {len(sides[1])}"
    if lost < 38:
        found = re.search(r"near line (\d+) \('.+'\); from there on they are 1 apart", raised.value.cause or "")
        assert found is not None
        assert abs(int(found[1]) - (lost + 1)) <= 2


def test_systems_of_one_name_are_told_apart(pair):
    """By their folders."""
    outputs = pair(("r.txt", "a\n"), ("x/hyp.txt", "b\n"), ("y/hyp.txt", "c\n"))
    assert {name: column.to_pylist() for name, column in outputs.hypotheses.items()} == {"x-hyp": ["b"], "y-hyp": ["c"]}


def test_a_last_line_that_is_missing_is_named(pair):
    """Nothing after it is shifted, so it is told by what comes before."""
    with pytest.raises(UsageError) as raised:
        pair(("r.txt", "a b\nc d\ne f\n"), ("h.txt", "a b\nc d\n"))
    assert "first difference on line 3 ('e f')" in (raised.value.cause or "")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (("x/h.trn", "x/h.txt", "z/h-1.trn"), ["h-1-1", "h-2", "h-1"]),
        (("x/h.trn", "y/h.trn", "z/x-h.trn"), ["h-1", "y-h", "x-h"]),
        (("x/h.trn", "y/h.trn", "y/h.txt"), ["x-h", "h-2", "h-3"]),
    ],
)
def test_no_system_takes_the_name_of_another(paths, names):
    """Whatever the files are called: each text of each file is there."""
    reference = gather("r", [Row(1, "u", "a")], ())
    files = [
        gather(path, [Row(1, "u", hypotheses=(path,))], (path.partition("/")[2].partition(".")[0],)) for path in paths
    ]
    found = hypotheses(matched(reference, files, "error"))
    assert found == {name: [path] for name, path in zip(names, paths, strict=True)}


@pytest.mark.parametrize("missing", ["error", "skip", "delete"])
def test_no_id_in_common_is_an_error_whatever_is_allowed(pair, missing):
    """All would be left out, and the cause is another id: the first of each side is shown."""
    with pytest.raises(UsageError, match=r"h\.csv and .*r\.csv have no id in common") as raised:
        pair(("r.csv", "id,text\na-1,x\n"), ("h.csv", "id,hyp\nu-1,x\nu-2,y\n"), missing=missing)
    assert raised.value.cause == "the first id of the references is 'a-1', of the hypotheses 'u-1'"
    assert raised.value.hint == "--id-column NAME, or --id-column none matches by number"


def test_ids_of_audio_do_not_depend_on_the_order_of_rows(pair):
    """Where two files differ in nothing but their suffix, both keep it."""
    reference = [{"audio_filepath": f"{name}", "text": name} for name in ("a.wav", "a.flac", "b.wav")]
    hypothesis = [{"audio_filepath": row["audio_filepath"], "hyp": row["text"], "n": 1} for row in reference[::-1]]
    outputs = pair(("r.jsonl", reference), ("h.jsonl", hypothesis))
    assert rows(outputs) == {"a.wav": ("a.wav",) * 2, "a.flac": ("a.flac",) * 2, "b": ("b.wav",) * 2}
