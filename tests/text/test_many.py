"""Normalizing many texts at once gives what normalizing each of them gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.text import NORMALIZERS, load_normalizer
from earmark.text.base import normalized_all

PLAIN = st.text(st.characters(max_codepoint=127), max_size=12)


@pytest.mark.parametrize("name", ["basic", "basic-marks", "none"])
@given(
    texts=st.lists(st.one_of(PLAIN, PLAIN.map(lambda text: text.replace("\n", " ")), st.text(max_size=8)), max_size=6)
)
def test_many_texts_are_normalized_as_each_is(name, texts):
    """Line ends, brackets, control characters and other scripts among them."""
    normalizer = load_normalizer(name)
    assert normalized_all(normalizer, texts) == [normalizer(text) for text in texts]


def test_what_is_no_text_stays_none():
    """Whichever way the others take."""
    for name in ("basic", "whisper-en"):
        assert name in NORMALIZERS.entries()
        assert normalized_all(load_normalizer(name), ["A", None, "b."])[1] is None
