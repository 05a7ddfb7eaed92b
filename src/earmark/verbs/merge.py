"""``merge``: the mistakes files of a run, or of any folder, in one Parquet file."""

from __future__ import annotations

import os

from earmark.errors import UsageError
from earmark.reports.merge import MergeReport, merge_into, merge_mistakes
from earmark.store import layout
from earmark.store.folder import Folder, open_folder
from earmark.store.lock import alone
from earmark.store.run import RunStore
from earmark.verbs.imported import is_imported


def merge(
    run: str | os.PathLike[str] | None = None,
    *,
    input_dir: str | None = None,
    output: str | None = None,
    cleanup: bool = False,
) -> MergeReport:
    """Merge the mistakes files of the folder ``run``, or those in ``input_dir``, into the file ``output``.

    Without ``run`` the defaults are ``batch_mistakes_parquet`` and ``merged_mistakes.parquet`` in the working folder;
    with it they lie in the run's folder. ``cleanup`` removes the merged files once the output is safe.

    Raises UsageError where there is nothing to merge, RunLockedError while the run goes on, StoreError where something
    cannot be read or written.
    """
    if run is None:
        return merge_mistakes(open_folder(input_dir or layout.MISTAKES), output or layout.MERGED, cleanup=cleanup)
    if input_dir is not None:
        raise UsageError("a run and --input-dir both say where the files are", hint="give one of them")
    folder = open_folder(os.fspath(run))
    _check_not_imported(folder)
    with alone(folder):  # a run that goes on would lose what is cleaned up behind its back
        return merge_run(folder, output=output, cleanup=cleanup)


def merge_run(folder: Folder, *, output: str | None = None, cleanup: bool = False) -> MergeReport:
    """Merge the mistakes files of the run in ``folder``, by default into that folder. Raises what ``merge`` raises."""
    inputs = folder.folder(layout.MISTAKES)
    if output is not None:
        return merge_mistakes(inputs, output, cleanup=cleanup)
    return merge_into(inputs, folder, layout.MERGED, cleanup=cleanup)


def _check_not_imported(folder: Folder) -> None:
    """Raise UsageError for outputs from elsewhere: nothing was transcribed, so no mistakes files were written."""
    spec = RunStore(folder).spec()
    if spec is not None and is_imported(spec) and not folder.names(layout.MISTAKES):
        raise UsageError(
            f"{folder.url} has no mistakes files to merge",
            cause="its hypotheses are imported, and only earmark eval writes mistakes files, as it transcribes",
            hint=f"{folder.url}/{layout.SCORES} has both texts and the errors of every utterance",
        )
