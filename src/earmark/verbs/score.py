"""``score``: the numbers of a run, computed again from its parts, with any normalizer. Transcribes nothing."""

from __future__ import annotations

from earmark.errors import FolderError
from earmark.reports.summary import RunSummary, summarize
from earmark.store.run import RunStore
from earmark.text import load_normalizer


def score(run: str, *, normalizer: str = "basic") -> RunSummary:
    """Score the run in the folder ``run``, finished or not, and write its scores and its summary anew.

    Raises FolderError where there is no run, UnknownNameError, RunLockedError, StoreError.
    """
    rules = load_normalizer(normalizer)
    store = RunStore.at(run)
    spec = store.spec()
    if spec is None:
        raise FolderError(run, "there is no run in it", hint="earmark eval MODEL --data DATA --out FOLDER makes one")
    with store.locked():
        return summarize(store, spec, rules)
