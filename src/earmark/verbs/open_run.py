"""The run that somebody names, or what is there instead of one. Knows where runs are kept, and no result."""

from __future__ import annotations

import shlex
from pathlib import Path

from earmark.errors import FolderError, StoreError
from earmark.reports.settings import read_json, settings_of
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.verbs.imported import is_imported

_NUM_NAMED = 10


def open_run(url: str) -> tuple[RunStore, RunSpec]:
    """The run in the folder ``url``, and its identity.

    Raises FolderError where there is none; it names the runs in folders of that folder, and says how a file of
    hypotheses becomes a run.
    """
    if _is_file(url):
        hint = f"earmark score {url} --out FOLDER makes a run of a file of references and hypotheses: name FOLDER then"
        raise FolderError(url, "it is a file, and no run's folder", hint=hint)
    store = RunStore.at(url)
    spec = store.spec()
    if spec is None:
        if inside := runs_inside(url):
            more = ", ..." if len(inside) > _NUM_NAMED else ""
            problem = f"there is no run in it, but one in each of {', '.join(inside[:_NUM_NAMED])}{more}"
            raise FolderError(url, problem, hint=f"name one of them: {inside[0]}")
        raise FolderError(url, "there is no run in it", hint="earmark eval MODEL --data DATA --out FOLDER makes one")
    return store, spec


def check_scored(store: RunStore, spec: RunSpec) -> None:
    """Raise FolderError, with what to type next, where the run has no scores yet; StoreError without a summary."""
    if not store.folder.has(layout.SCORES):
        check_begun(store, spec)
        raise FolderError(store.url, "nothing of it is scored yet", hint=f"earmark score {shlex.quote(store.url)}")
    check_summary(store, may_lack=False)


def check_summary(store: RunStore, *, may_lack: bool = True) -> None:
    """Raise StoreError where the run's summary is damaged, and where there is none unless it ``may_lack``.

    The numbers are lost then, and by which rules they were counted: no default may stand for what somebody chose.
    """
    is_there = store.folder.has(layout.SUMMARY)
    if may_lack and not is_there:
        return
    facts = read_json(store.folder, layout.SUMMARY)
    named = [facts.get(role) for role in ("normalizer", "scorer")]
    if "num_utterances" in facts and all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in named):
        return
    used = settings_of(store.folder)
    raise StoreError(
        f"{layout.SUMMARY} in {store.url} is {'damaged' if is_there else 'missing'}",
        cause="by which normalizer and scorer the run was scored stood in it",
        hint=f"earmark score {shlex.quote(store.url)} scores it again; --normalizer and --scorer name other rules than "
        f"{used.normalizer} and {used.scorer}",
    )


def check_begun(store: RunStore, spec: RunSpec) -> None:
    """Raise FolderError where there is something to transcribe, and nothing of it is committed yet."""
    if store.folder.names(layout.PARTS):
        return
    plan = store.table(layout.PLAN)
    if plan is None or len(plan):
        again = f"earmark score FILE --out {shlex.quote(store.url)} imports it again"
        hint = again if is_imported(spec) else "type the command that made the run: it goes on"
        raise FolderError(store.url, "nothing of it is transcribed yet", hint=hint)


def runs_inside(url: str) -> list[str]:
    """The folders in a local folder that hold a run, sorted; none of an object store, where looking costs requests."""
    folder = Path(url)
    if "://" in url or not folder.is_dir():
        return []
    try:
        return sorted(str(path.parent) for path in folder.glob(f"*/{layout.SPEC}"))
    except OSError as error:
        raise FolderError(url, error.strerror or str(error)) from error


def _is_file(url: str) -> bool:
    try:
        return "://" not in url and Path(url).is_file()
    except ValueError:  # a null character
        return False
