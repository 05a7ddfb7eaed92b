"""Whether a Ray cluster's address is one that a run can have: asked as the engine asks it, and said in seconds."""

from __future__ import annotations

from importlib.util import find_spec

from earmark.diagnosis.finding import Finding, Level, fine
from earmark.engines.ray.address import LOCAL, address_of, check_admits, check_answers
from earmark.errors import UsageError
from earmark.redaction import without_secret


def cluster_finding(named: str, *, asked_by: str, level: Level) -> Finding:
    """Of ``HOST:PORT`` or ``auto``; ``level`` is that of what no run can have.

    ``asked_by`` is the flag or the variable that names it. Whether a driver is let in is asked where Ray is installed.
    """
    shown = without_secret(named)
    try:
        address = address_of(named)
        check_answers(address)
        if address == LOCAL:
            return fine("cluster", f"{asked_by} is {shown}: one is started on this machine when a run begins")
        if find_spec("ray") is None:
            return fine("cluster", f"{shown} answers; whether it lets a driver in is not known without ray")
        check_admits(address)
        return fine("cluster", f"{shown} answers, and lets a driver in")
    except UsageError as error:
        why = f"{error.what}: {error.cause}" if error.cause else error.what
        return Finding(name="cluster", level=level, sentence=f"{asked_by}: {why}", mend=error.hint)
