"""Words and what is written in their place, read from ``data/*.tsv``. It knows no rules.

Sources: British and American spellings are the table of whisper_normalizer 0.1.15 (MIT), which is OpenAI Whisper's
(MIT), which is taken from www.tysto.com/uk-us-spelling-list.html; with its blemishes, since they are in every number
that was made with it. Names, and how the spellings were changed, are those of the Open ASR leaderboard (Apache-2.0) at
commit d1e99b2.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files


def _read_table(name: str) -> dict[str, str]:
    lines = (files("earmark.text") / "data" / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


AMERICAN_SPELLINGS = _read_table("english_spellings.tsv")


def read_leaderboard_spellings() -> dict[str, str]:
    """The leaderboard's spellings: Whisper's with its changes, of which an empty one takes a word out of the table."""
    changed = AMERICAN_SPELLINGS | _read_table("open_asr_spelling_changes.tsv")
    return {word: spelling for word, spelling in changed.items() if spelling}


def read_leaderboard_names() -> dict[str, str]:
    """The leaderboard's variants of first and last names, each with the one that stands for all."""
    return _read_table("open_asr_names.tsv")


def replace_words(words: list[str], table: Mapping[str, str]) -> list[str]:
    """``words`` with every word that ``table`` has replaced."""
    if table.keys().isdisjoint(words):
        return words
    return [table.get(word, word) for word in words]
