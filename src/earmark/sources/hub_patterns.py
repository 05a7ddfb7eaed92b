"""Wild cards in the names of a data set's files, in time that whoever wrote the pattern cannot stretch.

``*``, ``?`` and ``[a-z]`` mean what they mean to a shell, within one folder's or file's name; ``**`` is any number of
folders, and at the end all that lies below. It knows paths as texts, and touches no disk.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TypeVar

from earmark.errors import UsageError

LONGEST_PATTERN = 500
MOST_STEPS = 10_000_000
"""Comparisons of paths and of characters for all patterns of one README: some seconds."""

_SIGN = re.compile(r"\*+|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_MAGIC = re.compile(r"[*?\[]")

CharacterSet = Callable[[str], bool]
Name = tuple[str, "Sequence[CharacterSet | None] | None"]
"""As it is written, and what its characters may be; None for the latter where it has no wild card."""
_T = TypeVar("_T")
_S = TypeVar("_S")


class Patterns:
    """Patterns that are looked for among ``files`` (sorted paths), all within one budget of steps."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = files
        self._names = [path.split("/") for path in files]
        self._hidden = [_hidden(names) for names in self._names]
        self._steps = MOST_STEPS

    def matching(self, pattern: str) -> list[str]:
        """The files that fit, sorted. Each hidden name (``.x``, ``__x/``) in a path needs one in the pattern.

        Raises UsageError for a pattern that is too long, is none, or takes too many steps.
        """
        if len(pattern) > LONGEST_PATTERN:
            raise unclear(f"a pattern of {len(pattern):,} characters: {pattern[:40]!r}...")
        written = pattern.split("/")
        hidden = _hidden(written)
        written += ["*"] if written[-1] == "**" else []  # a last ** is a file's name, at least
        names = [None if name == "**" else (name, _characters(pattern, name)) for name in written]
        some = beginning_with(self._files, _MAGIC.split(pattern, maxsplit=1)[0])
        self._count_steps(len(some))
        return [
            self._files[at] for at in some
            if self._hidden[at] == hidden and self._fits(names, self._names[at], self._fits_name)
        ]  # fmt: skip

    def _fits_name(self, wanted: Name, name: str) -> bool:
        written, characters = wanted
        return written == name if characters is None else self._fits(characters, name, _holds)

    def _fits(self, wanted: Sequence[_T | None], found: Sequence[_S], is_one: Callable[[_T, _S], bool]) -> bool:
        """Whether ``found`` is what ``wanted`` says, in which None is any number of them.

        Only the last None passed has to be tried again with more, so it takes at most the product of the lengths.
        """
        at = place = restart = 0
        star = -1
        while place < len(found):
            self._count_steps(1)
            now = wanted[at] if at < len(wanted) else None
            if now is not None and is_one(now, found[place]):
                at, place = at + 1, place + 1
            elif at < len(wanted) and now is None:
                if at + 1 == len(wanted):
                    return True
                star, restart, at = at, place, at + 1
            elif star >= 0:
                restart += 1
                at, place = star + 1, restart
            else:
                return False
        return all(one is None for one in wanted[at:])

    def _count_steps(self, num_steps: int) -> None:
        self._steps -= num_steps
        if self._steps < 0:
            raise unclear("its patterns take too long to look for")


def beginning_with(files: Sequence[str], beginning: str) -> range:
    """Where those of ``files`` (sorted) stand that begin so."""
    return range(bisect_left(files, beginning), bisect_left(files, beginning + chr(0x10FFFF)))


def has_wild_cards(path: str) -> bool:
    """Whether it is a pattern."""
    return _MAGIC.search(path) is not None


def is_hidden(path: str) -> bool:
    """Whether a name in the path begins with a dot, or a folder's with two underscores: no data by default."""
    return any(_hidden(path.split("/")))


def _hidden(names: Sequence[str]) -> tuple[int, int]:
    """How many names begin with a dot, and how many folders' with two underscores."""
    return sum(name.startswith(".") for name in names), sum(name.startswith("__") for name in names[:-1])


def unclear(problem: str) -> UsageError:
    """What a README says that cannot be followed, and the way around it."""
    hint = "hf:OWNER/NAME@REVISION/PATH.parquet names one of its files"
    return UsageError("the data set's README cannot be understood", cause=problem, hint=hint)


def _holds(characters: CharacterSet, one: str) -> bool:
    return characters(one)


def _characters(pattern: str, name: str) -> list[CharacterSet | None] | None:
    if not _MAGIC.search(name):
        return None
    if "**" in name:
        raise unclear(f"{pattern!r} is no pattern: ** stands for whole folders")
    return [None if sign == "*" else _set(pattern, sign) for sign in _SIGN.findall(name)]


def _set(pattern: str, sign: str) -> CharacterSet:
    if sign == "?":
        return lambda _: True
    if len(sign) == 1:
        return sign.__eq__
    is_negated = sign[1] == "!"
    inside = sign[2 if is_negated else 1 : -1]
    ranges = [(one[0], one[-1]) for one in re.findall(r".-.|.", inside, re.DOTALL)]
    if not ranges or any(first > last for first, last in ranges):
        raise unclear(f"{pattern!r} is no pattern: {sign} is no range")
    return lambda one: is_negated != any(first <= one <= last for first, last in ranges)
