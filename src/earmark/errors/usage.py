"""What the user can mend by typing something else, or by mending data: exit code 2."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from earmark.errors.base import EXIT_USAGE, EarmarkError, lines_listed
from earmark.errors.money import money, sum_as_said

_LONGEST_VALUE = 40
_NEAR = 0.65  # a slip of the finger; what is less alike is another thing, which may cost money
_DIGESTS = ("audio_sample", "data_fingerprint", "data.fingerprint")


class UsageError(EarmarkError):
    """The user can mend this by typing something else."""

    exit_code = EXIT_USAGE


class UnknownNameError(UsageError):
    """``name`` is not a known ``kind``; ``near`` holds the closest of the known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None) -> None:
        self.kind = kind
        self.name = name
        self.known = sorted(known)
        self.near = difflib.get_close_matches(name, self.known, n=3, cutoff=_NEAR)
        super().__init__(
            f"no {kind} {name!r}",
            cause=f"known: {', '.join(self.known)}",
            hint=hint or (f"did you mean {' or '.join(self.near)}?" if self.near else None),
        )


class MissingExtraError(UsageError):
    """``name`` needs a package that is not installed; ``extra`` is the one to install."""

    def __init__(self, kind: str, name: str, extra: str, package: str) -> None:
        self.kind = kind
        self.name = name
        self.extra = extra
        super().__init__(
            f"the {kind} {name!r} is not installed",
            cause=f"the package {package!r} cannot be imported",
            hint=f"pip install 'earmark[{extra}]'",
        )


class ManifestError(UsageError):
    """A manifest cannot be read, or one of its rows says nothing usable.

    ``line`` and ``column`` count from 1; ``excerpt`` is the line with a caret under the column.
    """

    def __init__(
        self,
        path: str,
        problem: str,
        *,
        line: int | None = None,
        column: int | None = None,
        excerpt: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.path = path
        self.line = line
        self.column = column
        self.excerpt = excerpt
        where = ":".join(str(place) for place in (path, line, column) if place is not None)
        super().__init__(f"{where}: {problem}", cause=excerpt, hint=hint)


class MissingColumnError(UsageError):
    """A table has none of the columns that could hold ``role`` (such as the reference text), or not ``wanted``.

    ``near`` is the one of them that the hint proposes.
    """

    def __init__(
        self,
        path: str,
        role: str,
        columns: Iterable[str],
        *,
        flag: str,
        wanted: str | None = None,
        near: str | None = None,
    ) -> None:
        self.path = path
        self.role = role
        self.columns = list(columns)
        super().__init__(
            f"no {role} in {path}" if wanted is None else f"no column {wanted!r} in {path}",
            cause=f"its columns are {', '.join(self.columns) or '(none)'}",
            hint=f"{flag} {shlex.quote(near or 'NAME')}; {flag} none if there is no such text",
        )


class DuplicateIdError(UsageError):
    """``num_duplicates`` utterances carry an id that another one has; ``first`` is such an id, ``lines`` its lines.

    ``is_made`` says that the id was made from path and time, so that both are the same.
    """

    def __init__(
        self, data: str, num_duplicates: int, first: str, *, lines: Sequence[int] = (), is_made: bool = False
    ) -> None:
        self.num_duplicates = num_duplicates
        self.first = first
        cause = "results are matched by id, so each utterance needs its own"
        hint = "give every utterance its own 'id', or leave the column out (then it is made from path and time)"
        if is_made:
            cause = "the same file and time are there twice, and without a column 'id' nothing tells them apart"
            hint = "leave one of them out, or give each utterance its own 'id'"
        super().__init__(
            f"{num_duplicates:,} duplicate id{'s' if num_duplicates > 1 else ''} in {data}, first: {first!r}"
            + (f" ({lines_listed(lines)})" if lines else ""),
            cause=cause,
            hint=hint,
        )


class MissingAudioError(UsageError):
    """``num_missing`` of ``num_utterances`` name an audio file that is not there; ``first`` is one of them.

    ``why`` is a cause and what to type, where somebody knows better than that the paths start elsewhere.
    """

    def __init__(
        self,
        data: str,
        num_missing: int,
        num_utterances: int,
        first: str,
        *,
        root: str,
        why: tuple[str, str] | None = None,
    ) -> None:
        cause, hint = why or (f"relative paths start at {root}", "--audio-root FOLDER says where the paths start")
        self.num_missing = num_missing
        self.num_utterances = num_utterances
        self.first = first
        super().__init__(
            f"{num_missing:,} of {num_utterances:,} utterances of {data} have no audio file, first: {first}",
            cause=cause,
            hint=f"{hint}; --missing-audio fail runs the others",
        )


def _differences(fields: Mapping[str, tuple[object, object]]) -> str:
    """What each field was and is now; digests, and long values that begin alike, are only said to differ.

    Where the number of utterances differs, the digests of them must: they say nothing more.
    """
    number = next((name for name in fields if name.endswith("num_utterances")), None)
    said = []
    for name, (there, here) in fields.items():
        was, now = _shortened(there), _shortened(here)
        is_digest = name.endswith(_DIGESTS)
        if is_digest and number is not None:
            continue
        said.append(f"{name} is another" if is_digest or was == now else f"{name} was {was}, is now {now}")
    if number is not None:
        said.append("so the data, or --limit, are others")
    return "; ".join(said)


def _shortened(value: object) -> str:
    text = "not set" if value is None else repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:12]}...{text[-1]}"


class RunMismatchError(UsageError):
    """The folder ``run`` holds a run with another identity; ``fields`` maps a field to (there, here)."""

    def __init__(
        self, run: str, fields: Mapping[str, tuple[Any, Any]], *, cause: str | None = None, hint: str | None = None
    ) -> None:
        self.run = run
        self.fields = dict(fields)
        super().__init__(
            f"{run} holds another run",
            cause=cause or _differences(self.fields),
            hint=hint or "--out OTHER_FOLDER keeps both; --fresh throws the old run's results away",
        )


class StagedMismatchError(UsageError):
    """The folder ``target`` holds another staged set; ``fields`` maps a field to (there, here)."""

    def __init__(self, target: str, fields: Mapping[str, tuple[Any, Any]]) -> None:
        self.target = target
        self.fields = dict(fields)
        super().__init__(
            f"{target} holds another staged set",
            cause=_differences(self.fields),
            hint="--to OTHER_FOLDER keeps both; --fresh throws away what is staged there",
        )


class RunLockedError(UsageError):
    """Another living process holds the lock of ``run``."""

    def __init__(self, run: str, holder: str) -> None:
        self.run = run
        self.holder = holder
        super().__init__(
            f"{run} is in use",
            cause=f"held by {holder}",
            hint="wait for it, stop it, or name another folder",
        )


class FolderError(UsageError):
    """The folder or file ``folder`` cannot be read or written."""

    def __init__(self, folder: str, problem: str, *, hint: str | None = None) -> None:
        self.folder = folder
        super().__init__(f"cannot use {folder}", cause=problem, hint=hint)


class ArchiveError(UsageError):
    """The archive ``archive`` is not unpacked, and nothing of it stays."""

    def __init__(self, archive: str, problem: str, *, hint: str | None = None) -> None:
        self.archive = archive
        super().__init__(f"cannot unpack {archive}", cause=problem, hint=hint)


class CheckpointError(UsageError):
    """A solver's checkpoint ``place`` cannot be used. ``kind`` is a word to act on.

    ``missing``, ``config`` (no usable all_config.yaml), ``pointer`` (of Git LFS), ``damaged`` (not whole, or no state
    dict), ``shape`` (weights of another model), ``numbers`` (NaN or infinity), ``changed`` (since it was looked at).
    """

    def __init__(self, kind: str, place: str, problem: str, *, hint: str | None = None) -> None:
        self.kind = kind
        self.place = place
        super().__init__(f"cannot use {place}", cause=problem, hint=hint)


class BudgetSpentError(UsageError):
    """What the earlier attempts of ``run`` cost is the budget already, so nothing is begun."""

    def __init__(self, run: str, *, spent: float, budget: float, currency: str) -> None:
        self.run = run
        self.spent = spent
        self.budget = budget
        self.currency = currency
        super().__init__(
            f"the budget of {sum_as_said(budget)} {currency} is spent already",
            cause=f"the earlier attempts of {run} have cost {money(spent)} {currency}",
            hint="a larger --budget goes on; it is for all attempts of a run together",
        )
