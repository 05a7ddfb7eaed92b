"""Wild cards in the names of a data set's files, in time that whoever wrote the pattern cannot stretch.

``*``, ``?`` and ``[a-z]`` mean what they mean to a shell, within one folder's or file's name; ``**`` is any number of
folders. It knows paths as texts, and touches no disk.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TypeVar

from earmark.errors import UsageError

LONGEST_PATTERN = 500
MOST_STEPS = 10_000_000
"""Comparisons of characters for all patterns of one README: some seconds."""

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
        self._steps = MOST_STEPS

    def matching(self, pattern: str) -> list[str]:
        """The files that fit, sorted. Hidden ones (``.x``, ``__x/``) only where the pattern has such a name itself.

        Raises UsageError for a pattern that is too long, is none, or takes too many steps.
        """
        if len(pattern) > LONGEST_PATTERN:
            raise unclear(f"a pattern of {len(pattern):,} characters: {pattern[:40]!r}...")
        names = [None if name == "**" else (name, _characters(pattern, name)) for name in pattern.split("/")]
        return [
            path for path in self._below(_MAGIC.split(pattern, maxsplit=1)[0])
            if (not is_hidden(path) or is_hidden(pattern)) and self._fits(names, path.split("/"), self._fits_name)
        ]  # fmt: skip

    def _below(self, beginning: str) -> Sequence[str]:
        first = bisect_left(self._files, beginning)
        return self._files[first : bisect_left(self._files, beginning + chr(0x10FFFF))]

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
            self._count_step()
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

    def _count_step(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise unclear("its patterns take too long to look for")


def is_hidden(path: str) -> bool:
    """Whether a name in the path begins with a dot, or a folder's with two underscores: no data by default."""
    *folders, name = path.split("/")
    return name.startswith(".") or any(folder.startswith((".", "__")) for folder in folders)


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
