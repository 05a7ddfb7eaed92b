"""``track``: a run that is over, finished or not, sent to a tracker, all of it."""

from __future__ import annotations

import os
from functools import partial

from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.tracking import TRACKERS
from earmark.tracking.base import Outcome
from earmark.tracking.facts import card_of, result_of
from earmark.tracking.kept import keep_id, kept_attempts, kept_points
from earmark.tracking.sink import Sink
from earmark.verbs.open_run import open_run
from earmark.verbs.score import score
from earmark.verbs.tracking import check_trackers

PATIENCE_S = 60.0
"""How long one call of a tracker may take where nothing else waits for it."""


def track(run: str | os.PathLike[str], to: str, *, track_texts: bool = False) -> str | None:
    """Send the run in the folder ``run`` to the tracker ``to``, and return where a person finds it there, if anywhere.

    Sent again, it goes into the same run there, and what is there already counts once. A run that was not finished is
    scored first, as ``score`` does, as far as it is. ``track_texts`` puts references and hypotheses beside the worst
    utterances.

    Raises FolderError where there is no run, UnknownNameError, MissingExtraError, RunLockedError while the run goes on,
    StoreError, and EarmarkError where the tracker does not take it.
    """
    [name] = check_trackers([to])
    store, spec = open_run(os.fspath(run))
    outcome = _outcome(store)
    if outcome != "finished" or not all(store.folder.has(name) for name in (layout.SUMMARY, layout.SCORES)):
        score(run)
    with store.locked():
        return _send(store, spec, name, outcome, texts=track_texts)


def _send(store: RunStore, spec: RunSpec, name: str, outcome: Outcome, *, texts: bool) -> str | None:
    result = result_of(store, spec, outcome, texts=texts)
    points = list(kept_points(store))
    tracker = TRACKERS.load(name)(patience_s=PATIENCE_S)
    keep = partial(keep_id, store, name)
    sink = Sink(name, tracker, card_of(store, spec, name), keep, patience_s=PATIENCE_S, most_waiting=len(points) + 1)
    sink.offer(points)
    sink.finish(result)
    sink.wait()
    if sink.error is not None:
        raise sink.error
    return sink.place


def _outcome(store: RunStore) -> Outcome:
    """That of the latest attempt that left word; of outputs that were imported there is none, and nothing is left."""
    latest = kept_attempts(store)[-1:]
    outcomes: tuple[Outcome, ...] = ("interrupted", "failed")
    return next((outcome for outcome in outcomes if latest and latest[0].get("outcome") == outcome), "finished")
