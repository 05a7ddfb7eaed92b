"""``score``: the numbers of a run, computed again from its parts, with any normalizer. Transcribes nothing."""

from __future__ import annotations

import json
import os

from earmark.errors import FolderError
from earmark.reports.summary import RunSummary, summarize
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.text import load_normalizer


def score(run: str | os.PathLike[str], *, normalizer: str | None = None) -> RunSummary:
    """Score the run in the folder ``run``, finished or not, and write its scores and its summary anew.

    ``normalizer`` defaults to the one of the run's summary.

    Raises FolderError where there is no run, UnknownNameError, RunLockedError, StoreError.
    """
    run = os.fspath(run)
    store = RunStore.at(run)
    spec = store.spec()
    if spec is None:
        raise FolderError(run, "there is no run in it", hint="earmark eval MODEL --data DATA --out FOLDER makes one")
    rules = load_normalizer(normalizer or _used_before(store))
    with store.locked():
        return summarize(store, spec, rules)


def _used_before(store: RunStore) -> str:
    """The normalizer of the run's summary; ``basic`` where there is none, or an older one that says nothing."""
    try:
        return str(json.loads(store.folder.read(layout.SUMMARY))["normalizer"]["name"])
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return "basic"
