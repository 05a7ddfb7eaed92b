"""Words and segments meet by their times, as NIST's sclite brings them together."""

from __future__ import annotations

import json
import random
import re
import subprocess

import pytest

from earmark.errors import UsageError
from tests.formats.views import hypotheses, rows
from tests.scoring.nist import SCTK, needs_sctk

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


def test_times_may_be_written_in_any_way(pair):
    """Two STM files of the same segments are matched segment by segment."""
    outputs = pair(("r.stm", "f 1 A 0.0 1.50 a\nf 1 A 1.5 2 b\n"), ("h.stm", "f 1 A 0 1.5 x\nf 1 A 1.500 2.0 y\n"))
    assert rows(outputs) == {"f-1-A-0-1.5": ("a", "x"), "f-1-A-1.5-2": ("b", "y")}
    assert outputs.notes == ()


@pytest.mark.parametrize(
    ("ends", "word", "place"),
    [
        (("1", "2"), "0.5 1.0", 1),
        (("1", "2"), "1 0", 1),
        (("1", "2"), "1.5 1", 1),
        (("1.3", "2"), "1.3 0", 1),  # 1.3 is more than its 32 bits
        (("1.1", "2"), "1.1 0", 0),  # and 1.1 is less
    ],
)
def test_a_word_whose_middle_is_an_end_is_in_the_later_segment(pair, ends, word, place):
    """Unless there is none; ends count as the 32 bits that sclite keeps of them."""
    stm = f"f 1 A 0 {ends[0]} a\nf 1 A {ends[0]} {ends[1]} b\n"
    found = hypotheses(pair(("r.stm", stm), ("h.ctm", f"f 1 {word} w\n")))["h"]
    assert found == ["", "w"] if place else ["w", ""]


@needs_sctk
@pytest.mark.parametrize("seed", range(12))
def test_words_are_where_sclite_puts_them(pair, tmp_path, seed):
    """Times on a coarse grid, so that middles fall on ends, with and without gaps."""
    chance = random.Random(seed)
    grid = chance.choice([0.5, 0.1, 0.3])
    stm, ctm, end_s = [], [], 0.0
    for number in range(5):
        start_s = end_s + (chance.randrange(3) * grid if number else 0)
        end_s = start_s + chance.randrange(2, 8) * grid
        stm.append(f"f 1 A {start_s:.4g} {end_s:.4g} " + " ".join(chance.choices("abcd", k=2)))
    start_s = 0.0
    while start_s < end_s + grid:
        length = chance.randrange(1, 4) * grid / 2
        ctm.append(f"f 1 {start_s:.4g} {length:.4g} {chance.choice('abcd')}")
        start_s += length + chance.randrange(3) * grid / 2
    outputs = pair(("r.stm", "\n".join(stm) + "\n"), ("h.ctm", "\n".join(ctm) + "\n"))
    command = f"{SCTK} sclite -r r.stm stm -h h.ctm ctm -o pralign stdout"
    report = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    theirs = [line.replace("*", "").lower().split() for line in re.findall(r"HYP: (.*)", report)]
    assert [text.split() for text in hypotheses(outputs)["h"]] == theirs


IGNORING = "f 1 A 0 2 a b\nf 1 inter_gap 2 4 ignore_time_segment_in_scoring\nf 1 A 4 5 c\n"


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("h.stm", "f 1 A 0 1.9 a b\nf 1 A 2 3.9 noise\nf 1 X 2.5 3 more\nf 1 A 3.9 5 c\n"),
        (
            "h.json",
            json.dumps(
                [
                    {"session_id": "f", "speaker": speaker, "start_time": start_s, "end_time": end_s, "words": words}
                    for speaker, start_s, end_s, words in (
                        ("A", 0, 1.9, "a b"),
                        ("A", 2, 3.9, "noise"),
                        ("X", 2.5, 3, "more"),
                        ("A", 3.9, 5, "c"),
                    )
                ]
            ),
        ),
    ],
)
def test_what_is_heard_where_nothing_is_scored_does_not_count(pair, name, heard):
    """Also where all that a speaker says is one utterance; what is skipped stays in sight."""
    outputs = pair(("r.stm", IGNORING), (name, heard))
    assert {key.replace("-1-", "-"): texts for key, texts in rows(outputs).items()} == {
        "f-A": ("a b c", "a b c"),
        "f-inter_gap-2-4": ("ignore_time_segment_in_scoring", None),
    }
    assert outputs.rows["skip_reason"].to_pylist() == [None, "ignore_time_segment_in_scoring"]
    assert any("2 segments are left out" in note for note in outputs.notes)


def test_what_is_not_scored_on_one_channel_counts_on_another(pair):
    """The times of each channel are its own."""
    reference = IGNORING + "f 2 B 0 5 d e\n"
    outputs = pair(("r.stm", reference), ("h.stm", "f 1 A 0 5 a b c\nf 2 B 0 2 d\nf 2 B 2 4 e\n"))
    assert rows(outputs)["f-B"] == ("d e", "d e")


def test_a_speaker_heard_only_where_nothing_is_scored_has_said_nothing(pair):
    """The recognizer's answer is there, and empty."""
    outputs = pair(
        ("r.stm", "f 1 A 0 1 a\n" + IGNORING.replace(" A 0", " B 1")), ("h.stm", "f 1 A 2.1 3 x\nf 1 B 0 5 y\n")
    )
    assert rows(outputs)["f-A"] == ("a c", "")
