"""``export``: what a run heard, in a format of other programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from itertools import chain
from typing import BinaryIO

from earmark.errors import UsageError
from earmark.formats.exported_run import ExportedRun, Operation
from earmark.formats.exports import CONVENTIONS, EXPORTS
from earmark.records import ScoredUtterance
from earmark.reports.heard import scored_utterances
from earmark.reports.ranks import errors_by_rank
from earmark.reports.scores import NOT_DONE_RULE
from earmark.reports.settings import read_json, settings_of
from earmark.scoring import load_scorer
from earmark.scoring.alignment import aligned, render_diff
from earmark.scoring.scorer import Scorer
from earmark.scoring.speechbrain_summary import SpeechBrainSummary
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.folder import open_folder
from earmark.store.run import RunStore
from earmark.verbs.events import Observer, Warned, nobody
from earmark.verbs.open_run import check_scored, open_run
from earmark.verbs.own_files import check_not_data, check_not_own
from earmark.verbs.requests import requests_of

_BYTES_AT_ONCE = 1 << 20


def export(
    run: str | os.PathLike[str],
    to: str,
    out: str | os.PathLike[str] | BinaryIO,
    *,
    observer: Observer = nobody,
) -> int:
    """Write the run in the folder ``run`` in the format ``to``, and return the number of utterances that it holds.

    ``out`` is a local path, an ``s3://`` or ``gs://`` URL, or a stream. A file replaces an older one in one step, and
    stays as it was where the export fails; a stream may then hold the beginning. A folder (it is there, or ends with
    ``/``) is for formats that have a file for each recording, and for those in which a file's name says something, as
    the Open ASR leaderboard's does. ``observer`` hears of utterances that the format has no place for.

    Raises UnknownNameError for a format that is none, FolderError where there is no run or nothing was scored yet,
    UsageError where the run has not what the format holds and where ``out`` is a file of the run itself or of its data,
    and StoreError where a file cannot be read or written, or the run's summary is lost.
    """
    write: Callable[[ExportedRun], Iterator[bytes]] = EXPORTS.load(to)
    store, spec = open_run(os.fspath(run))
    check_scored(store, spec)
    counted = _Counted(scored_utterances(store, spec))
    exported = _exported(store, spec, counted)
    where = os.fspath(out) if isinstance(out, str | os.PathLike) else out
    if where == "":
        raise UsageError("--out is empty", hint="--out FILE; without it, it goes to stdout")
    if isinstance(where, str):
        check_not_own([os.fspath(run)], where)
        check_not_data(spec, where)
    if not isinstance(where, str):
        _copy(write(exported), where)
    elif _is_folder(where) and hasattr(write, "files"):
        _write_files(write.files(exported), where)
    else:
        name = f"{where.rstrip('/') or '/'}/{_conventional(to, exported)}" if _is_folder(where) else where
        _write_file(write(exported), name)
    if exported.left_out:
        numbers = " and ".join(f"{number:,} {status}" for status, number in sorted(exported.left_out.items()))
        observer(Warned(sentence=f"{to} has no place for what was not scored or not heard: {numbers}"))
    return counted.rest() - exported.left_out.total()


def _exported(store: RunStore, spec: RunSpec, utterances: Iterable[ScoredUtterance]) -> ExportedRun:
    """The run as writers know it; what few of them want is made when they ask."""
    alignments = _Alignments(settings_of(store.folder).scorer)
    summary = read_json(store.folder, layout.SUMMARY)
    skipped = summary.get("skipped")
    num_not_done = skipped.get(NOT_DONE_RULE, 0) if isinstance(skipped, dict) else 0
    return ExportedRun(
        utterances,
        {"model": spec.recognizer.name, "data": spec.data.name, **summary, "num_not_done": num_not_done},
        operations=alignments.operations,
        diff=alignments.diff,
        requests=lambda: requests_of(store, spec),
        speechbrain=lambda: sum((one.errors for one in errors_by_rank(store, spec)), SpeechBrainSummary()).facts(),
    )


class _Alignments:
    """The alignments of a scorer, which is loaded when the first one is asked for."""

    def __init__(self, scorer: str) -> None:
        self._name = scorer
        self._scorer: Scorer | None = None

    def operations(self, one: ScoredUtterance) -> Iterator[Operation]:
        """Letter by letter, with the tokens."""
        return aligned(*self._tokens(one), one.alignment or "")

    def diff(self, one: ScoredUtterance) -> str:
        """As a line."""
        return render_diff(*self._tokens(one), one.alignment or "")

    def _tokens(self, one: ScoredUtterance) -> tuple[list[str], list[str]]:
        self._scorer = self._scorer or load_scorer(self._name)
        return self._scorer.tokens(one.reference_normalized or ""), self._scorer.tokens(one.hypothesis_normalized or "")


class _Counted:
    """Passes utterances on, and knows how many there were."""

    def __init__(self, utterances: Iterable[ScoredUtterance]) -> None:
        self._utterances = iter(utterances)
        self._number = 0

    def __iter__(self) -> Iterator[ScoredUtterance]:
        for one in self._utterances:
            self._number += 1
            yield one

    def rest(self) -> int:
        """How many there are in all: a format of the run's numbers alone has asked for none."""
        return self._number + sum(1 for _ in self._utterances)


def _write_files(files: Iterable[tuple[str, bytes]], where: str) -> None:
    folder = open_folder(where.rstrip("/") or "/")
    for name, content in files:
        folder.write(name, content)


def _write_file(pieces: Iterator[bytes], where: str) -> None:
    parent, name = _place(where)
    first = next(pieces, b"")  # what cannot be written at all leaves no trace
    with open_folder(parent).replacing(name) as stream:
        _copy(chain([first], pieces), stream)


def _copy(pieces: Iterable[bytes], stream: BinaryIO) -> None:
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        if len(waiting) >= _BYTES_AT_ONCE:
            stream.write(bytes(waiting))
            waiting.clear()
    stream.write(bytes(waiting))


def _conventional(to: str, run: ExportedRun) -> str:
    """What the file is called in a folder; nothing for a format that has no custom."""
    module, _, name = CONVENTIONS.get(to, "").partition(":")
    return str(getattr(import_module(module), name)(run)) if module else ""


def _is_folder(out: str) -> bool:
    return out.endswith("/") or ("://" not in out and os.path.isdir(out))  # noqa: PTH112  # it may be no path at all


def _place(out: str) -> tuple[str, str]:
    """The folder and the name of a file. Raises UsageError for what names a folder."""
    parent, slash, name = out.rpartition("/")
    if name in ("", ".", "..") or _is_folder(out):
        raise UsageError(f"{out} is a folder, and an export is a file", hint=f"--out {out.rstrip('/')}/FILE")
    return parent or slash or ".", name
