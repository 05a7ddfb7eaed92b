from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import UsageError
from earmark.spec import AS_RECORDED, AudioSpec
from earmark.sweeps.speech_variants import SpeechCell, SpeechVariant, member_of, variants_of


def test_a_number_after_a_comma_is_of_the_kind_before_it():
    """For speeds, levels and the values of a setting; and a kind can follow another."""
    assert [one.audio.speed for one in variants_of(["speed:0.9,1.0,1.1"])] == [0.9, None, 1.1]
    assert [one.audio.level_db for one in variants_of(["level:-6, 6,peak"])] == [-6.0, 6.0, None]
    assert [one.options for one in variants_of(["set:topn=1,2", "speed:0.9"])] == [{"topn": 1}, {"topn": 2}, {}]
    assert [one.name for one in variants_of(["speed:0.9+peak,1.1+level:-3"])] == [
        "speed:0.9+peak",
        "speed:1.1+level:-3",
    ]


def test_steps_are_joined_in_any_order():
    """And mean the same: speed, peak and level are done in one order."""
    (one,) = variants_of(["level:+6+set:fwdflat=false+peak+speed:0.9"])
    assert one.audio == AudioSpec(speed=0.9, level_db=6.0, normalization="peak")
    assert one.options == {"fwdflat": False}
    (other,) = variants_of(["speed:0.9+peak+level:6+set:fwdflat=false"])
    assert (other.audio, other.options) == (one.audio, one.options)


@pytest.mark.parametrize("text", ["speed:1", "speed:1.0", "level:0", "plain", "plain+speed:1+level:-0"])
def test_what_changes_nothing_is_as_recorded(text):
    """So its run is the very run that earmark eval makes."""
    (one,) = variants_of([text])
    assert one.audio == AS_RECORDED


def test_nothing_said_is_one_plain_variant():
    """A sweep over members alone."""
    assert variants_of([]) == (SpeechVariant(name="plain"),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("speed:0", "0.5 to 2"),
        ("speed:1e-9", "0.5 to 2"),
        ("speed:nan", "0.5 to 2"),
        ("speed:", "0.5 to 2"),
        ("level:inf", "-60 to 60"),
        ("pitch:2", "pitch:2"),
        ("0.9", "0.9"),
        ("", "''"),
        ("peak:3", "peak:3"),
        ("speed:0.9+speed:1.1", "speed twice"),
        ("set:a=1+set:a=2", "set:a twice"),
        ("set:a", "set:KEY=VALUE"),
    ],
)
def test_what_is_no_variant_is_refused(text, problem):
    """With the step that is wrong, or what it may be."""
    with pytest.raises(UsageError) as refused:
        variants_of([text])
    assert problem in f"{refused.value.what} {refused.value.cause}"


def test_a_member_may_have_settings():
    """Spelled as in a variant; what else a name holds is its own."""
    member = member_of("hf:owner/name+large@v1+set:beams=5+set:language=none")
    assert (member.model, member.options) == ("hf:owner/name+large@v1", {"beams": 5, "language": None})
    with pytest.raises(UsageError, match="names no model"):
        member_of("+set:beams=5")
    with pytest.raises(UsageError, match="set:KEY=VALUE"):
        member_of("echo+set:beams")


@given(st.text(max_size=200), st.text(max_size=30))
def test_a_cell_has_a_folder_of_its_own_whatever_it_is_called(model, variant):
    """One part of a path, on any file system, never a way out of the sweep's folder."""
    cell = SpeechCell(member=member_of(f"m{model}".replace("+set:", "")), variant=SpeechVariant(name=variant))
    assert cell.folder not in (".", "..")
    assert len(cell.folder) <= 100
    assert cell.folder.isascii()
    assert not set(cell.folder) & set('/\\:*?"<>| \0\n')


def test_names_that_read_alike_are_told_apart():
    """Two models whose paths differ in a character that no folder can have."""
    cells = [SpeechCell(member=member_of(name), variant=SpeechVariant(name="plain")) for name in ("a/b", "a:b")]
    assert cells[0].folder[:-8] == cells[1].folder[:-8]
    assert cells[0].folder != cells[1].folder
