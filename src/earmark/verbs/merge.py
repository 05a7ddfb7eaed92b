"""``merge``: the mistakes files of a run, or of any folder, in one Parquet file."""

from __future__ import annotations

from earmark.errors import UsageError
from earmark.reports.merge import MergeReport, merge_mistakes
from earmark.store import layout
from earmark.store.folder import open_folder


def merge(
    run: str | None = None, *, input_dir: str | None = None, output: str | None = None, cleanup: bool = False
) -> MergeReport:
    """Merge the mistakes files of the folder ``run``, or those in ``input_dir``, into the file ``output``.

    Without ``run`` the defaults are ``batch_mistakes_parquet`` and ``merged_mistakes.parquet`` in the working folder;
    with it they lie in the run's folder. ``cleanup`` removes the merged files once the output is safe.

    Raises UsageError where there is nothing to merge, StoreError where something cannot be read or written.
    """
    if run is not None and input_dir is not None:
        raise UsageError("a run and --input-dir both say where the files are", hint="give one of them")
    base = f"{run.rstrip('/')}/" if run is not None else ""
    return merge_mistakes(
        open_folder(input_dir or f"{base}{layout.MISTAKES}"), output or f"{base}{layout.MERGED}", cleanup=cleanup
    )
