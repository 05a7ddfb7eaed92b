"""``earmark export``: flags to arguments."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from earmark.cli.screen import number_of, say
from earmark.errors import without_secret


def export_command(
    run: str,
    /,
    *,
    to: str,
    out: Annotated[str | None, Parameter(name=["--out", "-o"])] = None,
) -> int:
    """Write what a run heard in a format of other programs.

    Parameters
    ----------
    run
        The run's folder.
    to
        The format: earmark ls exports.
    out
        The file (stdout).
    """
    from earmark.verbs.export import export

    number = export(run, to, sys.stdout.buffer if out is None else out)
    sys.stdout.flush()
    say(f"exported {number_of(number, 'utterance')}{'' if out is None else f': {without_secret(out)}'}")
    return 0
