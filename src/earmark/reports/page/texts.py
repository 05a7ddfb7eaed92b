"""What a page keeps of each utterance as text, a chunk of rows at a time. It knows no file and no page.

Most of it repeats: a hypothesis its reference, a text as it was written the normalized one. Where one repeats another
it is a number (``SAME``, ``UPPER``), and the four texts of a row stand side by side, where gzip finds what they share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

SAME, UPPER = 0, 1
"""In the place of a text: it is the one that it repeats, or that one in capitals."""

Tokens = Callable[[str], list[str]]
Shown = str | list[str] | None


def shown(text: str | None, tokens: Tokens) -> Shown:
    """A normalized text as the page splits it: at single spaces, or already split where its scorer splits otherwise."""
    if text is None:
        return None
    found = tokens(text)
    return " ".join(found) if found == text.split() else found


def text_chunk(scores: pa.Table, tokens: Tokens) -> dict[str, Any]:
    """Rows of schema.SCORES as a page holds them.

    ``texts`` has four entries a row: the reference, as it was written, the hypothesis, as it was written. Of the second
    and the fourth ``SAME`` and ``UPPER`` mean the entry before; of the third ``SAME`` means the reference.
    ``alignments`` are codes, ``SAME`` where there is no error. ``reasons`` are by row, of those that have one.
    """
    reasons = scores["reason"].to_pylist()
    return {
        "ids": scores["id"].to_pylist(),
        "texts": _texts(scores, tokens),
        "alignments": alignments(scores),
        "reasons": {str(row): reason for row, reason in enumerate(reasons) if reason is not None},
    }


def other_chunk(scores: pa.Table, references: Sequence[Shown], tokens: Tokens) -> dict[str, Any]:
    """The same of another run of the same utterances: only what it heard, two entries a row, and the alignments."""
    texts: list[Any] = []
    pairs = zip(
        references, *(scores[name].to_pylist() for name in ("hypothesis_normalized", "hypothesis")), strict=True
    )
    for reference, heard, raw in pairs:
        entry = shown(heard, tokens)
        texts += [SAME if entry is not None and entry == reference else entry, _raw(raw, entry)]
    return {"texts": texts, "alignments": alignments(scores)}


def alignments(scores: pa.Table) -> list[str | int]:
    """The codes of the alignments, ``SAME`` where all words are hits; empty where nothing was aligned."""
    names = ("substitutions", "deletions", "insertions")
    errors = zip(*(scores[name].to_pylist() for name in names), strict=True)
    codes = scores["alignment"].to_pylist()
    return [
        "" if code is None else SAME if not any(numbers) and "J" not in code and "P" not in code else code
        for code, numbers in zip(codes, errors, strict=True)
    ]


def _texts(scores: pa.Table, tokens: Tokens) -> list[Any]:
    names = ("reference_normalized", "reference", "hypothesis_normalized", "hypothesis")
    rows = zip(*(scores[name].to_pylist() for name in names), strict=True)
    texts: list[Any] = []
    for reference, raw_reference, hypothesis, raw_hypothesis in rows:
        said = shown(reference, tokens)
        heard = said if hypothesis == reference else shown(hypothesis, tokens)
        texts.append(said)
        texts.append(_raw(raw_reference, said))
        texts.append(SAME if heard is not None and heard == said else heard)
        texts.append(_raw(raw_hypothesis, heard))
    return texts


def _raw(raw: str | None, entry: Shown) -> str | int | None:
    if raw is None or not isinstance(entry, str):
        return raw
    if raw == entry:
        return SAME
    return UPPER if raw == entry.upper() else raw
