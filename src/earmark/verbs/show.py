"""``show``: the worst utterances of a run, aligned, or the worst of those that a search finds. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping

from earmark.errors import UsageError
from earmark.reports.listing import Listing, Search, list_worst
from earmark.reports.settings import settings_of
from earmark.scoring import load_scorer
from earmark.verbs.open_run import check_scored, open_run


def show(
    run: str | os.PathLike[str],
    *,
    worst: int = 20,
    grep: str | None = None,
    slices: Mapping[str, str] | None = None,
    flag: str | None = None,
) -> Listing:
    """List the ``worst`` utterances of the run in the folder ``run``: most errors first.

    ``grep`` is a regular expression (RE2's: ``(?i)`` ignores case) that must be in the id or in a text, raw or
    normalized; ``slices`` name the value that columns must have, such as ``{"speaker": "1688"}``; ``flag`` is one that
    the utterance must have, such as ``"loop"``. Utterances without an error are listed only with ``grep`` or ``flag``.

    Raises UsageError for a number below 1 and for what is no regular expression, UnknownNameError for a flag, a column
    or a value that there is not, FolderError where there is no run or nothing is scored yet, MissingExtraError where
    the run's scorer is not installed, StoreError.
    """
    if worst < 1:
        raise UsageError(f"--worst {worst} is no number from 1", hint="--worst 20")
    search = Search(pattern=grep, slices=slices or {}, flag=flag)
    search.check()
    store, spec = open_run(os.fspath(run))
    check_scored(store, spec)
    scorer = settings_of(store.folder).scorer
    return list_worst(store, search, worst, scorer, load_scorer(scorer).tokens)
