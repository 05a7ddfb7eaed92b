"""Recordings in pieces, as the Open ASR leaderboard's results have them, become one utterance each."""

from __future__ import annotations

import json

import pytest

from earmark.errors import ManifestError, UsageError
from earmark.formats import read_transcript
from earmark.formats.matching import both_in_one
from earmark.formats.transcript import Wanted
from tests.formats.views import hypotheses, references, rows

BOTH = Wanted("both")


def test_pieces_of_a_recording_are_joined_as_the_leaderboard_does(put):
    """By chunk_index, whatever the order of the lines; blank pieces leave no space; durations add up."""
    rows = [
        {
            "audio_filepath": f"p{k}",
            "parent_id": "p",
            "chunk_index": k,
            "duration": 30,
            "text": "all",
            "pred_text": text,
        }
        for k, text in ((1, " "), (2, "c"), (0, "a "))
    ]
    found = read_transcript(put("long.jsonl", rows), BOTH)
    assert (references(found), hypotheses(found)) == ({"p": "all"}, {"long": ["a c"]})
    assert found.rows["duration_s"].to_pylist() == [90]


def test_a_missing_piece_of_a_recording_is_refused(put):
    """It would be counted as deletions that the model did not make."""
    rows = [
        {"audio_filepath": f"p{k}", "parent_id": "p", "chunk_index": k, "text": "all", "pred_text": "a"} for k in (0, 2)
    ]
    with pytest.raises(ManifestError, match="the pieces of 'p' are 0, 2"):
        read_transcript(put("long.jsonl", rows), BOTH)


def test_pieces_of_a_recording_have_one_reference(put):
    """Of two references one would be dropped without a word."""
    rows = [
        {"audio_filepath": f"p{k}", "parent_id": "p", "chunk_index": k, "text": text, "pred_text": "a"}
        for k, text in enumerate(("all", "other"))
    ]
    with pytest.raises(ManifestError, match=r"long\.jsonl:2: the reference of a piece of 'p'"):
        read_transcript(put("long.jsonl", rows), BOTH)


def test_a_recording_is_named_by_a_text(put):
    """A list is refused with its line, and not hashed."""
    line = '{"audio_filepath": "a", "duration": 1, "text": "a", "pred_text": "a", "parent_id": ["x"], "chunk_index": 0}'
    with pytest.raises(ManifestError, match="'parent_id' holds a list"):
        read_transcript(put("m.jsonl", line + "\n"), Wanted("both"))


def piece(index, pred_text, parent="r1", **more):
    return {"parent_id": parent, "chunk_index": index, "text": "a b c", "pred_text": pred_text, **more}


WHOLE = {"audio_filepath": "s.wav", "text": "ok", "pred_text": "ok"}


@pytest.mark.parametrize(
    "content",
    [
        [piece(0, "a b", audio_filepath="r_0.wav"), piece(1, "c", audio_filepath="r_1.wav")],
        [piece(0, "a b", id="r1-0"), piece(1, "c", id="r1-1")],
        [piece(0, "a b"), piece(1, "c")],
        [piece(1, "c"), piece(0, "a b")],
    ],
)
def test_pieces_need_neither_audio_nor_id(put, content):
    """The parent is the id, whatever else the pieces are called."""
    found = read_transcript(put("m.jsonl", content), BOTH)
    assert (references(found), hypotheses(found), found.is_keyed) == ({"r1": "a b c"}, {"m": ["a b c"]}, True)


def test_pieces_may_come_after_whole_recordings(put):
    """The first row does not say whether there are any; the order is that of the first pieces."""
    pieces = [piece(k, text, audio_filepath=f"r_{k}.wav") for k, text in enumerate(("a b", "c"))]
    content = [WHOLE, pieces[0], WHOLE | {"audio_filepath": "t.wav", "parent_id": None}, pieces[1]]
    found = read_transcript(put("m.jsonl", content), BOTH)
    assert references(found) == {"s": "ok", "r1": "a b c", "t": "ok"}
    assert hypotheses(found) == {"m": ["ok", "a b c", "ok"]}


def test_parents_are_ids_as_they_are(put):
    """Nothing behind a point is taken for a suffix."""
    content = [piece(0, "a", parent=parent, audio_filepath="x") for parent in ("talk.1", "talk.2")]
    assert list(references(read_transcript(put("m.jsonl", content), BOTH))) == ["talk.1", "talk.2"]


def test_pieces_of_hypotheses_meet_a_whole_reference(pair):
    """By the recording's name."""
    pieces = [{"parent_id": "r1", "chunk_index": k, "pred_text": text} for k, text in enumerate(("a b", "c"))]
    outputs = pair(("r.jsonl", [{"audio_filepath": "r1.wav", "text": "a b c"}]), ("h.jsonl", pieces))
    assert rows(outputs) == {"r1": ("a b c", "a b c")}


@pytest.mark.parametrize("lost", [piece(1, None), {k: v for k, v in piece(1, "").items() if k != "pred_text"}])
def test_a_piece_without_hypothesis_leaves_the_recording_without(put, lost):
    """It would be counted as deletions that the model did not make."""
    found = read_transcript(put("m.jsonl", [piece(0, "a b"), lost]), BOTH)
    assert hypotheses(found) == {"m": [None]}
    with pytest.raises(UsageError, match=r"1 reference has no hypothesis \(first: 'r1'\)"):
        both_in_one(found, "error")


def test_numbers_in_pieces_are_texts_and_seconds(put):
    """A digit that was recognized, and durations that are written as text, count."""
    content = [piece(0, "a", duration="1.5"), piece(1, 8, duration=2)]
    found = read_transcript(put("m.jsonl", content), BOTH)
    assert hypotheses(found) == {"m": ["a 8"]}
    assert found.rows["duration_s"].to_pylist() == [3.5]


def test_what_all_pieces_agree_in_is_kept(put):
    """For slices; what they differ in is of no recording."""
    content = [piece(k, "a", speaker="s", lang="en", domain="x", model_time=k) for k in (0, 1)]
    found = read_transcript(put("m.jsonl", content), BOTH).rows
    assert (found["speaker"].to_pylist(), found["language"].to_pylist()) == (["s"], ["en"])
    assert json.loads(found["extra"][0].as_py()) == {"domain": "x"}


def test_pieces_in_a_table_of_cells_are_joined(put):
    """Numbers are text there, and an empty cell is an empty text."""
    text = "parent_id,chunk_index,text,pred_text\nr1,0,a b,a\nr1,1,a b,\nr2,0,c,c\n"
    found = read_transcript(put("m.csv", text), BOTH)
    assert (references(found), hypotheses(found)) == ({"r1": "a b", "r2": "c"}, {"m": ["a", "c"]})


def test_pieces_of_several_systems_in_an_object_are_joined(put):
    """Each system's, and one that lacks a piece has no hypothesis."""
    content = [
        {"parent_id": "r", "chunk_index": k, "text": "a b", "hypotheses": systems}
        for k, systems in enumerate(({"x": "a", "y": "a"}, {"x": "b", "y": None}))
    ]
    assert hypotheses(read_transcript(put("m.jsonl", content), BOTH)) == {"x": ["a b"], "y": [None]}
