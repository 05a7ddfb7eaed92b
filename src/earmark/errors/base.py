"""The root of the errors, and the exit codes. It knows how an error is told and how it travels between processes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from earmark.redaction import without_secret

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_TOO_MANY_FAILURES = 3
EXIT_GATE_FAILED = 4
EXIT_BUDGET_REACHED = 5
EXIT_INTERRUPTED = 130

_LINES_LISTED = 5


def first_line(error: BaseException) -> str:
    """What somebody else's error says first, without secrets; its type where it says nothing."""
    lines = str(error).strip().splitlines()
    return without_secret(lines[0]) if lines else type(error).__name__


def sentence_of(error: BaseException) -> str:
    """What somebody else's error says, in one line that begins with its type."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def lines_listed(lines: Sequence[int]) -> str:
    """The first lines of some, for a sentence: ``lines 2, 5 and 9``, or ``lines 2, 5, 9, 11, 12 and 7 more``."""
    shown = [f"{line:,}" for line in lines[:_LINES_LISTED]]
    rest = len(lines) - len(shown)
    *most, last = [*shown, f"{rest:,} more"] if rest else shown
    return f"lines {', '.join(most)} and {last}" if most else f"line {last}"


def _rebuild(kind: type[EarmarkError], facts: dict[str, Any]) -> EarmarkError:
    error = kind.__new__(kind)
    error.args = (facts["what"],)
    error.__dict__.update(facts)
    return error


class EarmarkError(Exception):
    """What went wrong (``what``), why (``cause``), and what to type next (``hint``)."""

    exit_code = EXIT_FAILED
    is_told = False
    """Whether another process of the same command shows it to the user."""

    def __init__(self, what: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(without_secret(what))
        self.what = without_secret(what)
        self.cause = without_secret(cause) if cause is not None else None
        self.hint = without_secret(hint) if hint is not None else None

    def rename(self, path: str, name: str) -> None:
        """Call the file at ``path`` by ``name`` in all that is said: the user calls it so, wherever it lies here."""
        for fact, said in self.__dict__.items():
            if isinstance(said, str):
                self.__dict__[fact] = said.replace(shlex.quote(path), shlex.quote(name)).replace(path, name)
        self.args = (self.what,)

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructors of the subclasses take facts, not sentences, so the default way of pickling (calling the
        # class with ``args``) would break on the way from a worker to the driver.
        return _rebuild, (type(self), dict(self.__dict__))
