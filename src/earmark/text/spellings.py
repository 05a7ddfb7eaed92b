"""British words and their American spelling, read from ``data/english_spellings.tsv``.

Source: the table of whisper_normalizer 0.1.15 (MIT), which is OpenAI Whisper's (MIT), which is taken from
www.tysto.com/uk-us-spelling-list.html; with its blemishes, since they are in every number that was made with it.
"""

from __future__ import annotations

from importlib.resources import files


def _read_table() -> dict[str, str]:
    lines = (files("earmark.text") / "data" / "english_spellings.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


AMERICAN_SPELLINGS = _read_table()
_BRITISH = frozenset(AMERICAN_SPELLINGS)


def americanize(words: list[str]) -> list[str]:
    """``words`` with every word of the table in its American spelling."""
    if _BRITISH.isdisjoint(words):
        return words
    return [AMERICAN_SPELLINGS.get(word, word) for word in words]
