"""Whether a cluster's address answers, in seconds: a connection is opened, and nothing is said."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from earmark.diagnosis.finding import Finding, Level, fine
from earmark.redaction import without_secret

_DEADLINE_S = 3.0
_PORTS = {"": 6379, "ray": 10001, "http": 80, "https": 443}
"""Where what is asked for listens, where the address does not say."""
_NOT_A_HOST = ("auto", "local")


def cluster_finding(address: str, *, asked_by: str, level: Level, deadline_s: float = _DEADLINE_S) -> Finding:
    """Of ``host:6379``, ``ray://host:10001`` or ``http://host:8265``; ``level`` is that of a silence.

    ``asked_by`` is the flag or the variable that names it.
    """
    shown = without_secret(address)
    if address in _NOT_A_HOST:
        return fine("cluster", f"{asked_by} is {shown}: found by Ray itself when a run begins")
    mend = f"start it there (ray start --head), or give {asked_by} as HOST:PORT; is a firewall between?"
    try:
        host, port = _place(address)
        with socket.create_connection((host, port), timeout=deadline_s):
            return fine("cluster", f"{shown} answers")
    except (OSError, ValueError) as error:
        why = f"no answer within {deadline_s:g} s" if isinstance(error, TimeoutError) else str(error)
        return Finding(name="cluster", level=level, sentence=f"{asked_by} {shown} cannot be reached: {why}", mend=mend)


def _place(address: str) -> tuple[str, int]:
    scheme, mark, rest = address.partition("://")
    parts = urlsplit(f"//{rest if mark else address}")
    if not parts.hostname:
        raise ValueError("it names no host")
    return parts.hostname, parts.port or _PORTS.get(scheme if mark else "", _PORTS[""])
