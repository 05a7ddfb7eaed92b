"""The texts that a language model learns from: the lines of a file, or the transcripts of utterances, as tokens.

Needs no audio. Knows no torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import ManifestError, UsageError
from earmark.text import load_normalizer
from earmark.training.examples import NO_TEXT, part_of, rank_of
from earmark.training.lessons import Speech

if TYPE_CHECKING:
    from earmark.training.examples import Piece
    from earmark.training.recipe import DataPart, DataRecipe

Tokens = Callable[[str], tuple[tuple[int, ...], str]]
"""From a text to its tokens, and the first piece of it that is none ("" where all are)."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts in one order, as the numbers of their tokens. ``dropped`` counts those that were left out, by rule."""

    ids: tuple[str, ...]
    tokens: tuple[tuple[int, ...], ...]
    dropped: dict[str, int]
    fingerprint: str
    pieces: tuple[Piece, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def sizes(self) -> NDArray[np.float64]:
        """What each costs in a batch: its tokens, and the end."""
        return np.array([len(one) + 1 for one in self.tokens], np.float64)


@dataclass(frozen=True, slots=True)
class _Read:
    """The texts of a part, each with its id and, in a file, its line."""

    name: str
    rows: list[tuple[str, int | None, str]]

    def chosen(self, is_wanted: Callable[[str], bool]) -> _Read:
        return _Read(self.name, [row for row in self.rows if is_wanted(row[0])])


def texts_of(data: DataRecipe, tokens: Tokens) -> Speech:
    """What is learnt from, and what each epoch is tried on: without a part of its own, a share by the hash of the id.

    The id of a line is its number. Raises UsageError where nothing is left, ManifestError for a text with what is no
    token, with its line or id, and what ``open_source`` raises.
    """
    train = _read(data, data.train)
    if data.valid is not None:
        return Speech(_texts(train, tokens), _texts(_read(data, data.valid), tokens))
    share = data.valid_share
    learnt = _texts(train.chosen(lambda one: rank_of(one) >= share), tokens)
    held_out = train.chosen(lambda one: rank_of(one) < share)
    if not held_out.rows:
        raise UsageError(
            f"none of the {len(train.rows):,} texts of {train.name} is held out",
            hint="data.valid.text, data.valid.where, or a larger data.valid_share",
        )
    return Speech(learnt, _texts(held_out, tokens))


def _read(data: DataRecipe, part: DataPart) -> _Read:
    normalizer = load_normalizer(data.normalizer)
    if part.text is not None:
        lines = enumerate(_lines(part.text), start=1)
        return _Read(part.text, [(f"line {number}", number, normalizer(line.strip()) or "") for number, line in lines])
    source = part_of(data, part)
    return _Read(source.name, [(one.id, None, normalizer(one.reference or "") or "") for one in source.utterances()])


def _lines(name: str) -> Iterable[str]:
    try:
        return Path(name).read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise ManifestError(name, "it is no text in UTF-8", hint="iconv -t UTF-8") from error
    except OSError as error:
        raise UsageError(f"the text {name} cannot be read", cause=error.strerror or str(error)) from error


def _texts(read: _Read, tokens: Tokens) -> Texts:
    found = [(name, line, text, *tokens(text)) for name, line, text in read.rows if text]
    if not found:
        raise UsageError(
            f"nothing is left of {read.name} to learn from, or to try on",
            cause=f"{len(read.rows):,} texts, all of them empty",
        )
    wrong = [(name, line, unknown) for name, line, _, _, unknown in found if unknown]
    if wrong:
        raise _unknown(read.name, wrong)
    rows: list[Any] = [(name, text, ids) for name, _, text, ids, _ in found]
    return Texts(
        ids=tuple(name for name, *_ in found),
        tokens=tuple(ids for _, _, ids in rows),
        dropped={NO_TEXT: len(read.rows) - len(found)} if len(found) < len(read.rows) else {},
        fingerprint=hashlib.sha256("\n".join(json.dumps(one) for one in rows).encode()).hexdigest(),
    )


def _unknown(name: str, wrong: list[tuple[str, int | None, str]]) -> ManifestError:
    first, line, unknown = wrong[0]
    where = "" if line is not None else f" of {first!r}"
    more = f", and {len(wrong) - 1:,} more texts have such" if wrong[1:] else ""
    return ManifestError(
        name,
        f"{unknown!r} in the text{where} is no label of the tokenizer{more}",
        line=line,
        hint="data.normalizer, or take these texts out",
    )
