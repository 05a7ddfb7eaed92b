from __future__ import annotations

import dataclasses
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.reports.data_check import BadRow
from earmark.reports.data_facts import LENGTH_EDGES_S, HeaderFacts, SoundFacts, UtteranceFacts
from earmark.reports.data_fold import DataFold
from earmark.reports.data_problems import KINDS
from earmark.reports.data_tally import Place, Repeats

HEADER = HeaderFacts(4.0, 16_000, 1, "WAV/PCM_16")
NATURAL = "a sentence of some forty letters, more or less {}"


def facts(number: int, **changes: object) -> UtteranceFacts:
    fields = {
        "id": f"u{number}", "audio": f"{number}.wav", "piece": f"{number}.wav", "reference": NATURAL.format(number),
        "language": "en", "speaker": "s", "start_s": None, "stated_s": None, "has_channel": False, "is_there": True,
        "header": HEADER, **changes,
    }  # fmt: skip
    return UtteranceFacts(**fields)


def fold_of(*utterances: UtteranceFacts, missing="refuses", expected=None, bad=(), heard=None):
    fold = DataFold(lambda text: not text.strip(". "), missing, expected)
    for row in bad:
        fold.add_bad_row(row)
    for one in utterances:
        fold.add(one)
    for index, sound in (heard or {}).items():
        fold.hear(index, Place(utterances[index].id, utterances[index].audio), sound)
    places = {index: Place(one.id, one.audio) for index, one in enumerate(utterances)}
    return fold.close("toy", lambda wanted: {index: places[index] for index in wanted}, rule="all", is_complete=True)


def sound(number: int, **changes: float) -> SoundFacts:
    fields = {"duration_s": 4.0, "level_dbfs": -25.0, "offset": 0.0, "clipped_share": 0.0, **changes}
    return SoundFacts(**fields, content=struct.pack("<Q", number))


def found_kinds(check) -> dict[str, int]:
    return {problem.kind: problem.number for problem in check.problems}


def problem(check, kind):
    return next(one for one in check.problems if one.kind == kind)


def test_natural_data_have_no_problem():
    """Twelve different sentences with different audio; the verdict is that they are usable."""
    check = fold_of(*map(facts, range(12)), heard={number: sound(number) for number in range(12)})
    assert check.problems == ()
    assert (check.verdict, check.exit_code) == ("usable", 0)
    assert check.num_utterances == 12
    assert check.audio_s == 48.0
    assert check.decoded.num_utterances == 12
    assert check.references.num_words == 12 * 10
    assert check.characters.script == "LATIN"


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({"is_there": False, "header": None, "stated_s": 4.0}, {"missing_audio": 1}),
        ({"header": None, "problem": ("unreadable", "x")}, {"unreadable": 1}),
        ({"header": None, "problem": ("never_heard_of", "x")}, {"never_heard_of": 1}),
        ({"reference": None}, {"no_reference": 1}),
        ({"reference": "  "}, {"empty_reference": 1}),
        ({"reference": ". ."}, {"empty_when_normalized": 1}),
        ({"reference": "long " * 60}, {"too_fast": 1}),
        ({"header": dataclasses.replace(HEADER, duration_s=50.0)}, {"too_slow": 1}),
        ({"header": dataclasses.replace(HEADER, num_channels=2)}, {"several_channels": 1}),
        ({"header": dataclasses.replace(HEADER, num_channels=2), "has_channel": True}, {}),
        ({"stated_s": 4.2}, {"stated_duration": 1}),
        ({"stated_s": 4.1}, {}),
        ({"reference": NATURAL.format("\u202e")}, {"control_character": 1}),
        ({"reference": NATURAL.format("д$")}, {"unexpected_character": 2}),
        ({"id": "u3"}, {"duplicate_id": 1}),
        ({"piece": "3.wav"}, {"doubled_audio": 1}),
        ({"reference": NATURAL.format(3)}, {"doubled_text": 1}),
    ],
)
def test_each_trouble_is_found_alone(change, kinds):
    """One utterance of thirteen is wrong in one way, and nothing else is said."""
    utterances = [facts(number) for number in range(13)]
    utterances[7] = facts(7, **change)
    check = fold_of(*utterances)
    assert found_kinds(check) == kinds
    if "duplicate_id" in kinds:
        assert problem(check, "duplicate_id").detail == "like u3 (3.wav)"
        assert problem(check, "duplicate_id").first_at == "7.wav"
    elif kinds:
        assert check.problems[0].first_id == "u7"


@pytest.mark.parametrize(
    ("heard", "kinds"),
    [
        (("truncated", "x"), {"truncated": 1}),
        (sound(9, clipped_share=0.01), {"clipped": 1}),
        (sound(9, clipped_share=0.01, beyond_share=0.01, peak_dbfs=90.3), {"beyond_full_scale": 1}),
        (sound(9, level_dbfs=-70.0), {"silent": 1}),
        (sound(9, offset=-0.02), {"offset": 1}),
        (sound(0), {"doubled_content": 1}),
    ],
)
def test_each_sound_of_trouble_is_found(heard, kinds):
    """What a header does not tell."""
    check = fold_of(facts(0), facts(1), heard={0: sound(0), 1: heard})
    assert found_kinds(check) == kinds
    assert check.problems[0].first_id == "u1"
    assert check.decoded.num_asked == 2


def test_audio_that_is_doubled_by_name_is_told_once():
    """Not again by its content; a third copy under another name is."""
    utterances = [facts(0), facts(1, piece="0.wav"), facts(2)]
    check = fold_of(*utterances, heard={number: sound(0) for number in range(3)})
    assert found_kinds(check) == {"doubled_audio": 1, "doubled_content": 1}
    assert problem(check, "doubled_content").first_id == "u2"


@pytest.mark.parametrize(
    ("missing", "verdict", "code"), [("refuses", "refused", 2), ("fails", "fails", 3), ("look", "usable", 0)]
)
def test_missing_audio_weighs_what_the_user_says(missing, verdict, code):
    """As ``--missing-audio`` does in an evaluation."""
    check = fold_of(facts(0), facts(1, is_there=False, header=None), missing=missing)
    assert (check.verdict, check.exit_code) == (verdict, code)
    assert check.num_unknown_durations == 1


def test_bad_rows_are_counted_and_at_most_a_hundred_listed():
    """They refuse an evaluation, come first, and may be all that there is."""
    check = fold_of(bad=[BadRow("m.jsonl", line, None, "broken") for line in range(1, 251)])
    assert check.num_bad_rows == check.problems[0].number == 250
    assert [row.line for row in check.bad_rows] == list(range(1, 101))
    assert check.problems[0].first_at == "m.jsonl:1"
    assert check.exit_code == 2
    assert (check.num_utterances, check.duration_s, check.decoded.level_dbfs) == (0, None, None)


def test_the_gravest_problems_come_first():
    """Then they come in the order of the table of kinds."""
    check = fold_of(
        facts(0, reference="$ " * 3), facts(1, header=None, problem=("empty", "x")), facts(1, reference=None)
    )
    assert [one.kind for one in check.problems] == ["duplicate_id", "empty", "no_reference", "doubled_audio",
                                                    "unexpected_character"]  # fmt: skip


def test_a_handful_of_utterances_has_no_usual_speed():
    """Only what nobody can say is too fast then."""
    assert found_kinds(fold_of(facts(0), facts(1, header=dataclasses.replace(HEADER, duration_s=100.0)))) == {}
    assert found_kinds(fold_of(facts(0, reference="x" * 400))) == {"too_fast": 1}


def test_durations_that_cannot_be_are_unknown():
    """Their sum would be no number, and no JSON."""
    never = {"header": None, "is_there": False}
    check = fold_of(*(facts(number, stated_s=1e308, **never) for number in range(9)), facts(9))
    assert (check.audio_s, check.num_unknown_durations) == (4.0, 9)
    json.dumps(check.as_json(), allow_nan=False)


def test_given_characters_are_what_is_expected():
    """Whatever the script."""
    check = fold_of(facts(0, reference="ab c"), expected="ab")
    assert [(one.character, one.number) for one in check.characters.unexpected] == [("c", 1)]


@given(st.lists(st.floats(0.001, 500), min_size=1, max_size=50))
def test_every_known_length_is_in_one_bin(durations_s):
    """The edges are fixed; a bin holds its lower edge, not its upper one."""
    check = fold_of(
        *(facts(n, header=dataclasses.replace(HEADER, duration_s=one)) for n, one in enumerate(durations_s))
    )
    assert [one.from_s for one in check.durations] == list(LENGTH_EDGES_S)
    for one in check.durations:
        expected = [length for length in durations_s if one.from_s <= length < (one.to_s or float("inf"))]
        assert one.num_utterances == len(expected)
    assert check.duration_s.max == max(durations_s)


@given(st.lists(st.integers(0, 5)))
def test_repeats_are_those_that_a_set_finds(digests):
    """How many, the first, and the one that it repeats."""
    repeats, seen, again = Repeats(), {}, []
    for index, digest in enumerate(digests):
        repeats.add(2 * index, digest)
        if digest in seen:
            again.append((2 * index, seen[digest]))
        seen.setdefault(digest, 2 * index)
    assert repeats.found() == ((len(again), *again[0]) if again else None)
    assert repeats.copies().tolist() == [index for index, _ in again]


def test_the_json_has_documented_keys_in_a_stable_order():
    """It is JSON without NaN, whatever the texts hold."""
    check = fold_of(facts(0, reference="\ud800"), facts(1, reference=None, header=None, is_there=False))
    value = check.as_json()
    assert list(value)[:4] == ["schema_version", "verdict", "data", "num_utterances"]
    assert json.loads(json.dumps(value, allow_nan=False)) == json.loads(json.dumps(check.as_json()))
    assert {one["kind"] for one in value["problems"]} <= KINDS.keys()
