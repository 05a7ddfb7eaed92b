from __future__ import annotations

from collections import Counter

import pytest

from earmark.text.script import Expected, is_control, name_of


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("Hello, it's 5 o'clock – \"really\"?", ""),
        ("¿Dónde está el señor?", ""),
        ("the сat costs $5", "с$"),  # the c of cat is Cyrillic
        ("Привет, как дела?", ""),
        ("今日は、カメラがある。", ""),
        ("今日は A です。", "A"),
        ("مرحبا، كيف\u200cالحال؟ ١٢", ""),
        ("zero\u200cwidth", "\u200c"),
        ("नमस्ते, क्या हाल है।", ""),
        ("nbsp\u00a0here", "\u00a0"),
        ("cafe\u0301", "\u0301"),
        ("12 + 3", "+"),
        ("", ""),
    ],
)
def test_the_main_script_says_what_is_expected(text, strange):
    """Its letters, digits, common punctuation; look-alikes of other scripts and signs that are read out are strange."""
    expected = Expected.guess(Counter(text))
    assert "".join(one for one in dict.fromkeys(text) if one not in expected) == strange


def test_given_characters_replace_the_guess():
    """Those and the space, and nothing else."""
    expected = Expected.guess(Counter("abc"), "ab")
    assert [one for one in "a b c" if one not in expected] == ["c"]
    assert expected.sentence == "the 2 given characters and the space"


def test_control_characters_are_known_and_named():
    """Direction marks, invisible ones and half a surrogate pair, too."""
    assert all(is_control(one) for one in "\x07\u202e\ufeff\ud800")
    assert not any(is_control(one) for one in "a é日$\u0301")
    assert name_of("\u202e") == "U+202E RIGHT-TO-LEFT OVERRIDE"
    assert name_of("\x07") == "U+0007 control character"
