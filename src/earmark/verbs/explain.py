"""``explain``: why two numbers for the same outputs differ. Transcribes nothing and writes nothing."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

from earmark.errors import FolderError
from earmark.reports.explain import Explanation, explain_runs
from earmark.reports.find_number import PrintedNumber, Search, find_number
from earmark.reports.outputs import RunOutputs, read_outputs
from earmark.reports.settings import settings_of
from earmark.store import layout
from earmark.store.run import RunStore


def explain(a: str | os.PathLike[str], b: str | os.PathLike[str] | float) -> Explanation | Search:
    """Say why the number of ``a`` is not that of ``b``.

    Each is a run's folder, or a summary.json (perhaps kept under another name) in one: its settings are read from the
    summary, its texts from the run. ``b`` may also be a number that another tool printed, such as ``"7.08"`` (per
    cent): then settings that give it are looked for.

    Raises FolderError where there is no run, UsageError where nothing can be compared, UnknownNameError or
    MissingExtraError for what a summary names, StoreError.
    """
    run = _outputs(os.fspath(a))
    text = str(b) if isinstance(b, float | int) else os.fspath(b)
    number = PrintedNumber.parse(text)
    if number is not None and RunStore.at(text).spec() is None:
        return find_number(run, number)
    return explain_runs(run, _outputs(text))


def _outputs(url: str) -> RunOutputs:
    path = PurePosixPath(url)
    is_summary = path.suffix == ".json"
    store = RunStore.at(url.rpartition("/")[0] or "." if is_summary else url)
    spec = store.spec()
    if spec is None:
        raise FolderError(url, "there is no run in it", hint="earmark eval MODEL --data DATA --out FOLDER makes one")
    name = path.name if is_summary else layout.SUMMARY
    if is_summary and not store.folder.has(name):
        raise FolderError(url, "there is no such summary")
    return read_outputs(store, spec, url, settings_of(store.folder, name))
