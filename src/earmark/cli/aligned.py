"""Two aligned texts as lines for a terminal: the words one below the other, and a letter below each error.

Columns are as wide as a terminal shows their words, so that wide characters (Chinese) take two places. A text that is
written right to left has its first word at the right; marks that nobody sees keep terminals that turn such text from
turning whole lines. It knows no run.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from earmark.cli.screen import visible

HIT = "="
_COLOURS = {"S": "33", "D": "31", "I": "36", "J": "32", "P": "32"}
_LABELS = ("  REF", "  HYP", "  OPS")
_NOTHING = "***"
_LONGEST_WORD = 400
_LONG_RUN, _KEPT = 40, 12
_MOST_COLUMNS = 400
_LEFT_TO_RIGHT = "\u200e"

_Operation = tuple[str, str, str]


def aligned_lines(operations: Sequence[_Operation], width: int | None, *, has_colour: bool) -> Iterator[str]:
    """The lines of two texts, folded to ``width`` columns of a terminal (None: not folded).

    ``operations`` are a letter, what was said and what was heard. Of a long stretch without an error the middle is left
    out, and of a very long text the end; both are said.
    """
    shown, num_left_out = _shown(operations)
    is_mirrored = _is_right_to_left(operations)
    room = None if width is None else max(20, width - len(_LABELS[0]) - 1)
    columns = [_Column.of(one, room) for one in shown]
    for block in _blocks(columns, room):
        ordered = block[::-1] if is_mirrored else block
        has_error = any(column.letter for column in ordered)
        for label, row in zip(_LABELS, range(2 + has_error), strict=False):
            cells = [column.cell(row, is_mirrored=is_mirrored, has_colour=has_colour) for column in ordered]
            yield f"{label} {' '.join(cells)}".rstrip()
    if num_left_out:
        yield f"      ... {num_left_out:,} more: --format json has all of it"


class _Column:
    """One operation: its two words and its letter, in a column of ``width`` places."""

    def __init__(self, letter: str, said: str, heard: str) -> None:
        from rich.cells import cell_len

        self.letter = letter
        self._cells = (said, heard, letter)
        self._lengths = tuple(map(cell_len, self._cells))
        self.width = max(self._lengths)

    @classmethod
    def of(cls, operation: _Operation, room: int | None) -> _Column:
        letter, said, heard = operation
        words = [_fitted(word, room) if word else _NOTHING for word in (said, heard)]
        return cls("" if letter == HIT else letter, *words)

    def cell(self, row: int, *, is_mirrored: bool, has_colour: bool) -> str:
        """The word or the letter, filled up with spaces, and painted where it is part of an error."""
        text, fill = self._cells[row], " " * (self.width - self._lengths[row])
        if text and has_colour and self.letter:
            text = f"\x1b[1;{_COLOURS[self.letter]}m{text}\x1b[0m"
        if is_mirrored and text:
            text += _LEFT_TO_RIGHT
        return f"{fill}{text}" if is_mirrored else f"{text}{fill}"


def _shown(operations: Sequence[_Operation]) -> tuple[list[_Operation], int]:
    """The operations without the middle of long stretches of hits, and how many are left out at the end."""
    shown: list[_Operation] = []
    for letter, run in groupby(operations, key=lambda one: one[0]):
        same = list(run)
        if letter == HIT and len(same) > _LONG_RUN:
            gap = f"(... {len(same) - 2 * _KEPT:,} right ...)"
            same = [*same[:_KEPT], (HIT, gap, gap), *same[-_KEPT:]]
        shown += same
    return shown[:_MOST_COLUMNS], max(0, len(shown) - _MOST_COLUMNS)


def _blocks(columns: Sequence[_Column], room: int | None) -> Iterator[list[_Column]]:
    """The columns in rows that fit into ``room`` places."""
    block: list[_Column] = []
    taken = 0
    for column in columns:
        if room is not None and block and taken + column.width > room:
            yield block
            block, taken = [], 0
        block.append(column)
        taken += column.width + 1
    if block:
        yield block


def _fitted(word: str, room: int | None) -> str:
    """A word as it may be shown: nothing in it speaks to the terminal, and it is not wider than a line."""
    from rich.cells import set_cell_size

    text = visible(word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}...").replace("\n", " ")
    if room is None or len(text) * 2 <= room:
        return text
    fitted = set_cell_size(text, room)
    return text if fitted.startswith(text) else f"{set_cell_size(text, room - 3).rstrip()}..."


def _is_right_to_left(operations: Sequence[_Operation]) -> bool:
    """Whether most letters with a direction go from right to left; of a long text the beginning tells."""
    texts = "".join(said or heard for _, said, heard in operations[:_LONG_RUN])[:_LONGEST_WORD]
    found = [unicodedata.bidirectional(one) for one in texts]
    return sum(one in ("R", "AL") for one in found) > sum(one == "L" for one in found)
