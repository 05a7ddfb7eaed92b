"""``earmark merge``: flags to arguments."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from earmark.cli.screen import say


def merge_command(
    run: str | None = None,
    /,
    *,
    input_dir: str | None = None,
    output: str | None = None,
    cleanup: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Merge the mistakes files of a run into one Parquet file.

        earmark merge runs/NAME
        earmark merge --input-dir batch_mistakes_parquet --output merged_mistakes.parquet --cleanup

    Parameters
    ----------
    run
        The run's folder (without it: the working folder).
    input_dir
        Where the files are (batch_mistakes_parquet).
    output
        The merged file (merged_mistakes.parquet).
    cleanup
        Remove the merged files once the output is safe.
    """
    from earmark.verbs.merge import merge

    report = merge(run, input_dir=input_dir, output=output, cleanup=cleanup)
    for name in report.damaged:
        say(f"warning: {name} is damaged or has other columns: left out, and left alone")
    print(f"mistakes {report.num_rows:,}, files {report.num_files:,}: {report.output}")  # noqa: T201  # the result
    if report.num_removed:
        say(f"removed {report.num_removed:,} merged files")
    return 0
