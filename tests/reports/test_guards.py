"""The guard rails: each rule on both sides of its edges, and what they say of real outputs."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.reports.guards import GUARDS, MEANINGS, RULES, FlagTally, _Units, longest_repetition, with_flags
from earmark.text import load_normalizer
from tests.reports.tables import Pair, tables

THIRTY = " ".join(f"w{number}" for number in range(30))


def flags(*pairs: Pair) -> list[list[str]]:
    return with_flags(*tables(pairs))["flags"].to_pylist()


def head(number: int, *others: str) -> str:
    """The first words of ``THIRTY``, and then others."""
    return " ".join([*THIRTY.split()[:number], *others])


def audio(seconds: float, level: float | None = None) -> tuple[tuple[float, float | None], ...]:
    return ((seconds, level),)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "is_loop"),
    [
        ("he gazed about astonished", "he gazed about" + " astonished" * 5, True),
        ("he gazed about astonished", "he gazed about" + " astonished" * 4, False),  # under five words
        ("we go", "we go" + " on and" * 3, True),
        ("we go", "we go" + " on and" * 2 + " on", False),  # not three times
        ("no " * 6, "no " * 9, False),  # said six times, heard less than twice as often
        ("no " * 6, "no " * 12, True),
        ("no no no totty", "no no no totty", False),
        (THIRTY, THIRTY + " thank you for watching this long and winding video of ours" * 3, True),
        (THIRTY, " ".join([THIRTY] * 3), False),  # a phrase of thirty words
        ("何か", "ありがとう" * 3, True),
        ("何か言った", "ありがとう", False),
        ("", "", False),
    ],
)
def test_a_loop_is_a_phrase_over_and_over(reference, hypothesis, is_loop):
    """Three times, five words, and twice as much as is said."""
    assert ("loop" in flags(Pair(reference, hypothesis))[0]) == is_loop


def test_a_repetition_that_is_mostly_right_is_no_loop():
    """Fewer than four of the heard words are wrong."""
    said = " ".join(f"very{' ' + gap if gap else ''}" for gap in ("a", "b", "c", "d", ""))
    assert flags(Pair(said, "very very very very very")) == [[]]


@settings(deadline=None)
@given(st.lists(st.sampled_from("ab"), max_size=20))
def test_the_longest_repetition_is_that_of_trying_all_stretches(words):
    """Every stretch and every length of a phrase, looked at one by one."""
    slow = max(
        (
            stop - start
            for start in range(len(words))
            for stop in range(start + 3, len(words) + 1)
            for size in range(1, (stop - start) // 3 + 1)
            if all(words[k] == words[k - size] for k in range(start + size, stop))
        ),
        default=0,
    )
    assert longest_repetition(words) == slow


@pytest.mark.parametrize(
    ("seconds", "number", "is_long"),
    [(3.0, 29, True), (3.0, 28, False), (0.15, 1, False), (0.0, 30, False)],
)
def test_too_long_is_faster_than_anybody_speaks(seconds, number, is_long):
    """Eight words a second and half a second of slack; never where the duration is unknown."""
    assert flags(Pair("w0", head(number), pieces=audio(seconds)))[0] == (["too_long"] if is_long else [])


def test_a_fast_reference_makes_a_long_hypothesis_plausible():
    """Then the duration is wrong, or the speaker an auctioneer."""
    fits = Pair(head(20), head(29), pieces=audio(3.0))
    does_not = Pair(head(19), head(29), pieces=audio(3.0))
    assert flags(fits, does_not) == [[], ["too_long"]]


@pytest.mark.parametrize(
    ("seconds", "number", "is_short"),
    [(6.0, 4, True), (6.0, 5, False), (6.0, 0, False), (0.0, 2, False)],
)
def test_too_short_is_slower_than_anybody_speaks(seconds, number, is_short):
    """Less than a word a second beside a second of silence; no words at all have a flag of their own."""
    reference = " ".join(reversed(THIRTY.split()))
    found = flags(Pair(reference, head(number), pieces=audio(seconds)))[0]
    assert ("too_short" in found) == is_short
    assert flags(Pair(head(number), head(number), pieces=audio(seconds)))[0] == []  # a slow speaker


def test_scripts_without_spaces_are_timed_by_their_characters():
    """A sentence of Han is not one word, and Thai has about three letters for a syllable."""
    assert flags(Pair("我", "今天天气很好我们去公园" * 3, pieces=audio(3.0)))[0] == ["loop", "too_long"]
    assert flags(Pair("我", "今天天气很好我们去公园玩吧", pieces=audio(3.0)))[0] == []
    assert flags(Pair("ก", "สวัสดีครับผมชื่อสมชายยินดีที่ได้รู้จัก", pieces=audio(2.0)))[0] == []


def test_what_decoded_goes_before_what_was_stated():
    """And what was stated is taken where nothing else is known."""
    pair = Pair("w0", head(29), stated_s=30.0, pieces=audio(3.0))
    assert flags(pair, Pair("w0", head(29), stated_s=3.0)) == [["too_long"], ["too_long"]]


def test_the_pieces_of_a_long_utterance_count_together():
    """Their seconds add up, and so does their energy: one loud piece is enough to be heard."""
    quiet, loud = (10.0, -120.0), (10.0, -30.0)
    words = head(20)
    assert flags(Pair(words, words, pieces=(quiet, quiet))) == [["over_silence"]]
    assert flags(Pair(words, words, pieces=(quiet, loud))) == [[]]


@pytest.mark.parametrize(
    ("hypothesis", "stops"),
    [
        (head(25), True),
        (head(26), False),  # four words are missing
        (head(3), True),
        (head(2), False),
        (head(12, "x", "x", "x"), True),
        (head(12, "p", "q", "x", "y", "z"), False),  # the beginning is not well heard
        (head(20, "w29"), True),  # the last word happens to be there
        (" ".join(THIRTY.split()[10:]), False),  # the beginning is missing
        (" ".join(THIRTY.split()[:10] + THIRTY.split()[20:]), False),  # the middle is
        (" ".join(THIRTY.split()[::2]), False),  # words are lost everywhere
    ],
)
def test_stopping_early_is_a_good_beginning_without_an_end(hypothesis, stops):
    """Five words are missing, and nearly all that is wrong is that."""
    assert flags(Pair(THIRTY, hypothesis))[0] == (["stopped_early"] if stops else [])


def test_a_few_words_lost_on_the_way_are_no_early_stop():
    """Even where the text is long, so that its beginning is still mostly right."""
    words = [f"w{number}" for number in range(200)]
    lost = [word for number, word in enumerate(words) if number not in (20, 60, 100, 140, 180)]
    assert flags(Pair(" ".join(words), " ".join(lost))) == [[]]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "level", "found"),
    [
        ("", "thank you", None, ["over_silence"]),
        ("", "", None, []),
        ("so", "so", -70.1, ["over_silence"]),
        ("so", "so", -69.9, []),
        ("so", "", -120.0, ["empty"]),
        ("so", " \t", None, ["empty"]),
        ("so", "so", None, []),
    ],
)
def test_words_over_silence_and_silence_over_words(reference, hypothesis, level, found):
    """By the reference, or by the level of the audio where somebody measured it."""
    assert flags(Pair(reference, hypothesis, pieces=audio(0.5, level))) == [found]


def test_what_is_not_scored_has_no_flags():
    """Neither a failure nor an utterance without a reference, and the flags stay with their rows."""
    failed, skipped, empty = Pair("so", None), Pair(None, "no " * 9), Pair("so", "")
    assert flags(failed, empty, skipped, empty, failed) == [[], ["empty"], [], ["empty"], []]


def test_no_utterance_has_no_flags():
    """An empty window is one."""
    assert flags() == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.text("ab ก我", max_size=30), st.text("ab ก我", max_size=30)), max_size=6))
def test_flags_depend_on_nothing_but_the_utterance(texts):
    """The same in any company."""
    pairs = [Pair(*pair, pieces=audio(1.0, -75.0)) for pair in texts]
    assert flags(*pairs) == [flags(pair)[0] for pair in pairs]


@given(st.lists(st.text("ab \t\n\x1c\x1f\u3000é", max_size=6), max_size=8))
def test_words_are_counted_as_python_splits_them(texts):
    """With an accent or without one, which are counted in different ways."""
    counted = _Units.of(pa.chunked_array([texts], pa.string()))
    assert counted.number.tolist() == [len(text.split()) for text in texts]
    assert not counted.has_characters.any()


def test_a_tally_counts_and_keeps_the_first():
    """Over windows, three ids for a flag and no more."""
    tally = FlagTally()
    for pairs in ([Pair("so", "")] * 2, [Pair("so", "so")], [Pair("so", "")] * 3 + [Pair("", "so")]):
        tally.add(with_flags(*tables(pairs)))
    found = tally.found()
    assert list(found) == list(MEANINGS)
    assert (found["empty"].number, found["empty"].first_ids) == (5, ("u0", "u1", "u0"))
    assert (found["over_silence"].number, found["over_silence"].first_ids) == (1, ("u3",))
    assert (found["loop"].number, found["loop"].first_ids) == (0, ())


def test_the_identity_is_of_the_rules():
    """Another rule is another hash; and every flag has its rule."""
    assert GUARDS.version == "1"
    assert GUARDS.hash.startswith("5fd6c7c2"), "new rules want a new version"
    for name in MEANINGS:
        assert f"\n{name}: " in RULES


def test_real_systems_trip_the_loop_guard_alone(data_folder):
    """Of 7,860 outputs for LibriSpeech test-clean four are flagged, and all four do repeat a word."""
    lines = (data_folder / "scoring" / "librispeech-test-clean.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    found = {}
    for name in rows[0]["hypotheses"]:
        pairs = [Pair(row["reference"], row["hypotheses"][name]) for row in rows]
        for row, one in zip(rows, flags(*pairs), strict=True):
            if one:
                found[name[:2], row["id"]] = one
    looped = ["1995-1837-0017", "4507-16021-0023"]
    assert found == {(name, id_): ["loop"] for name in ("b2", "s5") for id_ in looped}


def test_a_weak_recognizer_on_real_speech_trips_none(open_data):
    """PocketSphinx, 50 % WER on 74 utterances: wrong, but none of these ways."""
    basic = load_normalizer("basic")
    kept = (open_data / "hyp.pocketsphinx-5.1.1-en-us.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in kept]
    pairs = [Pair(row["reference_normalised"], basic(row["hypothesis"]), pieces=audio(row["duration"])) for row in rows]
    assert len(pairs) == 74
    assert not any(flags(*pairs))
