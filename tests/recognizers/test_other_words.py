"""What people write for the value of an option, by the words of other programs."""

from __future__ import annotations

import pytest

from earmark.errors import UsageError
from earmark.recognizers import RECOGNIZERS, load_recognizer
from earmark.recognizers.doubles import Echo
from earmark.recognizers.nemo.settings import Settings


class Choosy(Echo):
    """Has an option that is true or false, and one of each other kind."""

    def __init__(self, *, words: bool = False, sharp: bool = True, beams: int = 1) -> None:
        super().__init__()
        self.chosen = (words, sharp, beams)


@pytest.fixture
def choosy(monkeypatch):
    monkeypatch.setattr(RECOGNIZERS, "load", lambda name: Choosy)
    monkeypatch.setattr(RECOGNIZERS, "entries", lambda: {"choosy": None})


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("words", "yes", "--set words=true"),
        ("words", 1, "--set words=true"),
        ("sharp", "Off", "--set sharp=false"),
        ("words", "maybe", "--set words=true, or false"),
        ("beams", "many", "--set beams=1"),
        ("beams", True, "--set beams=1"),
    ],
)
def test_the_hint_of_a_wrong_value_says_what_was_meant(choosy, option, value, hint):
    """Not what the default is: whoever writes yes does not want false."""
    with pytest.raises(UsageError) as refused:
        load_recognizer("choosy", {option: value})
    assert refused.value.hint == hint


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("dtype", "fp16", "--set dtype=float16"),
        ("dtype", "BF16", "--set dtype=bfloat16"),
        ("dtype", "int3", "--set dtype=float32"),
        ("decoder", "tdt", "--set decoder=rnnt"),
        ("device", "gpu", "--set device=cuda"),
        ("device", "tpu", "--set device=cpu"),
        ("punctuation", "yes", "--set punctuation=true"),
    ],
)
def test_another_programs_word_is_known_for_ours(option, value, hint):
    """The hint is what was meant, not the first that there is."""
    with pytest.raises(UsageError) as refused:
        Settings(**{option: value})
    assert refused.value.hint == hint
