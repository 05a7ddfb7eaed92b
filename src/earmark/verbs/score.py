"""``score``: the numbers of a run, computed again from its parts, with any normalizer. Transcribes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from earmark.errors import FolderError, UsageError
from earmark.reports.settings import settings_of
from earmark.reports.summary import RunSummary, summarize
from earmark.scoring import load_scorer
from earmark.store import layout
from earmark.store.parts import DamagedPart
from earmark.store.run import RunStore
from earmark.text import load_normalizer


def score(
    run: str | os.PathLike[str],
    *,
    normalizer: str | None = None,
    scorer: str | None = None,
    slices: Sequence[str] = (),
    num_confusions: int = 0,
) -> RunSummary:
    """Score the run in the folder ``run``, finished or not, and write its scores and its summary anew.

    ``normalizer`` and ``scorer`` default to those of the run's summary. ``slices`` are columns to divide the run by, as
    for ``compare``, and ``num_confusions`` is how many of the most frequent errors of each kind the summary has.

    Raises FolderError where there is no run, UnknownNameError (also for a slice), UsageError, RunLockedError and
    StoreError.
    """
    if num_confusions < 0:
        raise UsageError(f"--confusions {num_confusions} is no number from 0")
    run = os.fspath(run)
    store = RunStore.at(run)
    spec = store.spec()
    if spec is None:
        raise FolderError(run, "there is no run in it", hint="earmark eval MODEL --data DATA --out FOLDER makes one")
    rules = load_normalizer(normalizer or _used_before(store))
    counting = load_scorer(scorer or settings_of(store.folder).scorer)
    with store.locked():
        return summarize(store, spec, rules, counting, slices=slices, num_confusions=num_confusions)


def damaged_parts(run: str | os.PathLike[str]) -> tuple[DamagedPart, ...]:
    """The parts of a run that cannot be read: their work counts as not done."""
    store = RunStore.at(os.fspath(run))
    spec = store.spec()
    return store.progress(spec).damaged if spec is not None else ()


def _used_before(store: RunStore) -> str:
    """The normalizer of the run's summary; ``basic`` where there is none, or an older one that says nothing."""
    try:
        return str(json.loads(store.folder.read(layout.SUMMARY))["normalizer"]["name"])
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return "basic"
