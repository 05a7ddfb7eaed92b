"""``earmark modal clean``: asks, and throws away."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from earmark.cli.screen import say, tell
from earmark.errors import UsageError


def modal_command(
    action: Literal["clean"],
    what: Literal["all", "data", "models", "results"] = "all",
    /,
    *,
    yes: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Throw away what earmark keeps in Modal's cloud.

    Parameters
    ----------
    action
        What is done: clean removes Volumes, with all that is on them.
    what
        Of what: staged data, fetched models, parts of runs.
    yes
        Do not ask.
    """
    del action  # there is one
    from earmark.verbs.volumes import VOLUMES, clean_volumes

    kinds = VOLUMES if what == "all" else {what: VOLUMES[what]}
    named = list(kinds.values())
    if not yes and not _agrees(named):
        say("nothing was removed")
        return 0
    removed = clean_volumes(list(kinds))
    for name in named:
        tell(f"removed {name}" if name in removed else f"there was no {name}")
    return 0


def _agrees(named: list[str]) -> bool:
    """Whether the person at the terminal says so. Raises UsageError where there is none to ask."""
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to ask whether Volumes may be removed", hint="earmark modal clean --yes")
    say(f"This removes {', '.join(named)} in Modal's cloud, with all that is on them.")
    sys.stderr.write("Type yes to go on: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"
