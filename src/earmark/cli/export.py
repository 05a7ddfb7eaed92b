"""``earmark export``: flags to arguments."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from earmark.cli.screen import number_of, say
from earmark.errors import without_secret
from earmark.verbs.events import Event, Warned


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
        The file, or the folder of several (stdout).
    """
    from earmark.verbs.export import export

    number = export(run, to, sys.stdout.buffer if out is None else out, observer=_say_note)
    sys.stdout.flush()
    say(f"exported {number_of(number, 'utterance')}{'' if out is None else f': {without_secret(out)}'}")
    return 0


def _say_note(event: Event) -> None:
    if isinstance(event, Warned):
        say(f"note: {event.sentence}")
