"""``earmark doctor``: flags to arguments, and what was found, a line each."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from earmark.cli.data_flags import OUTPUT, WORKERS
from earmark.cli.screen import json_for_screen, number_of, say, tell
from earmark.errors import EXIT_FAILED

if TYPE_CHECKING:
    from earmark.verbs.doctor import Diagnosis

_MARKS = {"ok": "ok      ", "warning": "warning ", "problem": "PROBLEM "}


def doctor_command(
    *,
    address: Annotated[str | None, Parameter(group=WORKERS)] = None,
    json_: Annotated[bool, Parameter(name="--json", group=OUTPUT, negative="")] = False,
) -> int:
    """Look at this machine: devices, torch, codecs, disks, tokens, packages.

    Parameters
    ----------
    address
        Of a Ray cluster (RAY_ADDRESS).
    json_
        One JSON object on stdout, and no page.
    """
    from earmark.cli.twins import misread, twins
    from earmark.verbs.doctor import doctor

    found = doctor(address=address, twins=twins(), wrong=misread(os.environ))
    if json_:
        sys.stdout.write(json_for_screen(json.dumps(found.as_json(), indent=2)) + "\n")
    else:
        _print(found)
    _say_verdict(found)
    return 0 if found.is_fit else EXIT_FAILED


def _print(found: Diagnosis) -> None:
    width = max(len(one.name) for one in found.findings)
    for one in found.findings:
        tell(f"{_MARKS[one.level]}{one.name:<{width}}  {one.sentence}")
        if one.mend:
            tell(f"{'':<{len(_MARKS[one.level]) + width}}  mend: {one.mend}")


def _say_verdict(found: Diagnosis) -> None:
    counts = {level: sum(one.level == level for one in found.findings) for level in ("problem", "warning")}
    fit = "a plain run has all that it needs" if found.is_fit else "a plain run will not work"
    say(f"{fit}: {number_of(counts['problem'], 'problem')}, {number_of(counts['warning'], 'warning')}")
