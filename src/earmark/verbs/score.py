"""``score``: the numbers of a run, computed again from its parts, with any normalizer. Transcribes nothing."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Sequence

from earmark.reports.confusions import check_number
from earmark.reports.settings import settings_of
from earmark.reports.summarize import summarize
from earmark.reports.summary import RunSummary
from earmark.scoring import load_scorer
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.verbs.imported import is_imported
from earmark.verbs.open_run import check_begun, open_run


def score(
    run: str | os.PathLike[str],
    *,
    normalizer: str | None = None,
    scorer: str | None = None,
    slices: Sequence[str] = (),
    num_confusions: int = 0,
) -> RunSummary:
    """Score the run in the folder ``run``, finished or not, and write its scores and its summary anew.

    Where a part is damaged and there is an earlier summary, the numbers are of what is left, and nothing is written:
    the earlier results may be the only ones that counted the part.

    ``normalizer`` and ``scorer`` default to those of the run's summary, or else to what was typed to begin it.
    ``slices`` are columns to divide the run by, as for ``compare``, and ``num_confusions`` is how many of the most
    frequent errors of each kind the summary has.

    Raises FolderError where there is no run or nothing of it is committed yet, UnknownNameError (also for a slice),
    UsageError, RunLockedError and StoreError.
    """
    check_number(num_confusions)
    run = os.fspath(run)
    store, spec = open_run(run)
    check_begun(store, spec)
    used = settings_of(store.folder)
    rules, counting = load_normalizer(normalizer or used.normalizer), load_scorer(scorer or used.scorer)
    with store.locked(), tempfile.TemporaryDirectory(prefix="earmark-") as elsewhere:
        is_worse = bool(store.progress(spec).damaged) and store.folder.has(layout.SUMMARY)
        into = RunStore.at(elsewhere) if is_worse else store
        return summarize(store, spec, rules, counting, slices=slices, num_confusions=num_confusions, into=into)


def settings_before(run: str | os.PathLike[str]) -> tuple[str, str] | None:
    """The normalizer and the scorer of the run's summary; None where there is no summary yet."""
    folder = RunStore.at(os.fspath(run)).folder
    if not folder.has(layout.SUMMARY):
        return None
    used = settings_of(folder)
    return used.normalizer, used.scorer


def how_to_mend(run: str | os.PathLike[str]) -> str:
    """What makes the damaged parts of a run again."""
    spec = RunStore.at(os.fspath(run)).spec()
    if spec is not None and is_imported(spec):
        return f"earmark score FILE --out {shlex.quote(os.fspath(run))} imports it again"
    return "the command that made the run transcribes them again"
