"""``explain``: why two numbers for the same outputs differ. Transcribes nothing and writes nothing."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

from earmark.errors import FolderError
from earmark.reports.explain import Explanation, explain_runs
from earmark.reports.find_number import PrintedNumber, Search, find_number
from earmark.reports.outputs import RunOutputs, read_outputs
from earmark.reports.settings import settings_of
from earmark.store.run import RunStore
from earmark.verbs.open_run import open_run

_SIDES = (
    "A and B are runs' folders, or a summary.json in one; B can also be a number that a tool printed: 7.08, or "
    "0.0708 as a fraction"
)


def explain(a: str | os.PathLike[str], b: str | os.PathLike[str] | float) -> Explanation | Search:
    """Say why the number of ``a`` is not that of ``b``.

    Each is a run's folder, or a summary.json (perhaps kept under another name) in one: its settings are read from the
    summary, its texts from the run. ``b`` may also be a number that another tool printed, such as ``"7.08"`` (per
    cent): then settings that give it are looked for.

    Raises FolderError where there is no run, UsageError where nothing can be compared, UnknownNameError or
    MissingExtraError for what a summary names, StoreError.
    """
    run = _outputs("A", os.fspath(a))
    text = str(b) if isinstance(b, float | int) else os.fspath(b)
    number = PrintedNumber.parse(text)
    if number is not None and (isinstance(b, float | int) or not _is_there(text)):
        return find_number(run, number)
    return explain_runs(run, _outputs("B", text))


def _outputs(side: str, url: str) -> RunOutputs:
    path = PurePosixPath(url)
    is_summary = path.suffix == ".json"
    if not _is_there(url):
        kind = "summary" if is_summary else "folder"
        is_number = PrintedNumber.parse(url) is not None  # of A: a number as B is searched for
        problem = f"{side} must be a run, and this is a number" if is_number else f"there is no such {kind}"
        raise FolderError(url, problem if is_number or side == "A" else f"{problem}, nor is it a number", hint=_SIDES)
    if not is_summary:
        store, spec = open_run(url)
        return read_outputs(store, spec, url, settings_of(store.folder))
    store = RunStore.at(url.rpartition("/")[0] or ".")
    if (identity := store.spec()) is None:
        raise FolderError(url, "it is no summary in a run's folder", hint=_SIDES)
    if not store.folder.has(path.name):
        raise FolderError(url, "there is no such summary")
    return read_outputs(store, identity, url, settings_of(store.folder, path.name))


def _is_there(url: str) -> bool:
    """Whether there may be something: of an object store, reading says it."""
    return "://" in url or os.path.exists(url)  # noqa: PTH110  # false for names that are no path, where Path raises
