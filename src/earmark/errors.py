"""Every error that earmark raises on purpose, and the exit code that each one means.

Knows nothing but sentences: what went wrong, why, and what to type next. An error carries its facts as attributes,
so that a caller can act on them without reading the message.

::

    EarmarkError                      exit 1
    ├── UsageError                    exit 2   bad usage, configuration or input
    │   ├── UnknownNameError                   a name that no registry holds (the near ones are listed)
    │   ├── MissingExtraError                  a backend whose packages are not installed
    │   ├── ManifestError                      a manifest that cannot be read, with file, line and column
    │   ├── MissingColumnError                 a table without the column that is needed
    │   ├── DuplicateIdError                   one id for two utterances
    │   ├── MissingAudioError                  audio files that are not where the data say
    │   ├── RunMismatchError                   the output folder holds another run
    │   ├── StagedMismatchError                the target folder holds another staged set
    │   ├── RunLockedError                     another process works in the output folder
    │   ├── ArchiveError                       an archive that is damaged, or that attacks who unpacks it
    │   └── FolderError                        a folder cannot be used
    ├── AudioError                    one utterance's audio cannot be used; becomes a failed row
    ├── RecognizerError               a recognizer cannot be loaded or breaks its contract
    │   └── OutOfMemoryError                   a batch does not fit; the worker splits it
    ├── StoreError                    results cannot be written or read (a full disk, a damaged part)
    │   └── DamagedPartError                   a part was read whole, and is not as it was written
    ├── FetchError                    a file cannot be brought to this machine whole, or is not what it must be
    ├── EngineError                   workers cannot be started or kept alive
    ├── TooManyFailuresError          exit 3   finished, with more failed utterances than allowed
    ├── GateFailedError               exit 4   a comparison is what ``--fail-if`` forbids
    ├── AuditFailedError              exit 4   an audit did not find that batches leave every text as it is
    └── InterruptedRunError           exit 130 stopped by the user; carries the line that resumes
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_TOO_MANY_FAILURES = 3
EXIT_GATE_FAILED = 4
EXIT_INTERRUPTED = 130

_LONGEST_VALUE = 40


def without_secret(text: str) -> str:
    """The text with the user part of each URL in it, which can be a key and a secret, left out."""
    return re.sub(r"://[^/@\s]*@", "://", text)


def _rebuild(kind: type[EarmarkError], facts: dict[str, Any]) -> EarmarkError:
    error = kind.__new__(kind)
    error.args = (facts["what"],)
    error.__dict__.update(facts)
    return error


class EarmarkError(Exception):
    """What went wrong (``what``), why (``cause``), and what to type next (``hint``)."""

    exit_code = EXIT_FAILED

    def __init__(self, what: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(without_secret(what))
        self.what = without_secret(what)
        self.cause = without_secret(cause) if cause is not None else None
        self.hint = without_secret(hint) if hint is not None else None

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructors of the subclasses take facts, not sentences, so the default way of pickling (calling the
        # class with ``args``) would break on the way from a worker to the driver.
        return _rebuild, (type(self), dict(self.__dict__))


class UsageError(EarmarkError):
    """The user can mend this by typing something else."""

    exit_code = EXIT_USAGE


class UnknownNameError(UsageError):
    """``name`` is not a known ``kind``; ``near`` holds the closest of the known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None) -> None:
        self.kind = kind
        self.name = name
        self.known = sorted(known)
        self.near = difflib.get_close_matches(name, self.known, n=3, cutoff=0.6)
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
    """A table has none of the columns that could hold ``role`` (such as the reference text)."""

    def __init__(self, path: str, role: str, columns: Iterable[str], *, flag: str) -> None:
        self.path = path
        self.role = role
        self.columns = list(columns)
        near = next(
            (name for name in self.columns if role.rsplit(maxsplit=1)[-1] in name or "sent" in name or "trans" in name),
            None,
        )
        super().__init__(
            f"no {role} in {path}",
            cause=f"its columns are {', '.join(self.columns) or '(none)'}",
            hint=f"{flag} {shlex.quote(near or 'NAME')}; {flag} none if there is no such text",
        )


class DuplicateIdError(UsageError):
    """``num_duplicates`` utterances carry an id that another one has; ``first`` is such an id."""

    def __init__(self, data: str, num_duplicates: int, first: str) -> None:
        self.num_duplicates = num_duplicates
        self.first = first
        super().__init__(
            f"{num_duplicates:,} duplicate id{'s' if num_duplicates > 1 else ''} in {data}, first: {first!r}",
            cause="results are matched by id, so each utterance needs its own",
            hint="give every utterance its own 'id', or leave the column out (then it is made from path and time)",
        )


class MissingAudioError(UsageError):
    """``num_missing`` of ``num_utterances`` name an audio file that is not there; ``first`` is one of them."""

    def __init__(self, data: str, num_missing: int, num_utterances: int, first: str, *, root: str) -> None:
        self.num_missing = num_missing
        self.num_utterances = num_utterances
        self.first = first
        super().__init__(
            f"{num_missing:,} of {num_utterances:,} utterances of {data} have no audio file, first: {first}",
            cause=f"relative paths start at {root}",
            hint="--audio-root FOLDER says where the paths start; --missing-audio fail runs the others",
        )


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:12]}...{text[-1]}"


class RunMismatchError(UsageError):
    """The folder ``run`` holds a run with another identity; ``fields`` maps a field to (there, here)."""

    def __init__(
        self, run: str, fields: Mapping[str, tuple[Any, Any]], *, cause: str | None = None, hint: str | None = None
    ) -> None:
        self.run = run
        self.fields = dict(fields)
        differences = "; ".join(
            f"{name} was {_shortened(there)}, is now {_shortened(here)}" for name, (there, here) in self.fields.items()
        )
        super().__init__(
            f"{run} holds another run",
            cause=cause or differences,
            hint=hint or "--out OTHER_FOLDER keeps both; --fresh throws the old run's results away",
        )


class StagedMismatchError(UsageError):
    """The folder ``target`` holds another staged set; ``fields`` maps a field to (there, here)."""

    def __init__(self, target: str, fields: Mapping[str, tuple[Any, Any]]) -> None:
        self.target = target
        self.fields = dict(fields)
        super().__init__(
            f"{target} holds another staged set",
            cause="; ".join(
                f"{name} was {_shortened(there)}, is now {_shortened(here)}"
                for name, (there, here) in self.fields.items()
            ),
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
            hint="wait for it, stop it, or give this run a folder of its own with --out",
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


class AudioError(EarmarkError):
    """The audio of one utterance cannot be used. ``kind`` is a word to group by, such as ``empty`` or ``truncated``."""

    def __init__(self, kind: str, problem: str) -> None:
        self.kind = kind
        super().__init__(problem)


class RecognizerError(EarmarkError):
    """A recognizer cannot be loaded, or broke its contract."""


class OutOfMemoryError(RecognizerError):
    """A batch does not fit into the device's memory. The worker splits it and tries again."""


class StoreError(EarmarkError):
    """Results cannot be written or read. What was committed before is safe."""


class DamagedPartError(StoreError):
    """A part was read whole, and its rows are not what was written. Its work counts as not done."""


class FetchError(EarmarkError):
    """``name`` cannot be fetched. ``kind`` is a word to act on.

    ``offline``, ``unreachable`` (no server there), ``broken`` (transfers that do not end well), ``missing``, ``denied``
    (it wants a token, or another one), ``address`` (it leads where a URL must not), ``too_large``, ``wrong`` (not the
    size or the digest that it must have), ``server`` (any other answer that is no file), ``disk``.
    """

    def __init__(self, kind: str, name: str, problem: str, *, hint: str | None = None) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"cannot fetch {name}", cause=problem, hint=hint)


class EngineError(EarmarkError):
    """Workers cannot be started or kept alive."""


class TooManyFailuresError(EarmarkError):
    """The run finished and its results are kept, but more utterances failed than ``allowed``."""

    exit_code = EXIT_TOO_MANY_FAILURES

    def __init__(self, num_failed: int, num_utterances: int, allowed: str, listing: str) -> None:
        self.num_failed = num_failed
        self.num_utterances = num_utterances
        super().__init__(
            f"{num_failed:,} of {num_utterances:,} utterances failed, more than --max-errors {allowed}",
            cause=f"each one and its reason: {listing}",
            hint="mend them and type the same command with --retry-failed, or allow them with --max-errors",
        )


class GateFailedError(EarmarkError):
    """The comparison was made and printed, and ``condition`` holds for it. ``values`` are those that it names."""

    exit_code = EXIT_GATE_FAILED

    def __init__(self, condition: str, pair: str, values: Mapping[str, float]) -> None:
        self.condition = condition
        self.pair = pair
        self.values = dict(values)
        super().__init__(
            f"--fail-if {condition!r} holds for {pair}",
            cause=", ".join(f"{name} is {value:.6g}" for name, value in self.values.items()),
        )


class AuditFailedError(EarmarkError):
    """The audit was made and printed, and its verdict is ``sentence``, not that no text changed."""

    exit_code = EXIT_GATE_FAILED

    def __init__(self, sentence: str, advice: str | None) -> None:
        self.sentence = sentence
        super().__init__("the audit did not pass", cause=sentence, hint=advice)


class InterruptedRunError(EarmarkError):
    """The user stopped the run. What was committed is safe; ``hint`` is the line that resumes."""

    exit_code = EXIT_INTERRUPTED

    def __init__(self, num_done: int, num_utterances: int, resume: str | None = None) -> None:
        self.num_done = num_done
        self.num_utterances = num_utterances
        super().__init__(
            f"stopped: {num_done:,} of {num_utterances:,} utterances are done and safe",
            hint=resume or "the same command, without --fresh, finishes the rest",
        )
