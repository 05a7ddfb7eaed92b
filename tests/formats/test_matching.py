"""References and hypotheses meet by id, by number or by time, and what does not fit is refused or named."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import UsageError
from earmark.formats import read_transcript
from earmark.formats.matching import both_in_one, matched
from earmark.formats.transcript import Row, Wanted, gather


@pytest.fixture
def pair(tmp_path):
    """Writes two or more files and matches them: the first is of references."""

    def pair(*files: tuple[str, str], missing: str = "error"):
        roles = ["reference", *["hypothesis"] * (len(files) - 1)]
        read = []
        for (name, text), role in zip(files, roles, strict=True):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            read.append(read_transcript(str(path), Wanted(role)))
        return matched(read[0], read[1:], missing)

    return pair


def rows(outputs):
    columns = [outputs.rows["reference"], *outputs.hypotheses.values()]
    return dict(zip(outputs.rows["id"].to_pylist(), zip(*(c.to_pylist() for c in columns), strict=True), strict=True))


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


STM = (
    "f 1 A 1 2 <o> hello world\nf 1 A 2.5 3.5 <o> ignore_time_segment_in_scoring\n"
    "f 1 B 4 5 <o> good bye\nf 1 B 8 9 <o> end\n"
)
CTM = (
    "f 1 0.1 0.2 before 0.9\nf 1 1.1 0.2 hello 0.9\nf 1 1.9 0.4 edge 0.9\nf 1 2.6 0.2 ignored 0.9\n"
    "f 1 4.5 0.2 bye 0.9\nf 1 4.1 0.2 good 0.9\nf 1 6 0.2 between 0.9\nf 1 9.5 0.2 after 0.9\n"
)


def test_words_go_into_the_segment_of_their_middle(pair):
    """In order of time; between segments into the later one, at the end into the last, as sclite does."""
    outputs = pair(("r.stm", STM), ("h.ctm", CTM))
    assert outputs.hypotheses["h"].to_pylist() == ["before hello", "edge ignored", "good bye", "between after"]


def test_a_file_without_any_word_is_missing(pair):
    """One of its segments may be empty, but a whole file is more likely lost."""
    stm = STM + "g 1 A 1 2 <o> other\n"
    with pytest.raises(UsageError, match="1 reference has no hypothesis"):
        pair(("r.stm", stm), ("h.ctm", CTM))
    assert rows(pair(("r.stm", stm), ("h.ctm", CTM), missing="delete"))["g-1-A-1-2"] == ("other", "")


def test_words_of_an_unknown_file_have_no_reference(pair):
    """They are not lost silently."""
    with pytest.raises(UsageError, match=r"1 hypothesis has no reference \(first: 'g 1'\)"):
        pair(("r.stm", STM), ("h.ctm", CTM + "g 1 1 0.1 word\n"))


def seglst(*segments):
    names = ("session_id", "speaker", "start_time", "end_time", "words")
    return json.dumps([dict(zip(names, one, strict=True)) for one in segments])


def test_the_same_segments_are_utterances(pair):
    """Session, speaker and times are the key; times may be text."""
    reference = seglst(("s", "a", 0, 1, "x"), ("s", "a", 1, 2, "y"))
    outputs = pair(("r.json", reference), ("h.json", seglst(("s", "a", "1.0", "2", "w"), ("s", "a", 0, 1, "v"))))
    assert rows(outputs) == {"s-a-0-1": ("x", "v"), "s-a-1-2": ("y", "w")}
    assert outputs.notes == ()


def test_other_segments_are_joined_by_speaker(pair):
    """All that a speaker says in a session, in order of time, and it is said."""
    reference = seglst(("s", "a", 5, 6, "y"), ("s", "a", 0, 1, "x"), ("s", "b", 1, 2, "z"))
    outputs = pair(("r.json", reference), ("h.json", seglst(("s", "a", 0, 6, "v w"), ("s", "b", 1, 2, ""))))
    assert rows(outputs) == {"s-a": ("x y", "v w"), "s-b": ("z", "")}
    assert "one utterance" in outputs.notes[0]


@pytest.mark.parametrize("times", [("1", "2.5"), ("1.0", "2.50")])
def test_a_channel_that_one_side_cannot_say_parts_nothing(pair, times):
    """SegLST has no channel: the segments of an STM file are the same ones without it."""
    segments = [
        {"session_id": "f", "start_time": 1.0, "end_time": 2.5, "speaker": "A", "words": "x"},
        {"session_id": "f", "start_time": 3, "end_time": 4, "speaker": "B", "words": "y"},
    ]
    stm = f"f 1 A {times[0]} {times[1]} a\nf 1 B 3 4 y\n"
    outputs = pair(("r.stm", stm), ("h.json", json.dumps(segments)))
    assert rows(outputs) == {"f-A-1-2.5": ("a", "x"), "f-B-3-4": ("y", "y")}
    assert outputs.notes == ()


def test_a_last_line_that_is_missing_is_named(pair):
    """Nothing after it is shifted, so it is told by what comes before."""
    with pytest.raises(UsageError) as raised:
        pair(("r.txt", "a b\nc d\ne f\n"), ("h.txt", "a b\nc d\n"))
    assert "first difference on line 3 ('e f')" in (raised.value.cause or "")
