"""What lines of text are is told by both sides, and what is no line of text is said."""

from __future__ import annotations

import pytest

from earmark.errors import ManifestError
from earmark.formats import read_transcript
from earmark.formats.sniff import format_of, formats_of
from earmark.formats.transcript import Wanted

WORDS = ("yes", "no", "well", "so", "and", "but", "oh", "then", "right", "okay")


@pytest.mark.parametrize(
    ("reference", "hypothesis", "name"),
    [
        ("yes i do\nno i dont\n", "no i do\nyes i dont\n", "lines"),
        ("yes\nno\n", "no\nyes\n", "lines"),
        ("ann hello world\nbob yes\n", "bob yes\nann hello word\n", "kaldi"),
        ("\n".join(f"{word} a" for word in WORDS), "\n".join(f"{word} b" for word in WORDS[::-1]), "kaldi"),
    ],
)
def test_a_few_words_in_another_order_are_no_ids_by_themselves(put, reference, hypothesis, name):
    """They are where they are many, or where the texts behind them fit better than the lines do."""
    assert formats_of([put("r.txt", reference), put("h.txt", hypothesis)])[0] == [name, name]


@pytest.mark.parametrize("text", ['[{"text": "a", "pred_text": "b"}]', '[\n {"id": "1",\n "reference": "a"}\n]'])
def test_an_array_of_utterances_is_no_list_of_segments(put, text):
    """Its first row says so; who says that it is one is told what else to say."""
    path = put("m.json", text)
    assert format_of(path) == "jsonl"
    with pytest.raises(ManifestError, match="no session_id and no words") as raised:
        read_transcript(path, Wanted("both"), format_name="seglst")
    assert raised.value.hint == "--from jsonl, if these are utterances"
